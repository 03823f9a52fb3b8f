import { randomUUID } from 'node:crypto'
import { spawnSync } from 'node:child_process'

import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { eventually } from '../support/eventually.ts'
import { program, readsNotes, shellExtension } from '../support/extensions.ts'
import {
  canBubblewrap,
  canRun,
  nodeFunction,
  RuntimeBench,
  type Files,
} from '../support/runtime.ts'

interface Notes {
  readonly notes: readonly string[]
  readonly pid: number
  readonly env?: Readonly<Record<string, string>>
}

const canCurl = spawnSync('curl', ['--version']).status === 0
const drivers = ['bubblewrap', 'crun', 'process'] as const

for (const isolation of drivers) {
  describe.skipIf(!canCurl || !canRun(isolation))(
    `an extension in shell under ${isolation}`,
    () => {
      let bench: RuntimeBench
      beforeAll(async () => {
        bench = await RuntimeBench.open({ isolation, maxEnvironments: 20 })
      })
      afterAll(() => bench[Symbol.asyncDispose]())

      // Without a sandbox there is no /tmp of one's own: what the extension noted is read in its log.
      test('is there before the runtime, and gets each invocation', async () => {
        const layer = shellExtension('sh', { onInvoke: 'echo "seen $event"' })
        const spec = await bench.spec(nodeFunction('return process.pid'), { layers: [layer] })
        const ids = [randomUUID(), randomUUID()]

        const first = await bench.invoke(spec, {}, ids[0])
        const second = await bench.invoke(spec, {}, ids[1])

        expect(first.functionError, first.text).toBe(false)
        expect(second.json).toBe(first.json)
        await eventually(() => bench.lines.filter((line) => line.startsWith('seen '))).toHaveLength(
          2,
        )
        const seen = bench.lines.filter((line) => line.startsWith('seen '))
        expect(seen.map((line) => JSON.parse(line.slice(5)) as unknown)).toMatchObject(
          ids.map((requestId) => ({
            eventType: 'INVOKE',
            requestId,
            invokedFunctionArn: `${spec.functionArn}:live`,
            tracing: { type: 'X-Amzn-Trace-Id' },
          })),
        )
        expect(bench.lines).toContain(
          'EXTENSION\tName: sh\tState: Ready\tEvents: [INVOKE,SHUTDOWN]',
        )
      })

      test('is told of the end, after the runtime', async () => {
        await using own = await RuntimeBench.open({ isolation })
        const layer = shellExtension('sh', { onShutdown: 'echo "told $event"' })
        const code: Files = {
          'index.js': `process.on('SIGTERM', () => { console.log('runtime told'); process.exit(0) })
exports.handler = async () => 1\n`,
        }
        await own.invoke(await own.spec(code, { layers: [layer] }))

        await own.runtime[Symbol.asyncDispose]()

        const told = own.lines.findIndex((line) => line.startsWith('told '))
        const { shutdownReason, deadlineMs } = JSON.parse(own.lines[told]?.slice(5) ?? '{}') as {
          shutdownReason?: string
          deadlineMs?: number
        }
        expect(shutdownReason).toBe('SPINDOWN')
        expect(deadlineMs).toBeGreaterThan(Date.now() - 5_000)
        const runtimeTold = own.lines.findIndex((line) => line.endsWith('runtime told'))
        expect(runtimeTold).toBeGreaterThan(-1)
        expect(runtimeTold).toBeLessThan(told)
      })

      test('what is revoked while it shuts down is killed then', async () => {
        const layer = shellExtension('lingering', { onShutdown: 'sleep 60' })
        const spec = await bench.spec(readsNotes, { layers: [layer], timeoutSeconds: 1 })
        await bench.invoke(spec)
        await eventually(() => bench.runtime.stats().busy).toBe(0)
        await bench.invoke(spec, { sleepMs: 20_000 })
        const running = (): string =>
          spawnSync('pgrep', ['-f', '/extensions/lingering']).stdout.toString()
        expect(running()).not.toBe('')

        await bench.runtime.retire(spec.functionId, spec.version)

        expect(running()).toBe('')
      })
    },
  )
}

