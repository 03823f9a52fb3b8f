import { assemble, type Instruction } from './bpf.ts'

/** `AUDIT_ARCH_*`, linux/audit.h. */
const ARCHITECTURES = {
  x64: { audit: 0xc000003e, column: 0 },
  arm64: { audit: 0xc00000b7, column: 1 },
} as const
export type SeccompArchitecture = keyof typeof ARCHITECTURES

const RET_ALLOW = 0x7fff0000
const RET_KILL_PROCESS = 0x80000000
const RET_ERRNO = 0x00050000
const EPERM = 1
const ENOSYS = 38

// struct seccomp_data { int nr; u32 arch; u64 instruction_pointer; u64 args[6] }, low halves first.
const NR = 0
const ARCH = 4
const argument = (index: number): number => 16 + 8 * index

/** x86-64's other ABI lives in the same table with this bit set; nothing uses it. */
const X32_BIT = 0x40000000
/** Every CLONE_NEW* there is, CLONE_NEWTIME excepted (clone(2) cannot ask for it). */
const CLONE_NAMESPACES = 0x7e020000
const TIOCSTI = 0x5412
const TIOCLINUX = 0x541c
const AF_NETLINK = 16
/** UNIX, INET, INET6; netlink for routes alone (os.networkInterfaces() needs it). */
const FAMILIES_ALLOWED = [1, 2, 10]

/**
 * System calls refused with EPERM, numbers for [x86-64, aarch64]; null where there is none. What a function needs for work
 * is left; what reaches for the kernel's larger surface, other processes or the machine's state is not (RELIABILITY, probes).
 */
const DENIED: Readonly<Record<string, readonly [number | null, number | null]>> = {
  // namespaces and mounts
  unshare: [272, 97],
  setns: [308, 268],
  mount: [165, 40],
  umount2: [166, 39],
  pivot_root: [155, 41],
  chroot: [161, 51],
  open_tree: [428, 428],
  move_mount: [429, 429],
  fsopen: [430, 430],
  fsconfig: [431, 431],
  fsmount: [432, 432],
  fspick: [433, 433],
  mount_setattr: [442, 442],
  open_tree_attr: [467, 467],
  // other processes
  ptrace: [101, 117],
  process_vm_readv: [310, 270],
  process_vm_writev: [311, 271],
  process_madvise: [440, 440],
  process_mrelease: [448, 448],
  kcmp: [312, 272],
  pidfd_getfd: [438, 438],
  migrate_pages: [256, 238],
  move_pages: [279, 239],
  // kernel surface
  keyctl: [250, 219],
  add_key: [248, 217],
  request_key: [249, 218],
  bpf: [321, 280],
  perf_event_open: [298, 241],
  io_uring_setup: [425, 425],
  io_uring_enter: [426, 426],
  io_uring_register: [427, 427],
  userfaultfd: [323, 282],
  memfd_secret: [447, 447],
  fanotify_init: [300, 262],
  fanotify_mark: [301, 263],
  lookup_dcookie: [212, 18],
  name_to_handle_at: [303, 264],
  open_by_handle_at: [304, 265],
  // the machine
  kexec_load: [246, 104],
  kexec_file_load: [320, 294],
  init_module: [175, 105],
  finit_module: [313, 273],
  delete_module: [176, 106],
  create_module: [174, null],
  get_kernel_syms: [177, null],
  query_module: [178, null],
  nfsservctl: [180, 42],
  uselib: [134, null],
  ustat: [136, null],
  sysfs: [139, null],
  _sysctl: [156, null],
  reboot: [169, 142],
  swapon: [167, 224],
  swapoff: [168, 225],
  acct: [163, 89],
  quotactl: [179, 60],
  quotactl_fd: [443, 443],
  syslog: [103, 116],
  iopl: [172, null],
  ioperm: [173, null],
  modify_ldt: [154, null],
  vhangup: [153, 58],
  personality: [135, 92],
  settimeofday: [164, 170],
  clock_settime: [227, 112],
  clock_adjtime: [305, 266],
  adjtimex: [159, 171],
  sethostname: [170, 161],
  setdomainname: [171, 162],
}

