// Reaching for what is not the function's: secrets, other functions, the network, other processes, its own admitted code.
import { spawn } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import {
  ATTEMPT,
  isRefused,
  pythonProbe,
  runOutside,
  specOf,
  toldBy,
  UNSHOWN,
  unlike,
  type Probe,
} from './probe.ts'

const reversed = (text: string): string => text.split('').toReversed().join('')

const secrets = pythonProbe({
  name: "secrets: data directory, keys, other functions' code and /tmp, the service's environment and memory maps",
  code: `import glob, os
def handler(event, context):
    needle = event["needle"][::-1].encode()
    found, read = [], 0
    places = [os.path.join(at, name) for root in event["roots"] for at, _, names in os.walk(root) for name in names]
    places += glob.glob("/proc/[0-9]*/environ") + glob.glob("/proc/[0-9]*/cmdline") + glob.glob("/proc/[0-9]*/root/" + event["data"] + "/*")
    for path in places:
        try:
            with open(path, "rb") as file: content = file.read(1 << 20)
            read += 1
            if needle in content: found.append(path)
        except OSError: pass
    maps = 0
    for path in glob.glob("/proc/[0-9]*/maps"):
        try: maps += event["program"] in open(path).read()
        except OSError: pass
    return {"found": found, "read": read, "maps": maps}
`,
  event: ({ bench, canary }) => ({
    needle: reversed(canary),
    data: bench.dataDir,
    program: process.execPath,
    roots: ['/var', '/tmp', '/opt', '/mnt', '/media', '/run', '/srv', '/root', '/home', '/etc', '/sys', bench.dataDir], // prettier-ignore
  }),
  outsideEvent: ({ bench }) => ({ roots: [bench.dataDir] }),
  escaped: (outcome) => {
    const { found, read, maps } = toldBy(outcome)
    const nothing = Array.isArray(found) && found.length === 0 && maps === 0
    return nothing && Number(read) > 0 ? undefined : outcome.text.slice(0, 400)
  },
  works: ({ found, maps }) => {
    const paths = found as string[]
    const kinds = [/\/environ$/, /master\.key$/, /prepared\//]
    return Number(maps) > 0 && kinds.every((kind) => paths.some((path) => kind.test(path)))
  },
})

const files = pythonProbe({
  name: '/proc/kcore, /proc/sysrq-trigger, /sys, cgroup files, block devices, the host’s shadow',
  code: `${ATTEMPT}
def handler(event, context):
    def first(path):
        with open(path, "rb") as file: return file.read(1) and "done"
    def device():
        where = (event.get("dir") or "/tmp") + "/disk"
        os.mknod(where, 0o60666, os.makedev(7, 0))
        return "done"
    return {
        "kcore": attempt(lambda: first("/proc/kcore")),
        "kmsg": attempt(lambda: first("/dev/kmsg")),
        "sysrq": attempt(lambda: os.close(os.open("/proc/sysrq-trigger", os.O_WRONLY))),
        "core_pattern": attempt(lambda: os.close(os.open("/proc/sys/kernel/core_pattern", os.O_WRONLY))),
        "sys": attempt(lambda: os.listdir("/sys")),
        "cgroup": attempt(lambda: os.listdir("/sys/fs/cgroup")),
        "shadow": attempt(lambda: first("/etc/shadow")),
        "device": attempt(device),
    }
`,
  escaped: (outcome) => unlike(toldBy(outcome), (_name, value) => isRefused(value)),
  works: (told) => ['sys', 'cgroup', 'shadow'].every((name) => !isRefused(told[name])),
})

const network = pythonProbe({
  name: 'the network: control plane, metadata, outside, abstract sockets, raw interfaces',
  code: `${ATTEMPT}import socket
def handler(event, context):
    def connect(family, where):
        with socket.socket(family, socket.SOCK_STREAM) as s:
            s.settimeout(1.5)
            s.connect(where)
    inet = socket.AF_INET
    told = {"host %s" % at: attempt(lambda: connect(inet, (at, event["port"]))) for at in ["127.0.0.1", "0.0.0.0"] + event["addresses"]}
    # Older libuv pads the name with zeros to the end of the address.
    name = "\\0" + event["abstract"]
    for kind, at in (("exact", name), ("padded", name.ljust(108, "\\0"))): told["abstract " + kind] = attempt(lambda: connect(socket.AF_UNIX, at))
    if not event.get("dir"):
        told["metadata"] = attempt(lambda: connect(inet, ("169.254.169.254", 80)))
        told["outside"] = attempt(lambda: connect(inet, ("1.1.1.1", 53)))
        told["outside6"] = attempt(lambda: connect(socket.AF_INET6, ("2606:4700:4700::1111", 53)))
    return told
`,
  event: ({ port, abstract }) => ({ port, abstract, addresses: [] }),
  escaped: (outcome) => unlike(toldBy(outcome), (_name, value) => isRefused(value)),
  works: (told) =>
    told['host 127.0.0.1'] === 'done' &&
    (told['abstract exact'] === 'done' || told['abstract padded'] === 'done'),
})

/** One function listens; the other looks for it on every loopback port that it names. */
const sandboxes: Probe = {
  name: "another sandbox's port",
  async inside(ground) {
    const listen = `import socket, threading, time
server = socket.create_server(("0.0.0.0", 9999))
def handler(event, context):
    socket.create_connection(("127.0.0.1", 9999), 2).close()
    time.sleep(event["seconds"])
    return {"own": "done"}
`
    const seek = `${ATTEMPT}import socket
def handler(event, context):
    return {str(port): attempt(lambda: socket.create_connection(("127.0.0.1", port), 2).close()) for port in (9999, 9001)}
`
    const one = await specOf(ground, { 'app.py': listen })
    const two = await specOf(ground, { 'app.py': seek })
    await ground.bench.invoke(one, { seconds: 0 })
    const listening = ground.bench.invoke(one, { seconds: 1 })
    const sought = await ground.bench.invoke(two)
    const own = await listening
    for (const { functionId } of [one, two]) await ground.bench.runtime.retire(functionId, '1')
    if (toldBy(own)['own'] !== 'done') return `the listener itself was out of reach: ${own.text}`
    return unlike(toldBy(sought), (_name, value) => isRefused(value))
  },
  async outside(ground) {
    const code = `${ATTEMPT}import socket
def handler(event, context):
    with socket.create_server(("127.0.0.1", 0)) as server:
        return {"reached": attempt(lambda: socket.create_connection(server.getsockname(), 2).close())}
`
    return (await runOutside(ground, code, {}))['reached'] === 'done'
  },
}

const kill: Probe = {
  name: 'kill -9 of other processes',
  async inside(ground) {
    const victim = ground.victim()
    const spec = await specOf(ground, { 'app.py': KILL })
    const outcome = await ground.bench.invoke(spec, { pid: victim.pid, from: 2 })
    await ground.bench.runtime.retire(spec.functionId, spec.version)
    // It may well have ended itself and its own; nobody else.
    return victim.alive() ? undefined : `the victim is dead: ${outcome.text}`
  },
  async outside(ground) {
    const victim = ground.victim()
    await runOutside(ground, KILL, { pid: victim.pid, from: undefined })
    for (let tries = 0; victim.alive() && tries < 50; tries += 1)
      await new Promise((resolve) => setTimeout(resolve, 20))
    return !victim.alive()
  },
}
const KILL = `${ATTEMPT}import signal
def handler(event, context):
    told = {"victim": attempt(lambda: os.kill(event["pid"], signal.SIGKILL))}
    if event.get("from"):
        for pid in list(range(event["from"], 3000)) + list(range(event["pid"] - 500, event["pid"] + 500)):
            if pid != os.getpid() and pid > 1: attempt(lambda: os.kill(pid, signal.SIGKILL))
        told["all"] = attempt(lambda: os.kill(-1, signal.SIGKILL))
    return told
`

const REWRITE = `${ATTEMPT}
def handler(event, context):
    base = event.get("dir") or "/var/task"
    def write(path):
        with open(path, "a") as file: file.write("\\nforged = 1\\n")
    told = {name: attempt(work) for name, work in {
        "append": lambda: write(base + "/target.py"),
        "create": lambda: write(base + "/new.py"),
        "rename": lambda: os.rename(base + "/target.py", base + "/other.py"),
        "replace": lambda: os.replace(base + "/other.py" if event.get("dir") else "/tmp/x.py", base + "/target.py"),
        "symlink": lambda: os.symlink("/tmp", base + "/link"),
        "hardlink": lambda: os.link(base + "/target.py", (event.get("dir") or "/tmp") + "/hard.py"),
        "chmod": lambda: os.chmod(base + "/target.py", 0o777),
        "chown": lambda: os.chown(base + "/target.py", os.getuid(), os.getgid()),
        "remove": lambda: os.unlink(base + "/target.py"),
        "proc": lambda: write("/proc/self/root" + base + "/target.py"),
    }.items()}
    if not event.get("dir"):
        open("/tmp/x.py", "w").close()
        for place in ("/opt", "/var/runtime", "/var/lang", "/usr/lib", "/etc", "", "/var", "/proc/1/root"):
            told["into " + place] = attempt(lambda: write(place + "/forged"))
        told["runtime"] = attempt(lambda: write("/var/runtime/python.py"))
        told["bind"] = attempt(lambda: (_ for _ in ()).throw(OSError(1, "")) if os.system("mount --bind /tmp /var/task 2>/dev/null") else "done")
    return told
`
const code: Probe = {
  name: 'the admitted code: written, renamed, linked, bound over, then run again',
  async inside(ground) {
    const target = 'value = "admitted"\n'
    const spec = await specOf(
      ground,
      { 'app.py': `${REWRITE}\nattack = handler\ndef handler(event, context):\n    told = attack(event, context) if event.get("attack") else None\n    return told or {"code": open("/var/task/target.py").read() + str(sorted(os.listdir("/var/task")))}\n`, 'target.py': target }, // prettier-ignore
      { layers: [{ 'python/a.py': '' }] },
    )
    const told = toldBy(await ground.bench.invoke(spec, { attack: true }))
    const after = toldBy(await ground.bench.invoke(spec, {}))
    await ground.bench.runtime.retire(spec.functionId, spec.version)
    const changed = await ground.bench.runtime.verifyPrepared()
    if (changed.includes(spec.code.codeSha256)) return 'the prepared tree was changed'
    if (after['code'] !== `${target}['app.py', 'target.py']`) return JSON.stringify(after)
    return unlike(told, (_name, value) => isRefused(value))
  },
  async outside(ground) {
    const made = `import os\n${REWRITE}\nattack = handler\ndef handler(event, context):\n    open(event["dir"] + "/target.py", "w").close()\n    return attack(event, context)\n`
    const told = await runOutside(ground, made, {})
    return !['append', 'create', 'rename', 'replace', 'symlink', 'hardlink', 'chmod', 'remove', 'proc'].some((name) => isRefused(told[name])) // prettier-ignore
  },
}

const descriptors: Probe = {
  name: 'inherited descriptors (/proc/self/fd)',
  async inside(ground) {
    const spec = await specOf(ground, { 'app.py': DESCRIPTORS })
    const outcome = await ground.bench.invoke(spec)
    await ground.bench.runtime.retire(spec.functionId, spec.version)
    return unlike(toldBy(outcome), (name, value) => {
      if (name === '0') return value === '/dev/null'
      return ['1', '2', '3'].includes(name) && String(value).startsWith('socket:')
    })
  },
  outside: () =>
    new Promise((resolve, reject) => {
      const call = `${DESCRIPTORS}\nimport json\nprint(json.dumps(handler({}, None)))`
      const child = spawn('/usr/bin/python3', ['-c', call], {
        stdio: ['ignore', 'pipe', 'inherit', 'ignore', 'ignore', 'pipe'],
      })
      let said = ''
      child.stdout?.on('data', (chunk: Buffer) => (said += chunk.toString('utf8')))
      child.once('error', reject)
      child.once('close', () => resolve(said.includes('"5"')))
    }),
}
const DESCRIPTORS = `import os
def handler(event, context):
    told = {}
    for fd in os.listdir("/proc/self/fd"):
        try: told[fd] = os.readlink("/proc/self/fd/" + fd)
        except OSError: pass
    return told
`

/** What the host's own files are to be found by, for the attack on secrets. */
export function plantSecrets(dataDir: string, canary: string): void {
  mkdirSync(join(dataDir, 'keys'), { recursive: true })
  for (const name of ['lacre.db', 'events.db', 'master.key', 'keys/ledger.key'])
    writeFileSync(join(dataDir, name), `${canary}\n`, { mode: 0o600 })
}

export const reach: readonly Probe[] = [
  secrets,
  files,
  network,
  sandboxes,
  kill,
  code,
  descriptors,
  pythonProbe({
    name: 'capabilities and privileges left over; a set-uid program of its own',
    code: `${ATTEMPT}import shutil, subprocess
def handler(event, context):
    status = dict(line.split(":\\t", 1) for line in open("/proc/self/status").read().splitlines() if ":\\t" in line)
    told = {name: status[name].strip() for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp")}
    told["setuid"] = attempt(lambda: os.setuid(0))
    told["setgroups"] = attempt(lambda: os.setgroups([0]))
    told["root"] = attempt(lambda: os.seteuid(0))
    if event.get("dir"): return told
    shutil.copy("/usr/bin/id", "/tmp/id")
    os.chmod("/tmp/id", 0o6755)
    told["id"] = subprocess.run(["/tmp/id", "-u"], capture_output=True, text=True).stdout.strip()
    suid = [os.path.join(at, name) for at, _, names in os.walk("/usr/bin") for name in names if os.stat(os.path.join(at, name), follow_symlinks=False).st_mode & 0o4000]
    told["programs"] = len(suid)
    told["su"] = attempt(lambda: subprocess.run(["/usr/bin/su", "-c", "id -u"], capture_output=True, text=True, stdin=subprocess.DEVNULL).stdout.strip())
    return told
`,
    escaped: (outcome) =>
      unlike(toldBy(outcome), (name, value) => {
        if (name.startsWith('Cap')) return value === '0000000000000000'
        if (name === 'NoNewPrivs') return value === '1'
        if (name === 'Seccomp') return value === '2'
        if (name === 'programs') return true
        if (name === 'id') return value !== '0'
        return name === 'su' ? value !== '0' : isRefused(value)
      }),
    works: ({ CapEff, setuid, setgroups }) =>
      CapEff !== '0000000000000000' && setuid === 'done' && setgroups === 'done' ? true : UNSHOWN,
  }),
]
