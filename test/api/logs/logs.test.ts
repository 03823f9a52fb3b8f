import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { promisify } from 'node:util'

import { CreateAliasCommand, InvokeCommand, PublishVersionCommand, type CreateFunctionCommandInput } from '@aws-sdk/client-lambda' // prettier-ignore
import { afterAll, describe, expect, test } from 'vitest'

import { runCommandLine } from '../../../cli/run.ts'
import type { CommandRow } from '../../../cli/command.ts'
import { startTestApp } from '../../support/app.ts'
import type { AdminFile } from '../../support/client.ts'
import { createActive, invoke, updateAndWait } from '../../support/functions.ts'
import { governance } from '../../support/governance.ts'
import { zipOf } from '../../support/packages.ts'

/** Debian's own, unmodified (2.9.19). */
const AWS = '/usr/bin/aws'
const run = promisify(execFile)

const CODE = `
exports.handler = async (event) => {
  console.log('said', event.say ?? 'nothing')
  if (event.raw) process.stdout.write(event.raw)
  if (event.fail) throw new Error('failed ' + event.fail)
  if (event.exit) process.exit(3)
  if (event.sleep) await new Promise((done) => setTimeout(done, event.sleep))
  return 1
}
`
const PYTHON = `
import logging
def handler(event, context):
    logging.getLogger("own").info("told %s", event.get("say"))
    logging.getLogger().debug("not told")
    if event.get("fail"): raise ValueError("failed")
    print("printed")
`

const app = await startTestApp({ eventDelayScale: '0.0005', openMetrics: true })
afterAll(() => app[Symbol.asyncDispose]())

interface Event {
  readonly time: string
  readonly message: string
  readonly requestId?: string
  readonly version?: string
  readonly stream: string
}
interface Page {
  readonly events: readonly Event[]
  readonly after: string
  readonly done: boolean
  readonly error?: { readonly code: string; readonly message: string }
}

function get<T>(who: AdminFile, asked: string) {
  const [path = '', query = ''] = asked.split('?')
  return governance<T>(who, { path, query: Object.fromEntries(new URLSearchParams(query)) })
}
const ask = (path: string, who: AdminFile = app.admin) => get<Page>(who, path)
const logsOf = async (name: string, query = ''): Promise<readonly Event[]> =>
  (await ask(`/functions/${name}/logs?${query}`)).body.events
const messagesOf = async (name: string, query = ''): Promise<string[]> =>
  (await logsOf(name, query)).map(({ message }) => message)

async function aws<T>(who: AdminFile, ...args: readonly string[]): Promise<T> {
  return JSON.parse(await awsText(who, ...args, '--output', 'json')) as T
}
async function awsText(who: AdminFile, ...args: readonly string[]): Promise<string> {
  const env = {
    PATH: '/usr/bin:/bin',
    AWS_ACCESS_KEY_ID: who.accessKeyId,
    AWS_SECRET_ACCESS_KEY: who.secretAccessKey,
    AWS_DEFAULT_REGION: who.region,
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_PAGER: '',
  }
  const { stdout } = await run(AWS, ['logs', ...args, '--endpoint-url', app.url], { env })
  return stdout
}

const table: readonly CommandRow[] = [
  { name: 'logs', summary: '', load: () => import('../../../cli/commands/logs.ts') },
  { name: 'usage', summary: '', load: () => import('../../../cli/commands/usage.ts') },
]
async function lacre(...args: readonly string[]) {
  let out = ''
  let err = ''
  const exit = await runCommandLine(table, {
    args: [...args, '--endpoint', app.url],
    environment: {
      AWS_ACCESS_KEY_ID: app.admin.accessKeyId,
      AWS_SECRET_ACCESS_KEY: app.admin.secretAccessKey,
      AWS_REGION: app.admin.region,
    },
    out: { isTTY: true, columns: 400, write: (text: string) => (out += text) },
    err: { write: (text: string) => (err += text) },
    version: '0.0.0',
  })
  return { exit, out, err }
}

