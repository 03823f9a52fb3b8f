// Bombs and hogs: processes, threads, memory in every form, time, /tmp, descriptors, output, cores.
import {
  ATTEMPT,
  isKilled,
  pythonProbe,
  runOutside,
  specOf,
  toldBy,
  UNSHOWN,
  type Probe,
} from './probe.ts'

const MORE_THAN_PIDS = 1_300
const PIDS_LIMIT = 1_024
const MB = 1 << 20

const bomb = (name: string, make: string): Probe =>
  pythonProbe({
    name,
    code: `import os, threading, time, signal
def handler(event, context):
    made, children, stop = 0, [], threading.Event()
    threading.stack_size(65536)
    error = None
    try:
        while made < event["most"]:
            ${make}
            made += 1
    except (OSError, RuntimeError) as e:
        error = str(e)
    if event.get("dir"):
        stop.set()
        for child in children: os.kill(child, signal.SIGKILL); os.waitpid(child, 0)
    return {"made": made, "error": error}
`,
    options: { memoryMb: 3_008 },
    event: () => ({ most: MORE_THAN_PIDS }),
    escaped: (outcome) => {
      const { made, error } = toldBy(outcome)
      const held = Number(made) > 50 && Number(made) < PIDS_LIMIT && typeof error === 'string'
      return held || isKilled(outcome) ? undefined : outcome.text
    },
    works: ({ made }) => made === MORE_THAN_PIDS,
  })

const hog = (name: string, take: string): Probe =>
  pythonProbe({
    name,
    code: `import ctypes, mmap, os
def handler(event, context):
    kept = []
    try:
        for n in range(event["mb"]):
            ${take}
    except (MemoryError, OSError) as e:
        return {"mb": n, "error": str(e)}
    return {"mb": event["mb"]}
`,
    options: { memoryMb: 128, ephemeralMb: 64, timeoutSeconds: 40 },
    event: () => ({ mb: 400 }),
    escaped: (outcome) => {
      const { mb, error } = toldBy(outcome)
      const held = isKilled(outcome) || (Number(mb) < 200 && error !== undefined)
      return held ? undefined : outcome.text
    },
    works: ({ mb }) => mb === 400,
  })

const fork = `child = os.fork()
            if child == 0: time.sleep(100); os._exit(0)
            children.append(child)`
const thread = 'threading.Thread(target=stop.wait, daemon=True).start()'
const memfd = `if not kept: kept.append(os.memfd_create("hog"))
            os.write(kept[0], b"x" * (1 << 20))`
const shared = `kept.append(mmap.mmap(-1, 1 << 20)); kept[-1].write(b"x" * (1 << 20))`
const shm = `open("/dev/shm/lacre-probe-%d-%d" % (os.getpid(), n), "wb").write(b"x" * (1 << 20)); os.unlink("/dev/shm/lacre-probe-%d-%d" % (os.getpid(), n))`
const cache = `where = (event.get("dir") or "/tmp") + "/cache"
            open(where, "ab").write(b"x" * (1 << 20))`

/** Ignores every signal that can be, and never answers. */
const spin: Probe = {
  name: 'CPU spin past the time-out, SIGTERM ignored',
  async inside(ground) {
    const code = `import signal
def handler(event, context):
    for n in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP): signal.signal(n, signal.SIG_IGN)
    while True: pass
`
    const spec = await specOf(ground, { 'app.py': code }, { timeoutSeconds: 1 })
    const outcome = await ground.bench.invoke(spec)
    await ground.bench.runtime.retire(spec.functionId, spec.version)
    return outcome.text.includes('Sandbox.Timedout') ? undefined : outcome.text
  },
  async outside(ground) {
    const code = `import os, signal, time
def handler(event, context):
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        while True: pass
    time.sleep(0.2); os.kill(child, signal.SIGTERM); time.sleep(0.2)
    alive = os.waitpid(child, os.WNOHANG) == (0, 0)
    os.kill(child, signal.SIGKILL); os.waitpid(child, 0)
    return {"alive": alive}
`
    return (await runOutside(ground, code, {}))['alive'] === true
  },
}

