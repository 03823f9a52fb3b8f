// The Runtime API misused, what outlives its invocation, and what a package, a layer or a variable would bring in.
import { spawnSync } from 'node:child_process'
import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { ATTEMPT, pythonProbe, runOutside, specOf, toldBy, unlike, type Probe } from './probe.ts'

const CLIENT = `#!/usr/bin/python3
import http.client, json, os, socket, sys, time
api = os.environ["AWS_LAMBDA_RUNTIME_API"]
base = "/2018-06-01/runtime"
def ask(method, path, body=None, headers={}):
    c = http.client.HTTPConnection(api, timeout=20)
    try:
        c.request(method, path, body, headers)
        r = c.getresponse()
        return r.status, r.read(), r.headers
    finally: c.close()
def next():
    _, body, headers = ask("GET", base + "/invocation/next")
    return headers["Lambda-Runtime-Aws-Request-Id"], body
def post(id, what, body, headers={}): return ask("POST", "%s/invocation/%s/%s" % (base, id, what), body, headers)[0]
`
const ABUSE = `${CLIENT}
id, _ = next()
told = {}
other = "00000000-0000-4000-8000-000000000000"
told["another id: response"] = post(other, "response", '"forged"')
told["another id: error"] = post(other, "error", '{"errorMessage":"forged"}')
told["id injected"] = post("../" + other, "response", '"forged"')
told["id with a line end"] = post(other + "%0d%0aX-Injected:%201", "response", '"forged"')
told["next in between"] = "hangs or is refused"
told["init error late"] = ask("POST", base + "/init/error", "{}")[0]
told["extension: false name"] = ask("POST", "/2020-01-01/extension/register", '{"events":["INVOKE"]}', {"Lambda-Extension-Name": "not-there.sh"})[0]
told["extension: no registration"] = ask("GET", "/2020-01-01/extension/event/next", None, {"Lambda-Extension-Identifier": other})[0]
def raw(text):
    with socket.create_connection(tuple(api.split(":")), 5) as s:
        s.settimeout(5)
        s.sendall(text)
        try: return s.recv(64).decode("latin1").split(" ")[1]
        except Exception as e: return type(e).__name__
told["two lengths"] = raw(b"POST %s/invocation/%s/response HTTP/1.1\\r\\nHost: a\\r\\nContent-Length: 5\\r\\nContent-Length: 6\\r\\n\\r\\n12345" % (base.encode(), other.encode()))
told["length and chunks"] = raw(b"POST %s/invocation/%s/response HTTP/1.1\\r\\nHost: a\\r\\nContent-Length: 5\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n0\\r\\n\\r\\n" % (base.encode(), other.encode()))
told["no HTTP"] = raw(b"\\0" * 200 + b"\\r\\n\\r\\n")
told["endless header"] = raw(b"GET / HTTP/1.1\\r\\nX: " + b"a" * 200000)
told["flood"] = sorted({ask("POST", "%s/invocation/%s/response" % (base, other), "x")[0] for _ in range(300)})
told["legitimate"] = post(id, "response", json.dumps(told))
`
/** After the last: the second invocation tells of what followed the first one's answer. */
const AFTER = `${ABUSE}
first = id
double = post(first, "response", '"twice"')
double_error = post(first, "error", '{"errorMessage":"twice"}')
id, _ = next()
late = post(first, "response", '"of the one before"')
post(id, "response", json.dumps({"double": double, "double error": double_error, "the one before": late}))
id, _ = next()
post(id, "response", b"x" * 7340032)
while True:
    id, body = next()
    post(id, "response", body)
`

const custom = (code: string) => ({ bootstrap: { content: code, mode: 0o100755 } })
/** Its time-out is not what is probed, on however busy a machine. */
const CUSTOM = { runtime: 'provided.al2023', handler: 'x', timeoutSeconds: 30 }

/** Far more than it takes on a machine that keeps up: four. */
const CALLS_LIMIT = 16

const api: Probe = {
  name: "the Runtime API: another's id, double, late, injected, split, oversize, flooded, false extension",
  async inside(ground) {
    const spec = await specOf(ground, custom(AFTER), CUSTOM)
    // Where the client takes long to ask again another environment is started, which begins anew: all is to be seen, in
    // whichever.
    const told: Record<string, unknown> = {}
    const isWhole = (): boolean =>
      ['flood', 'the one before', 'large', 'sound'].every((name) => name in told)
    for (let calls = 0; calls < CALLS_LIMIT && !isWhole(); calls += 1) {
      const answer = await ground.bench.invoke(spec, { sound: true })
      if (answer.text.includes('Function.ResponseSizeTooLarge')) told['large'] = 'refused'
      else if (answer.functionError) return answer.text.slice(0, 200)
      else Object.assign(told, toldBy(answer))
    }
    await ground.bench.runtime.retire(spec.functionId, spec.version)
    if (!isWhole()) return `told of nothing but ${Object.keys(told).join(', ')}`
    if (told['sound'] !== true) return 'what was sound afterwards is not what was sent'
    return unlike(told, (name, value) => {
      if (name === 'next in between' || name === 'large' || name === 'sound') return true
      if (name === 'flood') return JSON.stringify(value) === '[400]'
      // A closed connection is an answer too.
      return !(Number(value) < 400)
    })
  },
  async outside(ground) {
    // The same client, keeping to the contract: its answer counts.
    const code = `${CLIENT}\nwhile True:\n    id, _ = next()\n    post(id, "response", json.dumps({"accepted": True}))\n`
    const spec = await specOf(ground, custom(code), CUSTOM)
    const told = toldBy(await ground.bench.invoke(spec, {}))
    await ground.bench.runtime.retire(spec.functionId, spec.version)
    return told['accepted'] === true
  },
}

