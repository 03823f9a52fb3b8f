import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'

import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { sha256, systemRandom, type ReleaseSpec } from '../../services/model/index.ts'
import { encodeInvocation } from '../../services/runtime/channel.ts'
import { encodeAssignment, REHEARSAL } from '../../services/runtime/codeless-environment.ts'
import { envelopeOf, envelopeText } from '../../services/runtime/envelope.ts'
import type { EnvironmentHandle, Isolation } from '../../services/runtime/handle.ts'
import { findInterpreters } from '../../services/runtime/interpreters.ts'
import { openIsolation } from '../../services/runtime/isolation.ts'
import { findPrograms } from '../../services/runtime/programs.ts'
import { eventually } from '../support/eventually.ts'
import {
  canBubblewrap,
  nodeFunction,
  quietLog,
  RuntimeBench,
  type Files,
} from '../support/runtime.ts'
import { leftovers, NOTHING, sandboxProcesses } from '../support/sandbox-probes.ts'

/** All that a function can see of how it was started; what is one environment's own (log stream, uid, times) is left out. */
const SEEN_BY_NODE: Files = {
  'index.js': `const fs = require('fs'), os = require('os'), v8 = require('v8'), module_ = require('module')
const lines = (path) => fs.readFileSync(path, 'utf8').split('\\n')
const atLoad = { cwd: process.cwd(), cache: Object.keys(require.cache), handles: process._getActiveHandles().length }
exports.handler = async () => {
  const { AWS_LAMBDA_LOG_STREAM_NAME, ...env } = process.env
  return { env, named: typeof AWS_LAMBDA_LOG_STREAM_NAME, atLoad, cwd: process.cwd(), argv: process.argv, execArgv: process.execArgv,
    cmdline: fs.readFileSync('/proc/self/cmdline', 'utf8'), uid: process.getuid(), gid: process.getgid(), umask: process.umask(),
    status: lines('/proc/self/status').filter((l) => /^(Cap|NoNew|Seccomp|Groups|Uid|Gid)/.test(l)), limits: lines('/proc/self/limits'),
    pids: fs.readdirSync('/proc').filter((name) => /^\\d+$/.test(name)), pid: process.pid, ppid: process.ppid,
    mounts: [...new Set(lines('/proc/self/mountinfo').map((l) => l.split(' ')[4] + ' ' + (l.split(' ')[5] ?? '').split(',')[0]))].sort(),
    cgroup: lines('/proc/self/cgroup').length, fds: fs.readdirSync('/proc/self/fd').filter((fd) => fd < 5),
    task: fs.readdirSync('/var/task'), opt: fs.readdirSync('/opt'), tmp: fs.readdirSync('/tmp'), tmpSize: fs.statfsSync('/tmp').blocks,
    heap: v8.getHeapStatistics().heap_size_limit, paths: module_.globalPaths, listeners: process.eventNames().map(String).sort(),
    nets: Object.keys(os.networkInterfaces()), host: os.hostname(), hour: new Date(0).getHours(), locale: Intl.DateTimeFormat().resolvedOptions() } }
`,
}
const SEEN_BY_PYTHON: Files = {
  'app.py': `import json, locale, os, resource, sys, time
at_load = [os.getcwd(), sorted(sys.modules)]
def handler(event, context):
    env = {name: value for name, value in os.environ.items() if name != "AWS_LAMBDA_LOG_STREAM_NAME"}
    return {"env": env, "at_load": at_load, "cwd": os.getcwd(), "argv": sys.argv, "path": sys.path, "flags": list(sys.flags),
            "uid": [os.getuid(), os.getgid()], "pids": [name for name in os.listdir("/proc") if name.isdigit()], "pid": os.getpid(),
            "cmdline": open("/proc/self/cmdline").read(), "limits": open("/proc/self/limits").read(), "fds": os.listdir("/proc/self/fd"),
            "task": sorted(os.listdir("/var/task")), "tmp": os.listdir("/tmp"), "locale": [locale.getlocale(), sys.getfilesystemencoding()],
            "zone": [time.tzname, time.localtime(0).tm_hour], "stdout": [sys.stdout.encoding, sys.stdout.line_buffering]}
`,
}
const PYTHON = { runtime: 'python3.11', handler: 'app.handler' }
const ENVIRONMENT = {
  GREETING: 'olá "x" $y\nz',
  TZ: 'Europe/Lisbon',
  NODE_ENV: 'production',
  A: '',
}