const create = (name: string, input: Partial<CreateFunctionCommandInput> = {}) =>
  createActive(app.client, name, {
    Code: { ZipFile: zipOf({ 'index.js': CODE }) },
    Timeout: 1,
    ...input,
  })

/** An event, with its id. */
async function send(name: string, event: unknown): Promise<string> {
  const Payload = JSON.stringify(event)
  const command = new InvokeCommand({ FunctionName: name, InvocationType: 'Event', Payload })
  return (await app.client.send(command)).$metadata.requestId ?? ''
}

async function withRole(role: string): Promise<AdminFile> {
  const made = await governance<{ principal: { id: string } }>(app.admin, {
    method: 'POST', path: '/principals', body: { kind: 'user', name: `${role}-x`, roles: [role] },
  }) // prettier-ignore
  const key = await governance<{ accessKey: { id: string }; secretAccessKey: string }>(app.admin, {
    method: 'POST', path: '/access-keys', body: { principal: made.body.principal.id },
  }) // prettier-ignore
  const { accessKey, secretAccessKey } = key.body
  return { ...app.admin, accessKeyId: accessKey.id, secretAccessKey }
}

await create('plain', { Publish: true })

describe('the route', () => {
  test('shows what was written, by invocation, version and alias, in AWS’s lines', async () => {
    await invoke(app.client, 'plain', { say: 'one' }, '1')
    await updateAndWait(app.client, 'plain', zipOf({ 'index.js': `${CODE}// two` }))
    await app.client.send(new PublishVersionCommand({ FunctionName: 'plain' }))
    await app.client.send(new CreateAliasCommand({ FunctionName: 'plain', Name: 'prod', FunctionVersion: '2' })) // prettier-ignore
    await invoke(app.client, 'plain', { say: 'two' }, 'prod')

    const first = await logsOf('plain', 'qualifier=1')
    const id = first[1]?.requestId ?? ''
    expect(first.map(({ message }) => message)).toEqual([
      expect.stringMatching(/^INIT_START Runtime Version: nodejs20\.x/),
      `START RequestId: ${id} Version: 1`,
      expect.stringMatching(new RegExp(`^\\S+Z\t${id}\tINFO\tsaid one$`)),
      `END RequestId: ${id}`,
      expect.stringMatching(new RegExp(`^REPORT RequestId: ${id}\tDuration: .*\tInit Duration: [0-9.]+ ms\t$`)),
    ]) // prettier-ignore
    expect(first[0]?.stream).toMatch(/^\d{4}\/\d\d\/\d\d\/\[1\][0-9a-f]{32}$/)
    expect(await logsOf('plain', `requestId=${id}`)).toEqual(first)
    const prod = await messagesOf('plain', 'qualifier=prod&filter=said')
    expect(prod).toEqual([expect.stringContaining('said two')])
    expect(await messagesOf('plain', 'filter=said')).toHaveLength(2)
    expect(await messagesOf('plain', 'filter=said%20-two')).toHaveLength(1)
  })

  test('pages go on with a token that is good for the same question alone', async () => {
    const first = (await ask('/functions/plain/logs?limit=3')).body
    const rest = (await ask(`/functions/plain/logs?after=${first.after}`)).body

    expect(first.done).toBe(false)
    expect([...first.events, ...rest.events]).toEqual(await logsOf('plain'))
    for (const query of [
      `filter=said&after=${first.after}`,
      `after=${first.after}x`,
      'after=W10',
      `qualifier=1&after=${first.after}`,
      'filter=a-b',
      'waitMs=60000',
      'limit=0',
      'unknown=1',
      'from=yesterday',
    ]) {
      const refused = await ask(`/functions/plain/logs?${query}`)
      expect([query, refused.status, refused.body.error?.code]).toEqual([
        query,
        400,
        'INVALID_PARAMETER',
      ])
    }
    expect((await ask('/functions/nowhere/logs')).status).toBe(404)
    expect((await ask('/functions/plain/logs?qualifier=nothing')).status).toBe(404)
  })

  test('waits for what is not written yet, and answers it as it comes', async () => {
    const { after } = (await ask('/functions/plain/logs')).body
    const waiting = ask(`/functions/plain/logs?waitMs=20000&after=${after}`)
    await expect.poll(() => app.deps.logs?.waiting).toBe(1)
    await invoke(app.client, 'plain', { say: 'late' }, '1')

    const { events } = (await waiting).body

    expect(events[0]?.message).toMatch(/^START/)
  })

  test('a function’s own group, shared with another, is told apart', async () => {
    for (const name of ['share-a', 'share-b']) {
      await create(name, { LoggingConfig: { LogGroup: '/shared/by-both' } })
      await invoke(app.client, name, { say: name })
    }

    expect(await messagesOf('share-a', 'filter=said')).toEqual([expect.stringContaining('share-a')])
    const all = await aws<{ events: unknown[] }>(app.admin, 'filter-log-events', '--log-group-name', '/shared/by-both', '--filter-pattern', 'said')
    expect(all.events).toHaveLength(2)
  }) // prettier-ignore
})

