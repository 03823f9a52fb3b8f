import { randomUUID } from 'node:crypto'

import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { eventually } from '../support/eventually.ts'
import { canRun, nodeFunction, RuntimeBench, type Files } from '../support/runtime.ts'

const drivers = [
  ['process', 0],
  ['bubblewrap', 0],
  ['bubblewrap', 1],
  ['crun', 0],
  ['crun', 1],
] as const

for (const [isolation, prewarmed] of drivers) {
  const title = `driver ${isolation}${prewarmed > 0 ? ', pre-warmed' : ''}`
  describe.skipIf(!canRun(isolation))(title, () => {
    let bench: RuntimeBench
    beforeAll(async () => {
      bench = await RuntimeBench.open({ isolation, prewarmed, maxEnvironments: 6 })
    })
    afterAll(async () => {
      // Nearly all of them: what sets its own memory is of another kind.
      if (prewarmed > 0) expect(bench.runtime.stats().prewarmed.assigned).toBeGreaterThan(20)
      await bench[Symbol.asyncDispose]()
    })

    test('a Node function gets its event and context and answers its result', async () => {
      const spec = await bench.spec(
        nodeFunction(`return { event, id: context.awsRequestId, arn: context.invokedFunctionArn,
          name: context.functionName, version: context.functionVersion, memory: context.memoryLimitInMB,
          left: context.getRemainingTimeInMillis() <= 10000, client: context.clientContext }`),
      )
      const requestId = randomUUID()

      const outcome = await bench.invoke(spec, { name: 'wax é' }, requestId)

      expect(outcome.functionError).toBe(false)
      expect(outcome.json).toEqual({
        event: { name: 'wax é' },
        id: requestId,
        arn: 'arn:aws:lambda:us-east-1:000000000000:function:probe:live',
        name: 'probe',
        version: '1',
        memory: '256',
        left: true,
      })
      expect(outcome.initMs).toBeGreaterThan(0)
      expect(outcome.billedMs).toBe(Math.ceil(outcome.durationMs + (outcome.initMs ?? 0)))
    })

    test('a Python function gets its event and context and answers its result', async () => {
      const spec = await bench.spec(
        {
          'src/app.py': `def handler(event, context):
    print("seen", event["n"])
    return {"n": event["n"], "id": context.aws_request_id, "name": context.function_name,
            "arn": context.invoked_function_arn, "memory": context.memory_limit_in_mb, "left": context.get_remaining_time_in_millis() <= 10000}\n`,
        },
        { runtime: 'python3.11', handler: 'src/app.handler' },
      )
      const requestId = randomUUID()

      const outcome = await bench.invoke(spec, { n: 7 }, requestId)

      expect(outcome.json).toEqual({
        n: 7,
        id: requestId,
        name: 'probe',
        arn: 'arn:aws:lambda:us-east-1:000000000000:function:probe:live',
        memory: '256',
        left: true,
      })
      expect(outcome.tail).toContain('seen 7\n')
    })

    test('the environment carries what AWS sets and the customer’s own, and nothing of the service', async () => {
      process.env['LACRE_TEST_SECRET'] = 'not for functions'
      const spec = await bench.spec(nodeFunction('return process.env'), {
        environment: { GREETING: 'olá "x" $y', AWS_REGION: 'eu-west-9', TZ: 'Europe/Lisbon' },
      })

      const env = (await bench.invoke(spec)).json as Record<string, string>

      expect(env).toMatchObject({
        GREETING: 'olá "x" $y',
        AWS_REGION: 'us-east-1',
        TZ: 'Europe/Lisbon',
        AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs20.x',
        AWS_LAMBDA_FUNCTION_NAME: 'probe',
        AWS_LAMBDA_FUNCTION_VERSION: '1',
        AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '256',
        AWS_LAMBDA_LOG_GROUP_NAME: '/aws/lambda/probe',
        AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand',
        _HANDLER: 'index.handler',
      })
      expect(JSON.stringify(env)).not.toContain('not for functions')
      expect(env['HOME']).toBeUndefined()
      delete process.env['LACRE_TEST_SECRET']
    })

    test('no return value is the payload null, and a returned string is JSON', async () => {
      expect((await bench.invoke(await bench.spec(nodeFunction('')))).text).toBe('null')
      expect((await bench.invoke(await bench.spec(nodeFunction('return "a\\u00e9"')))).text).toBe(
        '"aé"',
      )
    })

    test('an environment is used again, and globals live on in it', async () => {
      const spec = await bench.spec({
        'index.js': 'let n = 0\nexports.handler = async () => ({ n: ++n, pid: process.pid })\n',
      })

      const first = (await bench.invoke(spec)).json as { n: number; pid: number }
      const second = await bench.invoke(spec)

      expect(second.json).toEqual({ n: first.n + 1, pid: first.pid })
      expect(second.initMs).toBeUndefined()
    })

    test('concurrent invocations get an environment each', async () => {
      await using bench = await RuntimeBench.open({ isolation })
      const spec = await bench.spec(
        nodeFunction(
          `const fs = require('fs'); await new Promise((r) => setTimeout(r, 300)); return event.n`,
        ),
      )

      const outcomes = await Promise.all([1, 2, 3].map((n) => bench.invoke(spec, { n })))

      expect(outcomes.map(({ json }) => json)).toEqual([1, 2, 3])
      expect(bench.runtime.stats().environments).toBe(3)
    })

    test('one more invocation than there are environments is refused with its reason', async () => {
      await using bench = await RuntimeBench.open({ isolation, maxEnvironments: 1 })
      const spec = await bench.spec(nodeFunction('await new Promise((r) => setTimeout(r, 500))'))
      const running = bench.invoke(spec)

      await expect(bench.invoke(spec)).rejects.toMatchObject({
        code: 'TOO_MANY_REQUESTS',
        detail: { reason: 'ConcurrentInvocationLimitExceeded' },
      })
      await running
    })

    test('a handler that throws answers AWS’s error object and the environment goes on', async () => {
      const spec = await bench.spec({
        'index.js': `exports.handler = async (event) => {
          if (event.fail) throw new TypeError('no "wax"')
          return process.pid }\n`,
      })
      const before = await bench.invoke(spec)

      const failed = await bench.invoke(spec, { fail: true })

      expect(failed.functionError).toBe(true)
      const error = failed.json as { errorType: string; errorMessage: string; trace: string[] }
      expect(Object.keys(error)).toEqual(['errorType', 'errorMessage', 'trace'])
      expect(error).toMatchObject({ errorType: 'TypeError', errorMessage: 'no "wax"' })
      expect(error.trace[0]).toBe('TypeError: no "wax"')
      expect(failed.tail).toMatch(/\tERROR\tInvoke Error \t\{"errorType":"TypeError"/)
      expect((await bench.invoke(spec)).text).toBe(before.text)
    })

    test('a Python exception answers type, message, request id and stack', async () => {
      const spec = await bench.spec(
        { 'app.py': 'def handler(event, context):\n    raise ValueError("bad wax")\n' },
        { runtime: 'python3.11', handler: 'app.handler' },
      )
      const requestId = randomUUID()

      const failed = await bench.invoke(spec, {}, requestId)

      const error = failed.json as { stackTrace: string[] }
      expect(error).toMatchObject({ errorMessage: 'bad wax', errorType: 'ValueError', requestId })
      expect(error.stackTrace.at(-1)).toMatch(/app\.py", line 2, in handler\n {4}raise ValueError/)
    })

    test('a function over its time is stopped, answers Sandbox.Timedout, and finds its /tmp again but not its globals', async () => {
      await using bench = await RuntimeBench.open({ isolation })
      const spec = await bench.spec(
        {
          'index.js': `const fs = require('fs'), os = require('os')
          let calls = 0
          exports.handler = async (event) => {
            calls += 1
            if (event.hang) { fs.writeFileSync(os.tmpdir() + '/kept', 'yes'); while (true); }
            return { calls, kept: fs.existsSync(os.tmpdir() + '/kept') } }\n`,
        },
        { timeoutSeconds: 1 },
      )
      const requestId = randomUUID()

      const timedOut = await bench.invoke(spec, { hang: true }, requestId)

      expect(timedOut.text).toBe(
        `{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: ${requestId} Error: Task timed out after 1.00 seconds"}`,
      )
      expect(timedOut.functionError).toBe(true)
      expect(timedOut.tail).toMatch(/\tStatus: timeout\t\n$/)
      // The environment is free again once it is reset.
      await eventually(() => bench.runtime.stats().idle).toBe(1)
      expect((await bench.invoke(spec)).json).toEqual({ calls: 1, kept: true })
      expect(bench.runtime.stats()).toMatchObject({ environments: 1, started: 1 })
    })

    test.each([
      ['process.exit(3)', 'Runtime exited with error: exit status 3'],
      ['process.exit(0)', 'Runtime exited without providing a reason'],
      ['process.kill(process.pid, "SIGKILL")', 'Runtime exited with error: signal: killed'],
      ['process.abort()', 'Runtime exited with error: signal: aborted'],
    ])('%s answers Runtime.ExitError with AWS’s words', async (body, reason) => {
      const spec = await bench.spec(
        nodeFunction(
          `console.log('last words'); ${body}; await new Promise(() => setTimeout(() => 0, 1e6))`,
        ),
      )
      const requestId = randomUUID()

      const outcome = await bench.invoke(spec, {}, requestId)

      expect(outcome.json).toEqual({
        errorType: 'Runtime.ExitError',
        errorMessage: `RequestId: ${requestId} Error: ${reason}`,
      })
      expect(outcome.tail).toContain('last words')
      expect(outcome.tail).toMatch(/\tStatus: error\tError Type: Runtime.ExitError\t\n$/)
    })

    test('what an invocation wrote that ended its process is in no log of the next one', async () => {
      const spec = await bench.spec(
        nodeFunction(
          `console.log('said by ' + event.who); if (event.who === 'first') process.exit(3)`,
        ),
      )
      const first = await bench.invoke(spec, { who: 'first' })

      const second = await bench.invoke(spec, { who: 'second' })

      expect(first.tail).toContain('said by first')
      expect(second.tail).toContain('said by second')
      expect(second.tail).not.toContain('said by first')
    })

    test('an uncaught exception and an unhandled rejection end the process after their error is told', async () => {
      const later = 'await new Promise(() => setTimeout(() => 0, 1e6))'
      const thrown = await bench.spec(
        nodeFunction(`setTimeout(() => { throw new RangeError('late') }); ${later}`),
      )
      const rejected = await bench.spec(nodeFunction(`Promise.reject(new Error('lost')); ${later}`))

      expect((await bench.invoke(thrown)).json).toMatchObject({
        errorType: 'RangeError',
        errorMessage: 'late',
      })
      expect((await bench.invoke(rejected)).json).toMatchObject({
        errorType: 'Runtime.UnhandledPromiseRejection',
        errorMessage: 'Error: lost',
      })
    })

    test.each([
      [
        { 'index.js': 'exports.other = 1' },
        'nodejs20.x',
        'index.handler',
        'Runtime.HandlerNotFound',
      ],
      [{ 'other.js': '' }, 'nodejs20.x', 'index.handler', 'Runtime.ImportModuleError'],
      [{ 'index.js': 'return {' }, 'nodejs20.x', 'index.handler', 'Runtime.UserCodeSyntaxError'],
      [{ 'index.js': '' }, 'nodejs20.x', '../index.handler', 'Runtime.MalformedHandlerName'],
      [
        { 'index.js': 'throw new RangeError("at import")' },
        'nodejs20.x',
        'index.handler',
        'RangeError',
      ],
      [{ 'app.py': 'x = 1' }, 'python3.11', 'app.handler', 'Runtime.HandlerNotFound'],
      [{ 'app.py': 'import nowhere' }, 'python3.11', 'app.handler', 'Runtime.ImportModuleError'],
      [{ 'app.py': 'def (' }, 'python3.11', 'app.handler', 'Runtime.UserCodeSyntaxError'],
      [{ 'app.py': 'raise KeyError("k")' }, 'python3.11', 'app.handler', 'KeyError'],
    ])('%j on %s says %s → %s', async (files, runtime, handler, errorType) => {
      const spec = await bench.spec(files as Record<string, string>, { runtime, handler })

      const outcome = await bench.invoke(spec)

      expect(outcome.functionError).toBe(true)
      expect(outcome.json).toMatchObject({ errorType })
      // INIT failed first and was run again within the invocation ("suppressed init").
      expect(outcome.tail).toMatch(
        /INIT_REPORT Init Duration: [\d.]+ ms\tPhase: init\tStatus: error\tError Type: /,
      )
    })

    test('CommonJS, ES modules, nested folders and nested exports are found as AWS finds them', async () => {
      const cases = [
        [
          { 'index.mjs': 'export const handler = () => Promise.resolve("mjs")' },
          'index.handler',
          '"mjs"',
        ],
        [{ 'index.cjs': 'exports.handler = async () => "cjs"' }, 'index.handler', '"cjs"'],
        [
          {
            'index.js': 'export const handler = async () => "esm"',
            'package.json': '{"type":"module"}',
          },
          'index.handler',
          '"esm"',
        ],
        [{ 'src/deep/a.js': 'exports.x = { y: async () => "deep" }' }, 'src/deep/a.x.y', '"deep"'],
        [
          {
            'index.js': 'export const handler = async () => (await import("./b.mjs")).b',
            'b.mjs': 'export const b = 5',
            'package.json': '{"type":"module"}',
          },
          'index.handler',
          '5',
        ],
      ] as const
      for (const [files, handler, text] of cases) {
        const outcome = await bench.invoke(await bench.spec(files, { handler }))
        expect(outcome.text, outcome.tail).toBe(text)
      }
    })

    test('callback style waits for the empty event loop unless told not to, and silence is null', async () => {
      const source = (body: string): Record<string, string> => ({
        'index.js': `exports.handler = (event, context, callback) => { ${body} }`,
      })
      const waits = await bench.spec(
        source(`callback(null, global.seen); setTimeout(() => { global.seen = 1 }, 50)`),
      )
      const hurries = await bench.spec(
        source(
          `context.callbackWaitsForEmptyEventLoop = false; setInterval(() => 0, 1000); callback(null, 'now')`,
        ),
      )
      const silent = await bench.spec(source(''))
      const failing = await bench.spec(source(`callback(new Error('called back'))`))
      const never = await bench.spec(nodeFunction('await new Promise(() => {})'))

      const outcome = await bench.invoke(waits)
      expect(outcome.text).toBe('null')
      expect(outcome.durationMs).toBeGreaterThan(45)
      expect((await bench.invoke(hurries)).text).toBe('"now"')
      expect((await bench.invoke(silent)).text).toBe('null')
      expect((await bench.invoke(failing)).json).toMatchObject({ errorMessage: 'called back' })
      expect((await bench.invoke(never)).json).toMatchObject({ errorType: 'Runtime.NodeJsExit' })
    })

    test('an answer of exactly the limit passes byte for byte, one over it fails as on AWS', async () => {
      const spec = await bench.spec(nodeFunction('return "x".repeat(event.n)'), { memoryMb: 512 })

      const most = await bench.invoke(spec, { n: 6_291_554 })
      const over = await bench.invoke(spec, { n: 6_291_555 })

      expect(most.payload.byteLength).toBe(6_291_556)
      expect(most.functionError).toBe(false)
      expect(over.text).toBe(
        '{"errorMessage":"Response payload size exceeded maximum allowed payload size (6291556 bytes).","errorType":"Function.ResponseSizeTooLarge"}',
      )
      expect((await bench.invoke(spec, { n: 1 })).text).toBe('"x"')
    })

    test('the log tail has AWS’s lines, tabs and all, and at most 4 KB', async () => {
      const spec = await bench.spec(
        nodeFunction(
          `console.log('one\\ntwo', { a: 1 }); console.warn('w'); if (event.much) for (let i = 0; i < 500; i++) console.log('line', i)`,
        ),
      )
      const requestId = randomUUID()

      const { tail } = await bench.invoke(spec, {}, requestId)
      const much = await bench.invoke(spec, { much: true })

      const lines = tail.split('\n')
      expect(lines).toContain(`START RequestId: ${requestId} Version: 1`)
      expect(tail).toMatch(
        new RegExp(`\\n\\d{4}-[^\\t]+Z\\t${requestId}\\tINFO\\tone\\rtwo \\{ a: 1 \\}\\n`),
      )
      expect(tail).toMatch(new RegExp(`\\t${requestId}\\tWARN\\tw\\n`))
      expect(lines).toContain(`END RequestId: ${requestId}`)
      expect(tail).toMatch(
        new RegExp(
          `\\nREPORT RequestId: ${requestId}\\tDuration: [\\d.]+ ms\\tBilled Duration: \\d+ ms\\tMemory Size: 256 MB\\tMax Memory Used: \\d+ MB\\tInit Duration: [\\d.]+ ms\\t\\n$`,
        ),
      )
      expect(much.logTail.byteLength).toBe(4_096)
      expect(much.tail).toMatch(/REPORT RequestId/)
      expect(bench.lines.some((line) => line.includes('line 499'))).toBe(true)
    })

    test('layers are found under /opt: modules, Python packages, later over earlier', async () => {
      const layers: Files[] = [
        {
          'nodejs/node_modules/seal/index.js': 'module.exports = "first"',
          'nodejs/node_modules/only/index.js': 'module.exports = "only"',
          'python/wax.py': 'colour = "red"',
        },
        { 'nodejs/node_modules/seal/index.js': 'module.exports = "second"' },
      ]
      const node = await bench.spec(nodeFunction('return [require("seal"), require("only")]'), {
        layers,
      })
      const python = await bench.spec(
        { 'app.py': 'import wax\ndef handler(e, c): return wax.colour\n' },
        { runtime: 'python3.11', handler: 'app.handler', layers },
      )

      expect((await bench.invoke(node)).json).toEqual(['second', 'only'])
      expect((await bench.invoke(python)).text).toBe('"red"')
    })

    test('a wrapper script starts the runtime, and a missing one is exit status 127', async () => {
      const wrapper = { content: '#!/bin/sh\nexport WRAPPED=yes\nexec "$@"\n', mode: 0o100755 }
      const files = { ...nodeFunction('return process.env.WRAPPED'), wrap: wrapper }
      const missing = await bench.spec(files, {
        environment: { AWS_LAMBDA_EXEC_WRAPPER: '/nowhere/wrap' },
      })
      const requestId = randomUUID()

      const outcome = await bench.invoke(missing, {}, requestId)

      expect(outcome.json).toEqual({
        errorType: 'Runtime.ExitError',
        errorMessage: `RequestId: ${requestId} Error: Runtime exited with error: exit status 127`,
      })
      if (isolation === 'bubblewrap') {
        const wrapped = await bench.spec(files, {
          environment: { AWS_LAMBDA_EXEC_WRAPPER: '/var/task/wrap' },
        })
        expect((await bench.invoke(wrapped)).text).toBe('"yes"')
      }
    })

    test('a custom runtime without a bootstrap answers Runtime.InvalidEntrypoint', async () => {
      const spec = await bench.spec({ readme: 'nothing to run' }, { runtime: 'provided.al2023' })

      expect((await bench.invoke(spec)).json).toMatchObject({
        errorType: 'Runtime.InvalidEntrypoint',
      })
    })

    test('a custom runtime speaks the Runtime API from a shell script', async () => {
      const bootstrap = `#!/bin/sh
exec python3 - <<'PY'
import json, os, urllib.request
base = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/invocation/"
while True:
    with urllib.request.urlopen(base + "next") as r:
        id = r.headers["Lambda-Runtime-Aws-Request-Id"]
        arn = r.headers["Lambda-Runtime-Invoked-Function-Arn"]
        event = r.read()
    body = json.dumps({"event": json.loads(event), "arn": arn}).encode()
    urllib.request.urlopen(urllib.request.Request(base + id + "/response", data=body, method="POST")).read()
PY
`
      const spec = await bench.spec(
        { bootstrap: { content: bootstrap, mode: 0o100755 } },
        { runtime: 'provided.al2023', environment: { PATH: '/usr/bin:/bin' } },
      )

      for (const n of [1, 2, 3]) {
        const outcome = await bench.invoke(spec, { n })
        expect(outcome.json, outcome.tail).toEqual({
          event: { n },
          arn: `${spec.functionArn}:live`,
        })
      }
    })

    test('a gigabyte of output does not hurt: it is dropped, counted, and the end is kept', async () => {
      const spec = await bench.spec(
        nodeFunction(`const fs = require('fs'); const line = 'x'.repeat(1023) + '\\n'
          const stop = Date.now() + 1500; let n = 0
          while (n < 1e6 && Date.now() < stop) { try { fs.writeSync(1, line); n++ } catch (e) { if (e.code !== 'EAGAIN') throw e } }
          return n`),
      )
      const before = process.memoryUsage().rss

      const outcome = await bench.invoke(spec)

      expect(outcome.functionError).toBe(false)
      expect(Number(outcome.text)).toBeGreaterThan(2_000)
      expect(outcome.tail).toMatch(/\[lacre\] \d+ bytes of output dropped/)
      expect(process.memoryUsage().rss - before).toBeLessThan(200 * 1_048_576)
    })

    test('retiring a version stops invocations of it that are about to start, and leaves no environment of it', async () => {
      await using bench = await RuntimeBench.open({ isolation })
      const spec = await bench.spec(
        nodeFunction('await new Promise((r) => setTimeout(r, event.ms ?? 0))'),
        {
          functionId: 'fn-retired',
        },
      )
      await bench.invoke(spec)
      const running = bench.invoke(spec, { ms: 8_000 })
      const refused = expect(running).rejects.toMatchObject({ code: 'UNAVAILABLE' })

      await bench.runtime.retire('fn-retired', '1')

      await refused
      expect(bench.runtime.stats().environments).toBe(0)
    })

    test('a running invocation of a retired version ends, too', async () => {
      await using bench = await RuntimeBench.open({ isolation })
      const spec = await bench.spec(
        nodeFunction(`console.log('running'); await new Promise((r) => setTimeout(r, 8000))`),
        { functionId: 'fn-retired' },
      )
      const refused = expect(bench.invoke(spec)).rejects.toMatchObject({ code: 'UNAVAILABLE' })
      await eventually(() => bench.lines.some((line) => line.includes('running'))).toBe(true)

      await bench.runtime.retire('fn-retired', '1')

      await refused
      expect(bench.runtime.stats()).toMatchObject({ environments: 0, busy: 0 })
    })

    test('another decision about the same release starts another environment', async () => {
      await using bench = await RuntimeBench.open({ isolation })
      const spec = await bench.spec(nodeFunction('return 1'))
      await bench.invoke(spec)

      await bench.invoke({ ...spec, decisionId: 'dec-2' })

      expect(bench.runtime.stats()).toMatchObject({ started: 2, environments: 1 })
    })
  })
}