export const resources: readonly Probe[] = [
  bomb('fork bomb', fork),
  bomb('thread bomb', thread),
  hog('memory hog: heap', 'kept.append(bytearray(b"x" * (1 << 20)))'),
  hog('memory hog: shared anonymous pages', shared),
  hog('memory hog: memfd', memfd),
  hog('memory hog: /dev/shm', shm),
  hog('memory hog: page cache and tmpfs', cache),
  spin,
  pythonProbe({
    name: '/tmp filled past its size, and its inodes used up',
    code: `import os
def handler(event, context):
    base = event.get("dir") or "/tmp"
    told = {}
    try:
        with open(base + "/fill", "wb") as f:
            for n in range(event["mb"]): f.write(b"x" * (1 << 20)); f.flush()
        told["fill"] = "done"
    except OSError as e: told["fill"] = e.errno
    try: os.unlink(base + "/fill")
    except OSError: pass
    try:
        for n in range(event["files"]): open(base + "/i%d" % n, "w").close()
        told["inodes"] = "done"
    except OSError as e: told["inodes"] = e.errno
    return told
`,
    options: { memoryMb: 512, ephemeralMb: 64, timeoutSeconds: 60 },
    event: () => ({ mb: 80, files: 17_000 }),
    escaped: (outcome) => {
      const { fill, inodes } = toldBy(outcome)
      return fill === 28 && inodes === 28 ? undefined : outcome.text
    },
    works: ({ fill, inodes }) => fill === 'done' && inodes === 'done',
  }),
  pythonProbe({
    name: 'descriptors used up, limits raised',
    code: `${ATTEMPT}import resource
def handler(event, context):
    raised = {name: attempt(lambda: resource.setrlimit(getattr(resource, name), (value, value)))
        for name, value in (("RLIMIT_NOFILE", 4096), ("RLIMIT_CORE", 1 << 30), ("RLIMIT_MEMLOCK", 1 << 30))}
    kept = []
    try:
        for n in range(2000): kept.append(os.open("/dev/null", os.O_RDONLY))
    except OSError: pass
    for fd in kept: os.close(fd)
    return {"open": len(kept), "raised": sorted(name for name, result in raised.items() if result == "done")}
`,
    escaped: (outcome) => {
      const { open, raised } = toldBy(outcome)
      const held = Number(open) > 500 && Number(open) < 1_024 && JSON.stringify(raised) === '[]'
      return held ? undefined : outcome.text
    },
    works: ({ open }) => open === 2_000,
  }),
  {
    name: '1 GB of log output',
    async inside(ground) {
      const code = `import os
def handler(event, context):
    for n in range(event["mb"] * 16): os.write(1, b"x" * 65535 + b"\\n")
    return {"mb": event["mb"]}
`
      const spec = await specOf(ground, { 'app.py': code }, { timeoutSeconds: 4, functionName: 'loud' }) // prettier-ignore
      const before = ground.bench.lines.length
      const outcome = await ground.bench.invoke(spec, { mb: 1_024 })
      await ground.bench.runtime.retire(spec.functionId, spec.version)
      const loud = ground.bench.lines.slice(before).filter((line) => line.startsWith('xxxx'))
      const kept = loud.reduce((sum, line) => sum + line.length, 0)
      if (outcome.functionError && !outcome.text.includes('Sandbox.Timedout')) return outcome.text
      return kept > 0 && kept <= 2 * MB ? undefined : `${kept} bytes of output were kept`
    },
    async outside(ground) {
      const code = `import os
def handler(event, context):
    for n in range(64 * 16): os.write(1, b"x" * 65535 + b"\\n")
    return {"mb": 64}
`
      return (await runOutside(ground, code, {}))['mb'] === 64
    },
  },
  pythonProbe({
    name: 'core dump',
    code: `import os, resource
def handler(event, context):
    child = os.fork()
    if child == 0:
        try: resource.setrlimit(resource.RLIMIT_CORE, (-1, -1))
        except Exception: pass
        os.abort()
    status = os.waitpid(child, 0)[1]
    return {"aborted": os.WIFSIGNALED(status), "core": os.WCOREDUMP(status)}
`,
    escaped: (outcome) => {
      const { aborted, core } = toldBy(outcome)
      return aborted === true && core === false ? undefined : outcome.text
    },
    works: ({ core }) => (core === true ? true : UNSHOWN),
  }),
]
