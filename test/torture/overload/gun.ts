/** A process of its own that sends prepared requests: what it costs to send them must not slow down the judge. */
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

import type { Answer, Job, Volley } from './volley.ts'

const POLL_MS = 2
/** How long answers may take once the last request was sent. */
const LAST_ANSWER_MS = 20_000

interface Reply {
  readonly head: string
  readonly body: string
}

/** One connection, one request at a time; opened anew where the service closed it. */
class Barrel {
  readonly #port: number
  #socket: Socket | undefined
  #text = ''
  #done: ((reply: Reply | undefined) => void) | undefined

  constructor(port: number) {
    this.#port = port
  }

  /** `undefined` where the connection broke before the answer was whole. */
  async fire(request: string): Promise<Reply | undefined> {
    this.#socket ??= this.#open()
    return await new Promise((resolve) => {
      this.#done = resolve
      this.#socket?.write(request)
    })
  }

  close(): void {
    this.#socket?.destroy()
  }

  #open(): Socket {
    const socket = connect(this.#port, '127.0.0.1').setNoDelay(true).setEncoding('latin1')
    this.#text = ''
    socket.on('data', (text: string) => this.#take(text))
    socket.on('error', () => undefined)
    socket.on('close', () => {
      if (this.#socket !== socket) return
      this.#socket = undefined
      this.#settle(undefined)
    })
    return socket
  }

  #take(text: string): void {
    this.#text += text
    const end = this.#text.indexOf('\r\n\r\n')
    if (end === -1) return
    const head = this.#text.slice(0, end)
    const length = Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? 0)
    const body = this.#text.slice(end + 4)
    if (body.length < length) return
    this.#text = ''
    this.#settle({ head, body })
  }

  #settle(reply: Reply | undefined): void {
    const done = this.#done
    this.#done = undefined
    done?.(reply)
  }
}

/** As AWS says it: who is refused learns of what kind it is, and when to come again. */
function isThrottle({ head, body }: Reply): boolean {
  return (
    /\r\nx-amzn-errortype: TooManyRequestsException/i.test(head) &&
    /\r\nretry-after: [1-9]\d*/i.test(head) &&
    /"Reason":"(?:ConcurrentInvocation|CallerRate)LimitExceeded"/.test(body)
  )
}

/** All connections of one volley. */
class Battalion {
  readonly #port: number
  readonly #volley: Volley
  readonly #barrels: Barrel[] = []
  readonly answers: Answer[] = []
  #sent = 0

  constructor(port: number, volley: Volley) {
    this.#port = port
    this.#volley = volley
  }

  barrel(): Barrel {
    const barrel = new Barrel(this.#port)
    this.#barrels.push(barrel)
    return barrel
  }

  async fire(barrel: Barrel, dueMs: number): Promise<Answer> {
    const { requests } = this.#volley
    const reply = await barrel.fire(requests[this.#sent++ % requests.length] ?? '')
    const atMs = performance.timeOrigin + performance.now()
    const said = reply === undefined ? 0 : Number(reply.head.slice(9, 12))
    const status = reply !== undefined && said === 429 && !isThrottle(reply) ? -429 : said
    const answer = { atMs, tookMs: atMs - performance.timeOrigin - dueMs, status }
    this.answers.push(answer)
    return answer
  }

  /** As many clients as are asked for, each with its next request as soon as it has its answer. */
  async closed(clients: number, untilMs: number): Promise<void> {
    const one = async (): Promise<void> => {
      const barrel = this.barrel()
      while (performance.now() < untilMs) {
        const { status } = await this.fire(barrel, performance.now())
        if (status === 429) await sleep(this.#volley.restMs ?? 0)
      }
    }
    await Promise.all(Array.from({ length: clients }, one))
  }

  /** Each is sent when it is due, whatever became of those before; its time counts from then. */
  async open(rate: number, beganMs: number, untilMs: number): Promise<void> {
    const idle: Barrel[] = []
    const open = new Set<Promise<void>>()
    const send = async (dueMs: number): Promise<void> => {
      const barrel = idle.pop() ?? this.barrel()
      await this.fire(barrel, dueMs)
      idle.push(barrel)
    }
    for (let dueMs = beganMs; dueMs < untilMs; dueMs += 1_000 / rate) {
      while (performance.now() < dueMs) await sleep(POLL_MS)
      const one = send(dueMs).finally(() => open.delete(one))
      open.add(one)
    }
    await Promise.all(open)
  }

  /** What has no answer by now counts as none. */
  close(): void {
    for (const barrel of this.#barrels) barrel.close()
  }
}

async function fire({ port, seconds, volleys }: Job): Promise<readonly (readonly Answer[])[]> {
  const began = performance.now()
  const until = began + seconds * 1_000
  const battalions = volleys.map((volley) => new Battalion(port, volley))
  const all = Promise.all(
    battalions.map((one, at) => {
      const load = volleys[at]?.load ?? { clients: 0 }
      return 'clients' in load ? one.closed(load.clients, until) : one.open(load.rate, began, until)
    }),
  )
  await Promise.race([all, sleep(seconds * 1_000 + LAST_ANSWER_MS)])
  for (const battalion of battalions) battalion.close()
  await all
  return battalions.map(({ answers }) => answers)
}

process.on('message', (job: Job) => void fire(job).then((answers) => process.send?.(answers)))