const early: Probe = {
  name: 'the Runtime API: `next` without an answer, and an answer after the time-out',
  async inside(ground) {
    const early = await specOf(ground, custom(`${CLIENT}\nnext()\nwhile True: next()\n`), { ...CUSTOM, timeoutSeconds: 2 }) // prettier-ignore
    const late = await specOf(
      ground,
      custom(`${CLIENT}\nwhile True:\n    id, body = next()\n    if b"slow" in body: time.sleep(2.5)\n    post(id, "response", '"for ' + id + '"')\n`), // prettier-ignore
      { ...CUSTOM, timeoutSeconds: 2 },
    )
    const unanswered = await ground.bench.invoke(early, {})
    const slow = await ground.bench.invoke(late, { slow: 1 })
    const id = '11111111-1111-4111-8111-111111111111'
    const quick = await ground.bench.invoke(late, {}, id)
    for (const { functionId } of [early, late]) await ground.bench.runtime.retire(functionId, '1')
    if (!unanswered.functionError) return `unanswered: ${unanswered.text}`
    if (!slow.text.includes('Sandbox.Timedout')) return `slow: ${slow.text}`
    return quick.text === `"for ${id}"` ? undefined : `quick: ${quick.text}`
  },
  outside: (ground) => api.outside(ground),
}

const DAEMON = `import os, time
def handler(event, context):
    base = event.get("dir") or "/tmp"
    if event.get("look"): return {"beats": os.path.getsize(base + "/beat")}
    reader, writer = os.pipe()
    if os.fork() == 0:
        os.setsid()
        if os.fork() != 0: os._exit(0)
        # Told of once there is a beat: whoever looks next finds one.
        with open(base + "/beat", "a") as beat: beat.write("x")
        os.write(writer, str(os.getpid()).encode()); os.close(writer)
        for fd in (0, 1, 2):
            os.dup2(os.open("/dev/null", os.O_RDWR), fd)
        while True:
            with open(base + "/beat", "a") as beat: beat.write("x")
            time.sleep(0.01)
    os.wait()
    return {"pid": int(os.read(reader, 20))}
`
const outlives: Probe = {
  name: 'a process that outlives its invocation (double fork, setsid), frozen between, gone with the environment',
  async inside(ground) {
    const spec = await specOf(ground, { 'app.py': DAEMON })
    await ground.bench.invoke(spec, {})
    const before = Number(toldBy(await ground.bench.invoke(spec, { look: true }))['beats'])
    await new Promise((resolve) => setTimeout(resolve, 1_000))
    const after = Number(toldBy(await ground.bench.invoke(spec, { look: true }))['beats'])
    await ground.bench.runtime.retire(spec.functionId, spec.version)
    // Thawed it would be a hundred beats; those while it is invoked are its own time.
    return after - before < 50 ? undefined : `${after - before} beats while nothing was invoked`
  },
  async outside(ground) {
    const pid = Number((await runOutside(ground, DAEMON, {}))['pid'])
    const alive = readFileSync(`/proc/${pid}/comm`, 'utf8').startsWith('python')
    process.kill(pid, 'SIGKILL')
    return alive
  },
}

const before: Probe = {
  name: 'code that was changed after it was verified does not run',
  async inside(ground) {
    const marker = `import os\nos.write(1, b"marker of %s\\n")\ndef handler(event, context): return {"code": "%s"}\n`
    const admitted = marker.replaceAll('%s', 'admitted')
    const spec = await specOf(ground, { 'app.py': admitted })
    await ground.bench.runtime.prepare(spec)
    const file = join(ground.bench.dataDir, 'prepared', spec.code.codeSha256, 'tree/app.py')
    chmodSync(file, 0o644)
    writeFileSync(file, marker.replaceAll('%s', 'forged'))
    const outcome = await ground.bench.invoke(spec, {})
    await ground.bench.runtime.retire(spec.functionId, spec.version)
    const ran = ground.bench.lines.some((line) => line.includes('marker of forged'))
    if (ran) return 'the forged code ran'
    return toldBy(outcome)['code'] === 'admitted' ? undefined : outcome.text
  },
  async outside(ground) {
    const code = `import subprocess, sys\ndef handler(event, context):\n    path = event["dir"] + "/code.py"\n    open(path, "w").write("print('admitted')")\n    open(path, "w").write("print('forged')")\n    return {"ran": subprocess.run([sys.executable, path], capture_output=True, text=True).stdout.strip()}\n`
    return (await runOutside(ground, code, {}))['ran'] === 'forged'
  },
}