describe('format JSON', () => {
  const json = async (name: string) =>
    (await messagesOf(name)).filter((text) => text.startsWith('{')).map((text) => JSON.parse(text) as Record<string, unknown>) // prettier-ignore

  test('of Node: levels, values and errors as AWS’s runtime writes them, and the platform’s records', async () => {
    const LoggingConfig = { LogFormat: 'JSON', ApplicationLogLevel: 'WARN', SystemLogLevel: 'DEBUG' } as const
    const code = `exports.handler = async () => {
      console.info('not told'); console.warn({ a: 1 }, 'two'); console.error(new TypeError('bad')); console.error({ only: [1] })
      return { format: process.env.AWS_LAMBDA_LOG_FORMAT, level: process.env.AWS_LAMBDA_LOG_LEVEL } }`
    await create('json-node', { LoggingConfig, Code: { ZipFile: zipOf({ 'index.js': code }) } })
    const { payload } = await invoke(app.client, 'json-node')
    const told = await json('json-node')

    expect(payload).toEqual({ format: 'JSON', level: 'WARN' })
    expect(told.map(({ type, level }) => type ?? level)).toEqual([
      'platform.initStart', 'platform.start', 'WARN', 'ERROR', 'ERROR', 'platform.runtimeDone', 'platform.report',
    ])
    expect(told[2]).toMatchObject({ message: '{ a: 1 } two', requestId: expect.any(String), timestamp: expect.stringMatching(/Z$/) })
    expect(told[3]).toMatchObject({ message: { errorType: 'TypeError', errorMessage: 'bad' } })
    expect(told[4]?.['message']).toEqual({ only: [1] })
    expect(told[6]).toMatchObject({ record: { status: 'success', metrics: { billedDurationMs: expect.any(Number) } } })
    expect(await messagesOf('json-node', `filter=${encodeURIComponent('{ $.level = "ERROR" && $.message.only[0] = 1 }')}`)).toHaveLength(1)
  }) // prettier-ignore

  test('of Python: its logger, what is printed, and the error that ends an invocation', async () => {
    await create('json-python', {
      Runtime: 'python3.11', Handler: 'app.handler', LoggingConfig: { LogFormat: 'JSON' },
      Code: { ZipFile: zipOf({ 'app.py': PYTHON }) },
    }) // prettier-ignore
    await invoke(app.client, 'json-python', { say: 'é' })
    await invoke(app.client, 'json-python', { fail: true })
    const told = await json('json-python')

    expect(await messagesOf('json-python', 'filter=printed')).toEqual(['printed'])
    expect(told.find(({ logger }) => logger === 'own')).toMatchObject({ level: 'INFO', message: 'told é', requestId: expect.any(String) }) // prettier-ignore
    expect(told.some(({ message }) => message === 'not told')).toBe(false)
    expect(told.find(({ level }) => level === 'ERROR')).toMatchObject({ errorType: 'ValueError', errorMessage: 'failed' }) // prettier-ignore
    expect(told.at(-1)).toMatchObject({ type: 'platform.report', record: { status: 'error' } })
  })
})

