import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'

import { describe, expect, test } from 'vitest'

import { canRun, RuntimeBench, type Files, type TreeFile } from '../support/runtime.ts'

/** AWS's own runtime client, unmodified, as `npm ci` in test/clients/ric leaves it. */
const ric = join(import.meta.dirname, '../clients/ric/node_modules/aws-lambda-ric')
const installed = existsSync(join(ric, 'dist/rapid-client.node'))

/** The client as a layer: what its package holds at run time. */
function ricLayer(): Files {
  const files: Record<string, TreeFile> = {}
  const add = (path: string): void => {
    const from = join(ric, path)
    if (statSync(from).isDirectory()) for (const name of readdirSync(from)) add(`${path}/${name}`)
    else files[`nodejs/node_modules/aws-lambda-ric/${path}`] = readFileSync(from)
  }
  for (const path of ['package.json', 'bin', 'dist']) add(path)
  return files
}

const FUNCTION: Files = {
  bootstrap: {
    content: `#!/bin/sh
exec /var/lang/bin/node /opt/nodejs/node_modules/aws-lambda-ric/bin/index.mjs "$_HANDLER"\n`,
    mode: 0o100755,
  },
  'index.js': `let calls = 0
exports.handler = async (event, context) => {
  calls += 1
  console.log('call', calls)
  if (event.fail) throw new RangeError('the wax is cold')
  return { calls, event, id: context.awsRequestId, arn: context.invokedFunctionArn, api: process.env.AWS_LAMBDA_RUNTIME_API,
    left: context.getRemainingTimeInMillis() > 0, client: context.clientContext }
}
`,
}

/** Far more than a socket holds: what does not go at once has to wait. */
const SPEAKING = `const fs = require('fs')
exports.handler = async () => {
  const damaged = Buffer.from('a55a000fffffffff0000000000000000', 'hex')
  fs.writeSync(3, Buffer.concat([damaged, Buffer.from(' no frame\\n')]))
  console.log('first\\nsecond')
  process.stdout.write('plain\\n')
  console.error('oh')
  for (let n = 0; n < 5; n += 1) console.info('x'.repeat(700_000))
  return 'said'
}
`

for (const isolation of ['bubblewrap', 'crun', 'process'] as const) {
  describe.skipIf(!installed || !canRun(isolation))(`aws-lambda-ric under ${isolation}`, () => {
    test('the unmodified client of AWS serves invocation after invocation, an error among them, in one process', async () => {
      await using bench = await RuntimeBench.open({ isolation })
      // The path of the layer is the sandbox's; without a sandbox the environment says where it is.
      const code =
        isolation === 'process' ? { ...FUNCTION, bootstrap: processBootstrap() } : FUNCTION
      const spec = await bench.spec(code, {
        runtime: 'provided.al2023',
        layers: [ricLayer()],
        memoryMb: 512,
      })
      const ids = [randomUUID(), randomUUID(), randomUUID(), randomUUID()] as const

      const first = await bench.invoke(spec, { n: 1 }, ids[0])
      const second = await bench.invoke(spec, { n: 2 }, ids[1])
      const failed = await bench.invoke(spec, { fail: true }, ids[2])
      const fourth = await bench.invoke(spec, { n: 4 }, ids[3])

      expect(first.json, first.tail).toMatchObject({
        calls: 1,
        event: { n: 1 },
        id: ids[0],
        left: true,
      })
      expect(first.json).toMatchObject({ arn: `${spec.functionArn}:live` })
      if (isolation !== 'process') expect(first.json).toMatchObject({ api: '127.0.0.1:9001' })
      expect(second.json).toMatchObject({ calls: 2, id: ids[1] })
      expect(failed.functionError).toBe(true)
      expect(failed.json).toMatchObject({
        errorType: 'RangeError',
        errorMessage: 'the wax is cold',
      })
      expect(fourth.json).toMatchObject({ calls: 4, id: ids[3] })
      expect(fourth.tail).toContain('call 4')
      expect(bench.runtime.stats()).toMatchObject({ started: 1, reset: 0 })
    })

    test.each(['Text', 'JSON'] as const)(
        'a record of several lines is one, with its level and time, in format %s, beside what goes to standard output',
        async (format) => {
          await using bench = await RuntimeBench.open({ isolation })
          const speaking = { ...FUNCTION, 'index.js': SPEAKING }
          const code =
            isolation === 'process' ? { ...speaking, bootstrap: processBootstrap() } : speaking
          const spec = await bench.spec(code, {
            runtime: 'provided.al2023',
            layers: [ricLayer()],
            memoryMb: 512,
            logging: { format, group: '/aws/lambda/probe' },
          })
          const id = randomUUID()
          const before = Date.now()

          const outcome = await bench.invoke(spec, {}, id)

          expect(outcome.json, outcome.tail).toBe('said')
          const heard = () => bench.records.filter(({ text }) => !text.includes('xxx'))
          const [damaged, ...said] = heard()
          expect(damaged?.text).toMatch(/ no frame$/)
          expect(said.map(({ level }) => level)).toEqual(['INFO', 'ERROR'])
          if (format === 'Text') expect(said[0]?.text).toMatch(new RegExp(`Z\t${id}\tINFO\tfirst\nsecond$`))
          else expect(JSON.parse(said[0]?.text ?? '')).toMatchObject({ requestId: id, level: 'INFO', message: 'first\nsecond' })
          for (const { timeMs = 0 } of said) {
            expect(timeMs).toBeGreaterThanOrEqual(before)
            expect(timeMs).toBeLessThanOrEqual(Date.now())
          }
          expect(bench.lines).toContain('plain')
          expect(bench.lines.some((line) => /^\[lacre\] \d+ bytes of output dropped/.test(line))).toBe(true)
          expect((await bench.invoke(spec)).json).toBe('said')
          expect(heard().map(({ level }) => level)).toEqual([undefined, 'INFO', 'ERROR', undefined, 'INFO', 'ERROR'])
          expect(bench.runtime.stats()).toMatchObject({ started: 1, reset: 0 })
        },
      ) // prettier-ignore

    test('an answer over 6,291,556 bytes fails the invocation, and the client goes on', async () => {
      await using bench = await RuntimeBench.open({ isolation })
      const big = {
        ...FUNCTION,
        'index.js': 'exports.handler = async (event) => "x".repeat(event.n)\n',
      }
      const code = isolation === 'process' ? { ...big, bootstrap: processBootstrap() } : big
      const options = { runtime: 'provided.al2023', layers: [ricLayer()], memoryMb: 512 }
      const spec = await bench.spec(code, options)

      const over = await bench.invoke(spec, { n: 6_291_555 })

      expect(over.json).toMatchObject({ errorType: 'Function.ResponseSizeTooLarge' })
      expect((await bench.invoke(spec, { n: 6_291_554 })).payload.byteLength).toBe(6_291_556)
    })
  })
}

function processBootstrap(): TreeFile {
  return {
    content: `#!/bin/sh
exec "${process.execPath}" "$LACRE_OPT_ROOT/nodejs/node_modules/aws-lambda-ric/bin/index.mjs" "$_HANDLER"\n`,
    mode: 0o100755,
  }
}