const VARIABLES = {
  LD_PRELOAD: '/var/task/none.so',
  LD_LIBRARY_PATH: '/var/task',
  PYTHONPATH: '/var/task/evil',
  PATH: '/var/task/evil',
  NODE_OPTIONS: '--require=/var/task/evil.js',
  AWS_LAMBDA_RUNTIME_API: '203.0.113.1:1',
  LACRE_OPT_ROOT: '/tmp',
  BASH_ENV: '/var/task/evil.sh',
  ENV: '/var/task/evil.sh',
}
const variables = pythonProbe({
  name: 'loader and platform variables set through the environment of the function',
  code: `import os
def handler(event, context):
    return {"api": os.environ.get("AWS_LAMBDA_RUNTIME_API"), "first": "" if event.get("dir") else open("/proc/1/environ").read(), "own": os.environ.get("LD_PRELOAD"),
        "evil": os.path.exists("/tmp/evil")}
`,
  files: Object.fromEntries(
    ['prlimit', 'setpriv', 'bwrap', 'unshare', 'umount', 'crun', 'sh', 'python3', 'node'].map(
      (name) => [
        `evil/${name}`,
        { content: '#!/usr/bin/python3\nopen("/tmp/evil", "w")\n', mode: 0o100755 },
      ],
    ),
  ),
  options: { environment: VARIABLES },
  escaped: (outcome) => {
    const { api, first, own, evil } = toldBy(outcome)
    const held = api === '127.0.0.1:9001' && own === VARIABLES.LD_PRELOAD && evil === false
    return held && !/LD_|PYTHON|NODE|evil/.test(String(first)) ? undefined : outcome.text
  },
  works: () => {
    const said = spawnSync('/bin/sh', ['-c', 'prlimit'], { env: { PATH: '' }, encoding: 'utf8' })
    const dir = spawnSync('/usr/bin/env', [], { env: VARIABLES, encoding: 'utf8' })
    return said.status !== 0 && dir.stdout.includes('AWS_LAMBDA_RUNTIME_API=203.0.113.1:1')
  },
})

const layer = pythonProbe({
  name: "a layer that brings the handler's own file",
  code: `import os, sys\ndef handler(event, context): return {"from": os.path.abspath(__file__), "path": sys.path}\n`,
  options: {
    layers: [
      {
        'app.py': 'def handler(event, context): return {"from": "layer"}',
        'python/app.py': 'def handler(event, context): return {"from": "layer"}',
        'var/task/app.py': 'def handler(event, context): return {"from": "layer"}',
      },
    ],
  },
  escaped: (outcome) => {
    const told = toldBy(outcome)
    return told['from'] === '/var/task/app.py' ? undefined : outcome.text
  },
  works: (_told, { dir }) => {
    // Whoever comes first in the path does win: Python itself sees to nothing.
    writeFileSync(join(dir, 'app.py'), 'whose = "layer"\n')
    const call = 'import sys; sys.path.insert(0, sys.argv[1]); import app; print(app.whose)'
    const made = spawnSync('/usr/bin/python3', ['-c', call, dir], { encoding: 'utf8' })
    return made.stdout.trim() === 'layer'
  },
})

/** An ELF header for aarch64, and a file that is no library. */
const FOREIGN = Buffer.concat([
  Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, process.arch === 'x64' ? 0xb7 : 0x3e, 0]),
  Buffer.alloc(512),
]) // prettier-ignore
const architecture = pythonProbe({
  name: 'programs and libraries for another architecture',
  code: `${ATTEMPT}import ctypes, shutil, subprocess
def handler(event, context):
    base = event.get("dir") or "/var/task"
    if event.get("dir"): shutil.copy("/usr/bin/true", base + "/foreign")
    return {"program": attempt(lambda: subprocess.run([base + "/foreign"]).returncode),
        "library": attempt(lambda: str(bool(ctypes.CDLL(base + "/foreign.so"))))}
`,
  files: {
    foreign: { content: FOREIGN.toString('latin1'), mode: 0o100755 },
    'foreign.so': FOREIGN,
  },
  escaped: (outcome) => unlike(toldBy(outcome), (_name, value) => String(value).startsWith('ERR ')),
  works: ({ program }) => program === 0,
})

export const contract: readonly Probe[] = [
  api,
  early,
  outlives,
  before,
  variables,
  layer,
  architecture,
]