// Its start takes seconds where the machine is busy.
describe('the unmodified AWS CLI', { timeout: 240_000 }, () => {
  test('describes groups and streams, and reads one', async () => {
    const { logGroups } = await aws<{ logGroups: { logGroupName: string; arn: string; storedBytes: number }[] }>(
      app.admin, 'describe-log-groups', '--log-group-name-prefix', '/aws/lambda/pl',
    ) // prettier-ignore
    expect(logGroups).toMatchObject([
      { logGroupName: '/aws/lambda/plain', arn: 'arn:aws:logs:us-east-1:000000000000:log-group:/aws/lambda/plain:*' },
    ]) // prettier-ignore
    const { logStreams } = await aws<{ logStreams: { logStreamName: string }[] }>(
      app.admin, 'describe-log-streams', '--log-group-name', '/aws/lambda/plain', '--order-by', 'LastEventTime', '--descending',
      '--page-size', '1',
    ) // prettier-ignore
    expect(logStreams.length).toBeGreaterThan(1)
    const name = logStreams[0]?.logStreamName ?? ''
    const read = (...more: string[]) =>
      aws<{ events: { message: string }[]; nextForwardToken: string; nextBackwardToken: string }>(
        app.admin, 'get-log-events', '--log-group-name', '/aws/lambda/plain', '--log-stream-name', name, ...more,
      ) // prettier-ignore
    const all = (await read('--start-from-head')).events
    const last = await read('--limit', '2')
    const before = await read('--limit', '2', '--next-token', last.nextBackwardToken)
    const after = await read('--next-token', last.nextForwardToken)
    expect(last.events).toEqual(all.slice(-2))
    expect(before.events).toEqual(all.slice(-4, -2))
    expect(after.events).toEqual([])
    expect(after.nextForwardToken).toBe(last.nextForwardToken)
  })

  test('filters over pages of its own', async () => {
    const found = await aws<{ events: { message: string; eventId: string }[] }>(
      app.admin, 'filter-log-events', '--log-group-name', '/aws/lambda/plain', '--page-size', '2', '--filter-pattern', '?START ?END',
    ) // prettier-ignore
    const expected = (await messagesOf('plain')).filter((text) => /START|END/.test(text))

    expect(found.events.map(({ message }) => message)).toEqual(expected)
    expect(new Set(found.events.map(({ eventId }) => eventId)).size).toBe(expected.length)
  })

  test('tails', async () => {
    const text = await awsText(app.admin, 'tail', '/aws/lambda/plain', '--since', '1h', '--filter-pattern', '"said one"') // prettier-ignore

    expect(text).toMatch(/\[1\][0-9a-f]{32} .*\tINFO\tsaid one\n$/)
  })

  test('is told what it may not do, in AWS’s words', async () => {
    const failed = async (who: AdminFile, ...args: string[]): Promise<string> =>
      await awsText(who, ...args).then(
        () => 'it was answered',
        (error: { stderr: string }) => error.stderr,
      )
    const group = ['--log-group-name', '/aws/lambda/plain']
    const auditor = await withRole('auditor')
    const deployer = await withRole('deployer')

    expect(await failed(app.admin, 'filter-log-events', '--log-group-name', 'none')).toContain('(ResourceNotFoundException)')
    expect(await failed(app.admin, 'filter-log-events', ...group, '--filter-pattern', 'a-b')).toContain('(InvalidParameterException)')
    expect(await failed(app.admin, 'filter-log-events', ...group, '--next-token', 'x')).toContain('(InvalidParameterException)')
    expect(await failed(app.admin, 'delete-log-group', ...group)).toContain('(UnknownOperationException)')
    expect(await failed(app.admin, 'put-log-events', ...group, '--log-stream-name', 's', '--log-events', 'timestamp=1,message=m')).toContain('(UnknownOperationException)')
    expect(await failed(auditor, 'filter-log-events', ...group)).toContain('(AccessDeniedException)')
    expect(await failed(auditor, 'describe-log-groups')).toContain('(AccessDeniedException)')
    expect(await failed({ ...app.admin, secretAccessKey: 'x'.repeat(40) }, 'describe-log-groups')).toContain('(InvalidSignatureException)')
    expect(await failed(deployer, 'filter-log-events', ...group)).toBe('it was answered')
    expect((await ask('/functions/plain/logs', auditor)).status).toBe(403)
    expect((await ask('/usage', auditor)).status).toBe(200)
    expect((await ask('/functions/plain/logs', deployer)).status).toBe(200)
  }) // prettier-ignore
})