describe.skipIf(!canCurl || !canBubblewrap)('extensions in the sandbox', () => {
  let bench: RuntimeBench
  beforeAll(async () => {
    bench = await RuntimeBench.open({ isolation: 'bubblewrap', maxEnvironments: 30 })
  })
  afterAll(() => bench[Symbol.asyncDispose]())

  test('registering tells of the function, and shares /tmp, processes and uid with it', async () => {
    const layer = shellExtension('sh', { init: 'note "$(id -u) $$"' })
    const spec = await bench.spec(
      {
        'index.js': `const fs = require('fs')
exports.handler = async () => {
  const [told, who] = fs.readFileSync('/tmp/sh', 'utf8').split('\\n')
  const [uid, pid] = who.split(' ')
  return { told, same: Number(uid) === process.getuid(), command: fs.readFileSync('/proc/' + pid + '/cmdline', 'utf8') }
}\n`,
      },
      { layers: [layer] },
    )

    const { json } = await bench.invoke(spec)

    expect(json).toMatchObject({
      told: 'registered {"functionName":"probe","functionVersion":"1","handler":"index.handler"}',
      same: true,
    })
    expect((json as { command: string }).command).toContain('/opt/extensions/sh')
  })

  test('sees the function’s variables and the API’s address, and none that are the runtime’s', async () => {
    const layer = shellExtension('sh', { init: 'env > /tmp/env' })
    const spec = await bench.spec(readsNotes, {
      layers: [layer],
      environment: {
        GREETING: 'two\nlines \\ and "more"',
        _SECRET: 'x',
        PATH: '/usr/bin:/bin',
        OPTIND: 'x',
      },
    })

    const { notes, env } = (await bench.invoke(spec, { file: 'env', env: true })).json as Notes

    const text = notes.join('\n')
    expect(text).toContain('GREETING=two\nlines \\ and "more"\n')
    expect(text).toContain('AWS_LAMBDA_RUNTIME_API=127.0.0.1:9001')
    expect(text).toContain('AWS_LAMBDA_FUNCTION_NAME=probe')
    expect(text).not.toMatch(
      /^(_HANDLER|_SECRET|AWS_EXECUTION_ENV|AWS_LAMBDA_LOG_GROUP_NAME|LAMBDA_TASK_ROOT|AWS_XRAY\w+)=/m,
    )
    expect(env).toMatchObject({
      GREETING: 'two\nlines \\ and "more"',
      _SECRET: 'x',
      _HANDLER: 'index.handler',
      LAMBDA_TASK_ROOT: '/var/task',
    })
  })

  test('no variable of the function is loaded by the shell that starts it all', async () => {
    const spec = await bench.spec(
      {
        'index.js': `const fs = require('fs')
const read = (pid, name) => { try { return fs.readFileSync('/proc/' + pid + '/' + name, 'utf8') } catch { return '' } }
exports.handler = async () => fs.readdirSync('/proc').filter((name) => /^\\d+$/.test(name))
  .map((pid) => [read(pid, 'cmdline').split('\\0')[1] ?? '', read(pid, 'environ').includes('LD_AUDIT')])\n`,
      },
      { layers: [shellExtension('sh')], environment: { LD_AUDIT: '/nowhere.so' } },
    )

    const outcome = await bench.invoke(spec)
    const processes = outcome.json as readonly (readonly [string, boolean])[]

    const withIt = processes.filter(([, loaded]) => loaded).map(([name]) => name)
    expect(processes.map(([name]) => name)).toContain('/var/runtime/supervisor.sh')
    expect(withIt.some((name) => name.startsWith('--max-old-space-size'))).toBe(true)
    expect(withIt).not.toContain('/var/runtime/supervisor.sh')
  })

  test('an answer goes out before the extension is done, and the next invocation waits for it', async () => {
    const layer = shellExtension('sh', { onInvoke: 'sleep 1; note done' })
    const spec = await bench.spec(readsNotes, { layers: [layer] })
    const first = await bench.invoke(spec)
    const started = bench.runtime.stats().started

    const answered = (first.json as Notes).notes
    expect(answered).not.toContain('done')
    await eventually(() => bench.runtime.stats().busy).toBe(0)
    const second = (await bench.invoke(spec)).json as Notes
    expect(second.notes).toContain('done')
    expect([second.pid, bench.runtime.stats().started]).toEqual([
      (first.json as Notes).pid,
      started,
    ])
  })

  test('the time-out is of runtime and extensions together; both are told and start anew, /tmp stays', async () => {
    const layer = shellExtension('sh', {
      onInvoke: 'test -f /tmp/slept || { touch /tmp/slept; sleep 30; }',
    })
    const spec = await bench.spec(readsNotes, { layers: [layer], timeoutSeconds: 1 })
    const resets = bench.runtime.stats().reset
    const first = await bench.invoke(spec)
    expect(first.functionError).toBe(false)

    await eventually(() =>
      bench.lines.filter((line) => line.includes('Task timed out after 1.00')),
    ).toHaveLength(1)
    await eventually(() => bench.runtime.stats().busy).toBe(0)
    const second = (await bench.invoke(spec)).json as Notes

    expect(bench.runtime.stats().reset).toBe(resets + 1)
    expect(second.notes.filter((note) => note.startsWith('registered'))).toHaveLength(2)
  })

  test('a function that times out ends with SHUTDOWN for TIMEOUT, one that exits for FAILURE', async () => {
    const layer = shellExtension('sh', { onShutdown: 'note "$event"' })
    const spec = await bench.spec(readsNotes, { layers: [layer], timeoutSeconds: 1 })
    await bench.invoke(spec)

    // The same environment each time: a reset lasts as long as SHUTDOWN does.
    const settled = (): Promise<void> => eventually(() => bench.runtime.stats().busy).toBe(0)
    const late = await bench.invoke(spec, { sleepMs: 20_000 })
    await settled()
    const ended = await bench.invoke(spec, { exit: 3 })
    await settled()
    const { notes } = (await bench.invoke(spec)).json as Notes

    expect(late.json).toMatchObject({ errorType: 'Sandbox.Timedout' })
    expect(ended.json).toMatchObject({ errorType: 'Runtime.ExitError' })
    const reasons = notes.flatMap((note) => /"shutdownReason":"(\w+)"/.exec(note)?.[1] ?? [])
    // Each is noted as an event, and as what was told.
    expect(reasons).toEqual(['TIMEOUT', 'TIMEOUT', 'FAILURE', 'FAILURE'])
  })

  test('one that does not end after SHUTDOWN is killed', async () => {
    await using own = await RuntimeBench.open({ isolation: 'bubblewrap' })
    const layer = shellExtension('deaf', { onShutdown: 'sleep 60' })
    await own.invoke(await own.spec(readsNotes, { layers: [layer] }))

    await own.runtime[Symbol.asyncDispose]()

    expect(spawnSync('pgrep', ['-f', '/opt/extensions/deaf']).stdout.toString()).toBe('')
  })

  test('what is revoked is killed without a word', async () => {
    const layer = shellExtension('sh', { onShutdown: 'echo "told revoked"; sleep 60' })
    const spec = await bench.spec(readsNotes, { layers: [layer] })
    await bench.invoke(spec)

    await bench.runtime.retire(spec.functionId, spec.version)

    expect(bench.lines).not.toContain('told revoked')
  })

  const failing: readonly (readonly [string, Files, string, RegExp])[] = [
    [
      'exits before it registers',
      { 'extensions/bad': program('#!/bin/sh\nexit 3\n') },
      'Extension.Crash',
      /^RequestId: \S+ Error: exit status 3$/,
    ],
    [
      'is not executable',
      { 'extensions/bad': { content: '#!/bin/sh\n', mode: 0o100644 } },
      'Extension.LaunchError',
      /fork\/exec \/opt\/extensions\/bad: permission denied$/,
    ],
    [
      'names an interpreter that is not there',
      { 'extensions/bad': program('#!/no/such/thing\n') },
      'Extension.LaunchError',
      /no such file or directory$/,
    ],
    [
      'says init/error',
      shellExtension('bad', {
        init: `curl -s -X POST -H "Lambda-Extension-Identifier: $id" -H 'Lambda-Extension-Function-Error-Type: Bad.Luck' "$api/init/error"; exit 1`,
      }),
      'Extension.InitError',
      /Bad\.Luck$/,
    ],
    [
      'is one of eleven',
      Object.fromEntries(
        Array.from({ length: 11 }, (_, n) => [`extensions/e${n}`, program('#!/bin/sh\n')]),
      ),
      'Extension.TooManyExtensions',
      /holds 11 files, and the limit is 10$/,
    ],
  ]

  test.each(failing)(
    'one that %s fails INIT and then the invocation',
    async (_how, layer, type, words) => {
      const spec = await bench.spec(readsNotes, { layers: [layer] })

      const { json, functionError, tail } = await bench.invoke(spec)

      expect(functionError).toBe(true)
      expect(json, tail).toMatchObject({
        errorType: type,
        errorMessage: expect.stringMatching(words) as string,
      })
      expect(tail).toContain(`Status: error\tError Type: ${type}`)
    },
  )

  test('one that dies while the function runs fails the invocation, and all starts anew', async () => {
    const layer = shellExtension('sh', {
      onInvoke: 'test -f /tmp/died || { touch /tmp/died; exit 5; }',
    })
    const spec = await bench.spec(readsNotes, { layers: [layer] })

    const died = await bench.invoke(spec, { sleepMs: 5_000 })
    await eventually(() => bench.runtime.stats().busy).toBe(0)
    const next = await bench.invoke(spec)

    expect(died.json).toMatchObject({ errorType: 'Extension.Crash' })
    expect(next.functionError).toBe(false)
  })

  test('one that says exit/error fails the invocation by its name', async () => {
    const layer = shellExtension('sh', {
      onInvoke: `curl -s -X POST -H "Lambda-Extension-Identifier: $id" -H 'Lambda-Extension-Function-Error-Type: Bad.Luck' "$api/exit/error"; sleep 5`,
    })
    const spec = await bench.spec(readsNotes, { layers: [layer] })

    const { json } = await bench.invoke(spec, { sleepMs: 5_000 })

    expect(json).toMatchObject({ errorType: 'Extension.ExitError' })
  })

  test('a function can neither order the shell about nor speak for an extension it is none of', async () => {
    // A shell that takes what a command prints has a pipe of its own for a moment, which may be its descriptor 4.
    const waitsWithoutPipes = `while curl -s -H "Lambda-Extension-Identifier: $id" "$api/event/next" > "$dir/event"; do :; done`
    const spec = await bench.spec(
      {
        'index.js': `const fs = require('fs')
exports.handler = async () => {
  const found = []
  for (const pid of fs.readdirSync('/proc').filter((name) => /^\\d+$/.test(name) && Number(name) !== process.pid))
    for (const fd of ['4', '5']) {
      try { fs.writeSync(fs.openSync('/proc/' + pid + '/fd/' + fd, 'w'), 'e r 0\\n'); found.push(pid + ' ' + fd) } catch {}
    }
  const register = (name) => fetch('http://127.0.0.1:9001/2020-01-01/extension/register', {
    method: 'POST', headers: { 'Lambda-Extension-Name': name }, body: '{"events":[]}' }).then((r) => r.json())
  return { found, again: await register('sh'), late: await register('inner'), fds: fs.readdirSync('/proc/self/fd').length }
}\n`,
      },
      { layers: [shellExtension('sh', { init: waitsWithoutPipes })] },
    )

    const { json, tail } = await bench.invoke(spec)

    expect(json, tail).toMatchObject({
      found: [],
      again: { errorType: 'Extension.InvalidExtensionState' },
      late: { errorType: 'Extension.RegistrationClosed' },
    })
  })

  test('an internal extension registers within the runtime’s process, takes part, and has half a second at the end', async () => {
    await using own = await RuntimeBench.open({ isolation: 'bubblewrap' })
    const spec = await own.spec(
      {
        // Awaited at the top: INIT, and with it registering, lasts as long.
        'index.mjs': `import http from 'node:http'
const api = process.env.AWS_LAMBDA_RUNTIME_API
const call = (method, path, headers, body) => new Promise((resolve, reject) => {
  const sent = http.request('http://' + api + '/2020-01-01/extension' + path, { method, headers }, (response) => {
    let text = ''
    response.on('data', (chunk) => (text += chunk)).on('end', () => resolve({ head: response.headers, status: response.statusCode, text }))
  })
  sent.on('error', reject).end(body)
})
const seen = []
process.on('SIGTERM', () => { console.log('internal told'); process.exit(0) })
const registered = await (async () => {
  const refused = await call('POST', '/register', { 'Lambda-Extension-Name': 'inner' }, '{"events":["SHUTDOWN"]}')
  const { head, text } = await call('POST', '/register', { 'Lambda-Extension-Name': 'inner', 'Lambda-Extension-Accept-Feature': 'accountId' }, '{"events":["INVOKE"]}')
  const id = { 'Lambda-Extension-Identifier': head['lambda-extension-identifier'] }
  ;(async () => { for (;;) seen.push(JSON.parse((await call('GET', '/event/next', id)).text).requestId) })()
  return [refused.status + refused.text, text]
})()
export const handler = async (event, context) => {
  await new Promise((resolve) => setTimeout(resolve, 50))
  return { registered, mine: seen.includes(context.awsRequestId) }
}\n`,
      },
      { environment: { LACRE_INTERNAL_EXTENSIONS: '1' } },
    )

    const first = await own.invoke(spec)
    const second = await own.invoke(spec)
    await own.runtime[Symbol.asyncDispose]()

    expect(first.json, first.tail).toEqual({
      registered: [
        '403{"errorMessage":"SHUTDOWN: internal extensions take INVOKE alone","errorType":"Extension.InvalidEventType"}',
        '{"functionName":"probe","functionVersion":"1","handler":"index.handler","accountId":"000000000000"}',
      ],
      mine: true,
    })
    expect(second.json).toMatchObject({ mine: true })
    expect(own.lines).toContain('EXTENSION\tName: inner\tState: Ready\tEvents: [INVOKE]')
    expect(own.lines.some((line) => line.endsWith('internal told'))).toBe(true)
  })
})
