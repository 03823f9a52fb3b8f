import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { SESSION_FOLLOWERS_LIMIT } from '../../services/http/console/followers.ts'
import { startTestApp, type TestApp } from '../support/app.ts'
import type { AdminFile } from '../support/client.ts'
import { openConsole, type ConsoleClient } from '../support/console-client.ts'
import { HOSTILE } from '../support/console-story.ts'
import { createActive } from '../support/functions.ts'
import { governance } from '../support/governance.ts'

let app: TestApp
beforeAll(async () => {
  app = await startTestApp()
  await createActive(app.client, 'loud')
  await createActive(app.client, 'quiet')
}, 120_000)
afterAll(() => app[Symbol.asyncDispose]())

interface Person {
  readonly id: string
  readonly file: AdminFile
}

async function person(name: string, role: string): Promise<Person> {
  const post = async <T>(path: string, body: unknown): Promise<T> =>
    (await governance<T>(app.admin, { method: 'POST', path, body })).body
  const { principal } = await post<{ principal: { id: string } }>('/principals', {
    kind: 'user',
    name,
    roles: [role],
  })
  const key = await post<{ accessKey: { id: string }; secretAccessKey: string }>('/access-keys', {
    principal: principal.id,
  })
  const { accessKey, secretAccessKey } = key
  return { id: principal.id, file: { ...app.admin, accessKeyId: accessKey.id, secretAccessKey } }
}

function write(functionName: string, message: string, of: TestApp = app): void {
  const stream = `2026/05/03/[1]${'0'.repeat(32)}`
  of.deps.logs?.append(
    { group: `/aws/lambda/${functionName}`, stream, functionName },
    message,
    'r1',
  )
}

interface Told {
  readonly event: string
  readonly id: string | undefined
  readonly data: unknown
}

/** A follower, as a browser reads it: by the rules of server-sent events. */
class Follower implements AsyncDisposable {
  readonly status: number
  readonly type: string | null
  readonly #reader: ReadableStreamDefaultReader<Uint8Array> | undefined
  #rest = ''

  constructor(answer: Response) {
    this.status = answer.status
    this.type = answer.headers.get('content-type')
    this.#reader = answer.body?.getReader()
  }

  /** The next event that is none of those that say nothing; `undefined` at the end. */
  async next(): Promise<Told | undefined> {
    for (;;) {
      const at = this.#rest.indexOf('\n\n')
      if (at >= 0) {
        const lines = this.#rest.slice(0, at).split(/\r\n|\r|\n/)
        this.#rest = this.#rest.slice(at + 2)
        const of = (name: string): string | undefined =>
          lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2)
        const [event, data] = [of('event'), of('data')]
        if (event !== undefined && data !== undefined)
          return { event, id: of('id'), data: JSON.parse(data) as unknown }
        continue
      }
      const piece = await this.#reader?.read()
      if (piece?.value === undefined) return undefined
      this.#rest += Buffer.from(piece.value).toString('utf8')
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#reader?.cancel()
  }
}

async function follow(visitor: ConsoleClient, query: string): Promise<Follower> {
  return new Follower(await visitor.get(`/logs/follow?${query}`))
}

describe('who may not read a log', { timeout: 60_000 }, () => {
  test('sees it on no page, in no JSON, and follows none', async () => {
    const auditor = await openConsole((await person('audra', 'auditor')).file)
    const deployer = await openConsole((await person('dee', 'deployer')).file)
    write('quiet', 'the secret of the cart')
    const paths = [
      '/logs?function=quiet',
      '/api/v1/functions/quiet/logs',
      '/logs/follow?function=quiet',
    ]
    for (const path of paths) {
      const refused = await auditor.get(path)
      expect([path, refused.status]).toEqual([path, 403])
      expect(await refused.text()).not.toContain('the secret')
    }

    expect(await (await deployer.get('/logs?function=quiet')).text()).toContain('the secret')
  })

  test('without a session nothing is followed', async () => {
    const answer = await fetch(`${app.url}/console/logs/follow?function=quiet`)

    expect(answer.status).toBe(401)
  })

  test('whose permission is taken away in the midst gets nothing more', async () => {
    const dora = await person('dora', 'deployer')
    await using follower = await follow(await openConsole(dora.file), 'function=quiet')
    write('quiet', 'first')
    const first = await follower.next()
    const path = `/principals/${dora.id}/roles/deployer/revoke`
    const { status } = await governance(app.admin, { method: 'POST', path, body: {} })
    write('quiet', 'second')

    const told = [await follower.next(), await follower.next()]

    expect(first).toMatchObject({ event: 'lines', data: [{ text: 'first' }] })
    expect(status).toBeLessThan(300)
    expect(told).toMatchObject([{ event: 'end' }, undefined])
    expect(JSON.stringify(told)).not.toContain('second')
  })

  test('who signs out follows no longer', async () => {
    const visitor = await openConsole(app.admin)
    await using follower = await follow(visitor, 'function=quiet')
    await visitor.post('/sign-out', {})

    expect(await follower.next()).toMatchObject({ event: 'end', data: 'the session is over' })
  })
})