describe('the route, from the end', () => {
  test('gives the last lines, those before them, and goes on behind them', async () => {
    type Page = { events: { message: string }[]; before: string; after: string; done: boolean }
    const read = async (query: string) =>
      (await get<Page>(app.admin, `/functions/plain/logs?${query}`)).body
    const all = (await read('limit=10000')).events.map(({ message }) => message)
    const seen: string[] = []
    let before = 'now'
    let after: string | undefined
    for (;;) {
      const page = await read(`limit=5&before=${before}`)
      seen.unshift(...page.events.map(({ message }) => message))
      after ??= page.after
      before = page.before
      if (page.done) break
    }
    app.deps.logs?.append(
      {
        group: '/aws/lambda/plain',
        stream: `2026/05/03/[1]${'0'.repeat(32)}`,
        functionName: 'plain',
      },
      'what came since',
      undefined,
    )
    const behind = await read(`after=${after ?? ''}`)
    const both = await get(app.admin, `/functions/plain/logs?before=now&after=${after ?? ''}`)
    const foreign = await get(app.admin, `/functions/plain/logs?filter=x&before=${before}`)

    expect(seen).toEqual(all)
    expect(all.length).toBeGreaterThan(5)
    expect(behind.events.map(({ message }) => message)).toEqual(['what came since'])
    expect([both.status, foreign.status]).toEqual([400, 400])
  })
})

