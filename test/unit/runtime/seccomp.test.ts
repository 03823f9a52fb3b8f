import { describe, expect, test } from 'vitest'

import { assemble } from '../../../services/runtime/spawner/bpf.ts'
import { seccompFilter } from '../../../services/runtime/spawner/seccomp.ts'

const ALLOW = 0x7fff0000
const EPERM = 0x00050001
const ENOSYS = 0x00050026
const KILL = 0x80000000
const X64 = 0xc000003e
const ARM64 = 0xc00000b7

interface Call {
  readonly arch?: number
  readonly nr: number
  readonly args?: readonly number[]
}

/** A kernel's reading of classic BPF, as far as seccomp needs it. */
function run(filter: Buffer, { arch = X64, nr, args = [] }: Call): number {
  const data = Buffer.alloc(64)
  data.writeUInt32LE(nr, 0)
  data.writeUInt32LE(arch, 4)
  args.forEach((value, i) => data.writeBigUInt64LE(BigInt(value), 16 + 8 * i))
  let accumulator = 0
  for (let at = 0; at < filter.length / 8; at += 1) {
    const code = filter.readUInt16LE(at * 8)
    const jt = filter.readUInt8(at * 8 + 2)
    const jf = filter.readUInt8(at * 8 + 3)
    const k = filter.readUInt32LE(at * 8 + 4)
    if (code === 0x20) accumulator = data.readUInt32LE(k)
    else if (code === 0x54) accumulator = (accumulator & k) >>> 0
    else if (code === 0x05) at += k
    else if (code === 0x15) at += accumulator === k ? jt : jf
    else if (code === 0x35) at += accumulator >= k ? jt : jf
    else if (code === 0x06) return k
    else throw new Error(`unknown code ${code}`)
  }
  throw new Error('the program ran off its end')
}

describe('the filter for x86-64', () => {
  const filter = seccompFilter('x64')
  test.each([
    ['read', { nr: 0 }, ALLOW],
    ['another architecture', { nr: 0, arch: ARM64 }, KILL],
    ['i386', { nr: 0, arch: 0x40000003 }, KILL],
    ['x32', { nr: 0x40000000 }, EPERM],
    ['x32 unshare', { nr: 0x40000000 + 272 }, EPERM],
    ['clone3', { nr: 435 }, ENOSYS],
    ['a thread', { nr: 56, args: [0x3d0f00] }, ALLOW],
    ['a fork', { nr: 56, args: [17] }, ALLOW],
    ['clone with a user namespace', { nr: 56, args: [0x10000011] }, EPERM],
    ['clone with a network namespace', { nr: 56, args: [0x40000000] }, EPERM],
    ['unix socket', { nr: 41, args: [1, 1, 0] }, ALLOW],
    ['inet socket', { nr: 41, args: [2, 1, 6] }, ALLOW],
    ['inet6 socket', { nr: 41, args: [10, 2, 0] }, ALLOW],
    ['route netlink', { nr: 41, args: [16, 3, 0] }, ALLOW],
    ['audit netlink', { nr: 41, args: [16, 3, 9] }, EPERM],
    ['packet socket', { nr: 41, args: [17, 3, 0] }, EPERM],
    ['vsock', { nr: 41, args: [40, 1, 0] }, EPERM],
    ['TIOCGWINSZ', { nr: 16, args: [0, 0x5413] }, ALLOW],
    ['TIOCSTI', { nr: 16, args: [0, 0x5412] }, EPERM],
    ['TIOCLINUX', { nr: 16, args: [0, 0x541c] }, EPERM],
    ['mount', { nr: 165 }, EPERM],
    ['ptrace', { nr: 101 }, EPERM],
    ['bpf', { nr: 321 }, EPERM],
    ['io_uring_setup', { nr: 425 }, EPERM],
    ['execve', { nr: 59 }, ALLOW],
    ['a call not invented yet', { nr: 999 }, ALLOW],
  ] satisfies [string, Call, number][])('%s', (_name, call, expected) => {
    expect(run(filter, call)).toBe(expected)
  })
})

describe('the filter for aarch64', () => {
  const filter = seccompFilter('arm64')
  test.each([
    ['x86-64', { nr: 0 }, KILL],
    ['read', { nr: 63, arch: ARM64 }, ALLOW],
    ['unshare', { nr: 97, arch: ARM64 }, EPERM],
    ['clone3', { nr: 435, arch: ARM64 }, ENOSYS],
    ['clone with a user namespace', { nr: 220, arch: ARM64, args: [0x10000000] }, EPERM],
    ['mount', { nr: 40, arch: ARM64 }, EPERM],
  ] satisfies [string, Call, number][])('%s', (_name, call, expected) => {
    expect(run(filter, call)).toBe(expected)
  })
})

describe('the assembler', () => {
  test('refuses a jump backwards, to nowhere, and too far', () => {
    const back = [
      { op: 'label', name: 'a' },
      { op: 'jump', to: 'a' },
    ] as const
    const far = [
      { op: 'jump-equal', value: 1, to: 'end' },
      ...Array.from({ length: 256 }, () => ({ op: 'return', value: 0 }) as const),
      { op: 'label', name: 'end' },
      { op: 'return', value: 1 },
    ] as const

    expect(() => assemble(back)).toThrow(RangeError)
    expect(() => assemble([{ op: 'jump', to: 'nowhere' }])).toThrow('no label nowhere')
    expect(() => assemble(far)).toThrow('255')
  })
})