describe('a log that is followed', { timeout: 60_000 }, () => {
  test('comes as it is written, from where the page ended, and goes on where a connection broke', async () => {
    const visitor = await openConsole(app.admin)
    write('loud', 'before the page')
    const page = await (await visitor.get('/logs?function=loud')).text()
    const after = /data-after="([^"]+)"/.exec(page)?.[1] ?? ''
    write('loud', 'between')
    await using first = await follow(visitor, `function=loud&after=${after}`)
    const between = await first.next()
    write('loud', 'then')
    const then = await first.next()
    await using again = await follow(visitor, `function=loud&after=${between?.id ?? ''}`)

    expect([first.status, first.type]).toEqual([200, 'text/event-stream; charset=utf-8'])
    expect(between).toMatchObject({ event: 'lines', data: [{ text: 'between', version: '1' }] })
    expect(then).toMatchObject({ data: [{ text: 'then' }] })
    expect(await again.next()).toMatchObject({ data: [{ text: 'then' }] })
  })

  test('hostile lines end no event, name none, and hide nothing', async () => {
    const visitor = await openConsole(app.admin)
    await using follower = await follow(visitor, 'function=loud')
    const hostile = `${HOSTILE}\n\nevent: end\ndata: "gone"\r\rid: x\0\u001b[2J\u2028`
    write('loud', hostile)
    const told = await follower.next()
    write('loud', 'still there')
    const next = await follower.next()

    const [line] = (told?.data ?? []) as { text: string }[]
    expect(told?.event).toBe('lines')
    expect(line?.text).toContain('<img src=x onerror')
    expect(line?.text).toContain(String.raw`\u0000\u001b[2J\u2028`)
    expect(line?.text.replaceAll(/[\n\t]/g, '')).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u)
    expect(next).toMatchObject({ event: 'lines', data: [{ text: 'still there' }] })
  })

  test('a filter holds for what comes, too, and a wrong one is refused at once', async () => {
    const visitor = await openConsole(app.admin)
    await using follower = await follow(visitor, 'function=loud&filter=ERROR')
    await using wrong = await follow(visitor, 'function=loud&filter=a-b')
    write('loud', 'all is well')
    write('loud', 'ERROR it is not')

    expect(wrong.status).toBe(400)
    expect(await follower.next()).toMatchObject({ data: [{ text: 'ERROR it is not' }] })
  })

  test('one session follows so many and no more, and one that ends makes room', async () => {
    const visitor = await openConsole(app.admin)
    const held: Follower[] = []
    for (let one = 0; one < SESSION_FOLLOWERS_LIMIT; one += 1)
      held.push(await follow(visitor, 'function=loud'))
    const tooMany = await follow(visitor, 'function=loud')
    await using other = await follow(await openConsole(app.admin), 'function=loud')
    for (const one of held) await one[Symbol.asyncDispose]()

    expect(held.map(({ status }) => status)).toEqual(held.map(() => 200))
    expect(tooMany.status).toBe(429)
    expect(other.status).toBe(200)
    await expect
      .poll(
        async () => {
          await using later = await follow(visitor, 'function=loud')
          return later.status
        },
        { timeout: 20_000, interval: 300 },
      )
      .toBe(200)
  })

  test('ends when the service stops, which waits for no reader', async () => {
    await using short = await startTestApp()
    await createActive(short.client, 'loud')
    write('loud', 'one', short)
    await using follower = await follow(await openConsole(short.admin), 'function=loud')
    const stopped = short[Symbol.asyncDispose]()

    const told = [await follower.next(), await follower.next()]
    await stopped

    expect(told).toMatchObject([{ event: 'end', data: 'the service stops' }, undefined])
  })
})