describe('metering', { timeout: 120_000 }, () => {
  test('has one record per attempt, whose sum is that of the REPORT lines', async () => {
    await create('mixed')
    for (const event of [{}, { fail: 'x' }, { exit: true }, { sleep: 3_000 }, {}, { say: 'y' }])
      await invoke(app.client, 'mixed', event)
    const retried = await send('mixed', { fail: 'async' })
    await send('mixed', { say: 'async' })
    const timedOut = await send('mixed', { sleep: 3_000 })
    await Promise.all([1, 2, 3].map(() => invoke(app.client, 'mixed', { sleep: 20 })))
    const reports = async () => {
      const lines = (await messagesOf('mixed', 'limit=10000')).filter((text) => text.startsWith('REPORT'))
      return lines.map((line) => /RequestId: (\S+)\tDuration: ([0-9.]+) ms\tBilled Duration: (\d+) ms/.exec(line) ?? [])
    }
    // Three attempts of the two events that fail, one of the third, nine that were waited for.
    await expect.poll(async () => (await reports()).length, { timeout: 30_000 }).toBe(3 + 3 + 1 + 9)

    const attempts = await get<{
 attempts: { requestId: string; attempt: number; outcome: string; billedMs: number; durationMs: number; functionName: string }[]
    }>(app.admin, '/usage/attempts?functionName=mixed')
    const usage = await get<{ usage: Record<string, number>[] }>(app.admin, '/usage?functionName=mixed')

    const told = (await reports()).map(([, id, duration, billed]) => `${id} ${Number(duration)} ${billed}`)
    const kept = attempts.body.attempts.map((one) => `${one.requestId} ${one.durationMs} ${one.billedMs}`)
    expect(kept.toSorted()).toEqual(told.toSorted())
    const of = (id: string) => attempts.body.attempts.filter(({ requestId }) => requestId === id)
    expect(of(retried).map(({ attempt, outcome }) => [attempt, outcome])).toEqual([[1, 'error'], [2, 'error'], [3, 'error']])
    expect(of(timedOut).map(({ outcome }) => outcome)).toEqual(['timeout', 'timeout', 'timeout'])
    const sum = told.reduce((all, line) => all + Number(line.split(' ')[2]), 0)
    expect(usage.body.usage).toMatchObject([{ attempts: 16, errors: 9, timeouts: 4, billedMs: sum, gigabyteSeconds: sum * 128 / 1_024_000 }])
  }) // prettier-ignore

  test('tells how long attempts took and how many failed, over time and by function', async () => {
    type Taken = { attempts: number; errors: number; p50Ms: number | null; p99Ms: number | null }
    const from = new Date(Date.now() - 3_600_000).toISOString()
    const { status, body } = await get<{ slotMs: number; slots: Taken[]; functions: Taken[] }>(
      app.admin,
      `/usage/latency?functionName=mixed&from=${encodeURIComponent(from)}`,
    )
    const tooLong = await get(app.admin, '/usage/latency?from=2020-01-01T00:00:00Z')
    const turned = await get(app.admin, '/usage/latency?from=2099-01-01T00:00:00Z')

    expect([status, body.slotMs, body.slots.length]).toEqual([200, 60_000, 61])
    expect(body.functions).toMatchObject([{ functionName: 'mixed', attempts: 16, errors: 9 }])
    expect(body.slots.reduce((sum, { attempts }) => sum + attempts, 0)).toBe(16)
    // Four of sixteen ran into the time-out of a second.
    expect(body.functions[0]?.p50Ms).toBeLessThan(1_000)
    expect(body.functions[0]?.p99Ms).toBeGreaterThanOrEqual(1_000)
    expect([tooLong.status, turned.status]).toEqual([400, 400])
  })

  test('/metrics says the same by AWS’s names', async () => {
    const text = await (await fetch(`${app.url}/metrics`)).text()

    expect(text).toContain('lacre_invocations_total{function="mixed"} 16')
    expect(text).toContain('lacre_errors_total{function="mixed"} 9')
    expect(text).toContain('lacre_duration_seconds_count{function="mixed"} 16')
    expect(text).toMatch(/# TYPE lacre_concurrent_executions gauge/)
    expect(text).toMatch(/lacre_log_bytes [1-9]/)
  })
})

describe('the command', () => {
  test('shows foreign text escaped, and continued lines as such', async () => {
    await invoke(app.client, 'plain', { raw: 'a\u001b[31mred\rSTART \u202eforged\n' }, '1')
    const { exit, out } = await lacre('logs', 'plain:1', '--filter', 'forged')

    expect(exit).toBe(0)
    expect(out).toMatch(/^\S+Z a\\u001b\[31mred\n\tSTART \\u202eforged\n$/)
  })

  test('--json is an object a line, by request too', async () => {
    const [{ requestId = '' } = {}] = await logsOf('plain', 'qualifier=2')
    const { out } = await lacre('logs', 'plain', '--request-id', requestId, '--json')

    const lines = out.trimEnd().split('\n').map((line) => JSON.parse(line) as Event) // prettier-ignore
    expect(lines.every((line) => line.requestId === requestId)).toBe(true)
    expect(lines).toEqual(await logsOf('plain', `requestId=${requestId}`))
    const { out: attempts } = await lacre('usage', '--request-id', requestId)
    expect(attempts).toMatch(new RegExp(`${requestId} plain:2 #1 success`))
    expect((await lacre('usage', 'plain')).out).toMatch(/plain +1 +\d/)
  })

  test('says what is wrong with a question', async () => {
    expect(await lacre('logs', 'nothing')).toMatchObject({ exit: 3 })
    expect(await lacre('logs', 'plain', '--since', '10x')).toMatchObject({ exit: 2 })
    expect(await lacre('logs', 'plain', '--filter', 'a-b')).toMatchObject({ exit: 2 })
    expect(await lacre('logs', 'plain', '--follow', '--until', '2026-01-01T00:00Z')).toMatchObject({ exit: 2 }) // prettier-ignore
    expect((await lacre('logs', 'plain', '--request-id', randomUUID())).out).toBe('')
  })
})