describe.skipIf(!canBubblewrap)('an environment that was started before its code was known', () => {
  let bench: RuntimeBench
  beforeAll(async () => {
    bench = await RuntimeBench.open({ isolation: 'bubblewrap', prewarmed: 2, maxEnvironments: 20 })
  })
  afterAll(() => bench[Symbol.asyncDispose]())

  const assignedBy = async (work: () => Promise<unknown>): Promise<number> => {
    const { assigned } = bench.runtime.stats().prewarmed
    await work()
    return bench.runtime.stats().prewarmed.assigned - assigned
  }

  test.each([
    ['Node', SEEN_BY_NODE, {}],
    ['Python', SEEN_BY_PYTHON, PYTHON],
  ])('%s code sees in it what it sees in one from nothing', async (_language, files, options) => {
    const spec = await bench.spec(files, { ...options, environment: ENVIRONMENT })
    await using plain = await RuntimeBench.open({ isolation: 'bubblewrap' })
    const fromNothing = await plain.invoke(await plain.spec(files, { ...options, environment: ENVIRONMENT })) // prettier-ignore

    let late: unknown
    const assigned = await assignedBy(async () => {
      late = (await bench.invoke(spec)).json
    })

    expect(assigned).toBe(1)
    expect(late).toEqual(fromNothing.json)
    expect(late).toMatchObject({ env: ENVIRONMENT, cwd: '/var/task' })
  })

  test('functions at once see their own code, and no other’s', async () => {
    const read = `const fs = require('fs'); return [fs.readdirSync('/var/task').join(), fs.readFileSync('/proc/self/mountinfo', 'utf8')]`
    const specs = await Promise.all(
      ['one', 'two'].map((name) => bench.spec({ ...nodeFunction(read), [name]: '' })),
    )

    const seen = (await Promise.all(specs.map((spec) => bench.invoke(spec)))).map(({ json }) => json as [string, string]) // prettier-ignore

    expect(seen.map(([files]) => files)).toEqual(['index.js,one', 'index.js,two'])
    for (const [at, [, mounts]] of seen.entries()) {
      const other = specs[1 - at]?.code.codeSha256 ?? ''
      expect(mounts).toContain(specs[at]?.code.codeSha256)
      expect(mounts).not.toContain(other)
      // Its own place and the code over it.
      expect(mounts.split('\n').filter((line) => line.includes(' /var/task '))).toHaveLength(2)
      expect(mounts).not.toContain('shared:')
    }
  })

  test('each has a uid and limits of its own, before there is code', async () => {
    const uids = sandboxProcesses(bench.uidFraction).flatMap((pid) => {
      const status = readFileSync(`/proc/${pid}/status`, 'utf8')
      const memory = readFileSync(`/proc/${pid}/cgroup`, 'utf8')
      expect(memory).toContain('/lacre-')
      return /^Uid:\s+(\d+)/m.exec(status)?.[1] ?? []
    })

    const { environments, prewarmed } = bench.runtime.stats()
    expect(new Set(uids).size).toBe(environments + prewarmed.ready)
  })

  test.each([
    ['a loader variable', { environment: { LD_PRELOAD: '' } }],
    ['a variable that is read early', { environment: { UV_THREADPOOL_SIZE: '2' } }],
    ['a path of its own', { environment: { PATH: '/usr/bin:/bin' } }],
    ['layers', { layers: [{ a: '' }] }],
    ['a place for internal extensions', { environment: { LACRE_INTERNAL_EXTENSIONS: '1' } }],
  ])('%s is served from nothing', async (_what, options) => {
    const spec = await bench.spec(nodeFunction('return process.env'), options)

    const assigned = await assignedBy(async () => await bench.invoke(spec))

    expect(assigned).toBe(0)
  })

  test('one that ends or hangs while it waits costs a start from nothing, and no invocation', async () => {
    await using own = await RuntimeBench.open({ isolation: 'bubblewrap', prewarmed: 1 })
    const spec = await own.spec(nodeFunction('return 1'))
    const waiting = (): string[] =>
      sandboxProcesses(own.uidFraction).filter((pid) =>
        readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('/var/runtime/node.mjs'),
      )
    await own.prewarmed()
    for (const pid of waiting()) process.kill(Number(pid), 'SIGKILL')
    await eventually(() => own.runtime.stats().prewarmed.ready).toBe(1)
    const call = { requestId: randomUUID(), payload: Buffer.from('{}'), invokedArn: 'arn', tail: false, signal: new AbortController().signal } // prettier-ignore
    const killed = await own.runtime.invoke(spec, call)
    await own.prewarmed()
    for (const pid of waiting()) process.kill(Number(pid), 'SIGSTOP')

    const hung = await own.invoke({ ...spec, functionId: 'fn-hung' })

    expect([Buffer.from(killed.payload).toString(), hung.text]).toEqual(['1', '1'])
    expect(own.runtime.stats().prewarmed.assigned).toBe(0)
  })

  test('the kinds asked for last are kept, and nothing of the others', async () => {
    await using own = await RuntimeBench.open({ isolation: 'bubblewrap', prewarmed: 1, maxEnvironments: 1 }) // prettier-ignore
    for (const memoryMb of [128, 192, 320, 384])
      await own.invoke(await own.spec(nodeFunction('return 1'), { memoryMb }))
    await own.prewarmed()

    expect(own.runtime.stats().prewarmed.ready).toBe(4)
    await own.runtime[Symbol.asyncDispose]()
    await eventually(() => leftovers(own.uidFraction)).toEqual(NOTHING)
  })
})