const NUMBERS = {
  clone: [56, 220],
  clone3: [435, 435],
  socket: [41, 198],
  ioctl: [16, 29],
} as const

/** The filter every function runs under, as bytes for bwrap's `--seccomp`; a table's order is its own, so it is stable. */
export function seccompFilter(architecture: SeccompArchitecture): Buffer {
  const { audit, column } = ARCHITECTURES[architecture]
  const program: Instruction[] = [
    { op: 'load', offset: ARCH },
    { op: 'jump-equal', value: audit, to: 'arch-known' },
    { op: 'return', value: RET_KILL_PROCESS },
    { op: 'label', name: 'arch-known' },
    { op: 'load', offset: NR },
  ]
  const refuse: Instruction = { op: 'return', value: RET_ERRNO | EPERM }
  if (architecture === 'x64') {
    program.push({ op: 'jump-at-least', value: X32_BIT, to: 'x32' })
    program.push({ op: 'jump', to: 'native' }, { op: 'label', name: 'x32' }, refuse)
    program.push({ op: 'label', name: 'native' })
  }
  // glibc and libuv fall back to clone(2) on ENOSYS; clone3's flags lie behind a pointer that BPF cannot read.
  program.push(
    ...when('clone3', NUMBERS.clone3[column], [{ op: 'return', value: RET_ERRNO | ENOSYS }]),
  )
  program.push(...when('clone', NUMBERS.clone[column], cloneRules()))
  program.push(...when('socket', NUMBERS.socket[column], socketRules()))
  program.push(...when('ioctl', NUMBERS.ioctl[column], ioctlRules()))
  for (const [name, numbers] of Object.entries(DENIED)) {
    const number = numbers[column]
    if (number !== null && number !== undefined) program.push(...when(name, number, [refuse]))
  }
  program.push({ op: 'return', value: RET_ALLOW })
  return assemble(program)
}

/** The rules run when the call is `number`; they end in returns. Otherwise the accumulator still holds the number. */
function when(name: string, number: number, rules: readonly Instruction[]): Instruction[] {
  return [
    { op: 'jump-equal', value: number, to: `is-${name}` },
    { op: 'jump', to: `not-${name}` },
    { op: 'label', name: `is-${name}` },
    ...rules,
    { op: 'label', name: `not-${name}` },
  ]
}

function cloneRules(): Instruction[] {
  return [
    { op: 'load', offset: argument(0) },
    { op: 'and', mask: CLONE_NAMESPACES },
    { op: 'jump-equal', value: 0, to: 'clone-plain' },
    { op: 'return', value: RET_ERRNO | EPERM },
    { op: 'label', name: 'clone-plain' },
    { op: 'return', value: RET_ALLOW },
  ]
}

function socketRules(): Instruction[] {
  return [
    { op: 'load', offset: argument(0) },
    ...FAMILIES_ALLOWED.map((family): Instruction => {
      return { op: 'jump-equal', value: family, to: 'socket-allowed' }
    }),
    { op: 'jump-equal', value: AF_NETLINK, to: 'socket-netlink' },
    { op: 'return', value: RET_ERRNO | EPERM },
    { op: 'label', name: 'socket-netlink' },
    { op: 'load', offset: argument(2) },
    { op: 'jump-equal', value: 0, to: 'socket-allowed' },
    { op: 'return', value: RET_ERRNO | EPERM },
    { op: 'label', name: 'socket-allowed' },
    { op: 'return', value: RET_ALLOW },
  ]
}

function ioctlRules(): Instruction[] {
  return [
    { op: 'load', offset: argument(1) },
    { op: 'jump-equal', value: TIOCSTI, to: 'ioctl-refused' },
    { op: 'jump-equal', value: TIOCLINUX, to: 'ioctl-refused' },
    { op: 'return', value: RET_ALLOW },
    { op: 'label', name: 'ioctl-refused' },
    { op: 'return', value: RET_ERRNO | EPERM },
  ]
}