describe.skipIf(!canBubblewrap)('the envelope', () => {
  let bench: RuntimeBench
  let isolation: Isolation
  let spec: ReleaseSpec
  beforeAll(async () => {
    bench = await RuntimeBench.open()
    isolation = await openIsolation({
      dataDir: join(bench.dataDir, 'isolation'),
      driver: 'bubblewrap',
      programs: findPrograms(),
      interpreters: await findInterpreters({
        nodePath: process.execPath,
        nodeVersion: process.version,
        runtimesDir: undefined,
        substitute: true,
      }),
      random: systemRandom,
      log: quietLog,
      prewarmed: 0,
    })
    spec = await bench.spec({
      'index.js': `console.log('LOADED')\nexports.handler = async () => 1\n`,
      'app.py': `print('LOADED')\ndef handler(event, context): return 1\n`,
    })
    await bench.runtime.prepare(spec)
  })
  afterAll(async () => {
    await isolation[Symbol.asyncDispose]()
    await bench[Symbol.asyncDispose]()
  })

  const arrival = () => ({
    codeDir: join(bench.dataDir, 'prepared', spec.code.codeSha256, 'tree'),
    envelope: envelopeOf(spec),
  })
  const told = (command: readonly string[], change: object = {}): Buffer => {
    const _HANDLER = command.at(-1) === '/var/runtime/python.py' ? 'app.handler' : 'index.handler'
    const variables = { _HANDLER, LAMBDA_TASK_ROOT: '/var/task' }
    return encodeAssignment(envelopeText({ ...envelopeOf(spec), ...change }), variables)
  }

  const start = async (
    command: readonly string[],
  ): Promise<{
    handle: EnvironmentHandle
    channel: Duplex
    read: () => string
    written: () => string
  }> => {
    let output = ''
    let words = ''
    const handle = await isolation.start(
      {
        slot: randomUUID(),
        command,
        variables: {},
        platformPaths: [],
        wire: 'frames',
        api: false,
        egress: false,
        extensions: [],
        runtimeOnly: [],
        layerDirs: [],
        codeDir: undefined,
        memoryMb: 256,
        ephemeralMb: 16,
      },
      {
        output: (socket) =>
          socket.on('data', (chunk: Buffer) => (output += chunk.toString())).resume(),
        extensionOutput: () => undefined,
        records: () => undefined,
        memberEnded: () => undefined,
        api: () => undefined,
        egress: () => undefined,
      },
    )
    const channel = handle.connect()
    channel.on('data', (chunk: Buffer) => (words += chunk.toString('hex')))
    channel.resume()
    const rehearsing = command.at(-1) === '/var/runtime/node.mjs' ? REHEARSING : ''
    if (rehearsing !== '') {
      await eventually(() => words).toBe(rehearsing)
      channel.write(encodeInvocation(REHEARSAL))
    }
    // Nothing of what it practised is told.
    const before = `${rehearsing}${WAITING}`
    await eventually(() => words).toBe(before)
    return { handle, channel, read: () => words.slice(before.length), written: () => output }
  }
  const REHEARSING = '010000000c'
  const WAITING = '0100000009'
  const commands = [
    ['Node', ['/var/lang/bin/node', '/var/runtime/node.mjs']],
    ['Python', ['/var/lang/bin/python3', '-u', '/var/runtime/python.py']],
  ] as const
  const REFUSED = '010000000b'
  const ASSIGNED = '010000000a'

  test.each(commands)(
    'that %s is told twice alike lets it load its code',
    async (_name, command) => {
      const { handle, channel, read, written } = await start(command)

      await handle.assign(arrival())
      channel.write(told(command))
      await eventually(written).toContain('LOADED')

      expect(read().startsWith(ASSIGNED)).toBe(true)
      handle.stop()
      await handle.exited
    },
  )

  test.each(
    commands.flatMap(([name, command]) =>
      ['functionId', 'version', 'release', 'decisionId', 'codeSha256'].map(
        (member) => [name, member, command] as const,
      ),
    ),
  )(
    '%s that is told another %s by the service than by the spawner loads nothing',
    async (_name, member, command) => {
      const { handle, channel, read, written } = await start(command)

      await handle.assign(arrival())
      channel.write(told(command, { [member]: 'another' }))
      const exit = await handle.exited

      expect(read()).toBe(REFUSED)
      expect(exit.code).toBe(1)
      expect(written()).toBe('')
    },
  )

  test.each(commands)('%s that has no code loads nothing', async (_name, command) => {
    const { handle, channel, read, written } = await start(command)

    channel.write(told(command))
    await handle.exited

    expect(read()).toBe(REFUSED)
    expect(written()).toBe('')
  })

  test('of other code than the one that is shown is refused by the spawner, and so is a second one', async () => {
    const { handle } = await start(commands[0][1])
    const { codeDir, envelope } = arrival()
    const other = { codeDir, envelope: { ...envelope, codeSha256: sha256('other') } }

    await expect(handle.assign(other)).rejects.toThrow('the code is not that of the envelope')
    await expect(handle.assign(arrival())).rejects.toThrow('the environment has its code')

    handle.stop()
    await handle.exited
  })
})
