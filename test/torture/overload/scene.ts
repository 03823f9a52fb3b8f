import type { AdminFile } from '../../support/client.ts'
import { createActive } from '../../support/functions.ts'
import { governance } from '../../support/governance.ts'
import { lambdaWire } from '../../support/lambda-wire.ts'
import { zipOf } from '../../support/packages.ts'
import type { Service } from '../../support/service.ts'
import { signWithSmithy, type Ask } from '../../support/signers.ts'
import type { Seeded } from '../seeded.ts'

/** As many invocations as run at a time; a function takes as long whatever else the machine does. */
export const ENVIRONMENTS = 8
const WORK_MS = 400
const WORK = `exports.handler = async (event) => {
  await new Promise((resolve) => setTimeout(resolve, ${WORK_MS}))
  return event.number
}
`
const WORK_PATH = '/2015-03-31/functions/work'
const IDLE_PATH = '/2017-10-31/functions/idle/concurrency'
/** Different ones, sent in turns. */
const REQUESTS = 16
const PAD_LIMIT_BYTES = 2_048

export const CALLERS = ['greedy', 'quiet'] as const
export type Caller = (typeof CALLERS)[number]

/** Two functions and two callers beside the administrator. */
export class Scene {
  readonly #service: Service
  readonly #chance: Seeded
  readonly #keys = new Map<Caller, AdminFile>()

  constructor(service: Service, chance: Seeded) {
    this.#service = service
    this.#chance = chance
  }

  get port(): number {
    return Number(new URL(this.#service.admin.endpoint).port)
  }

  async prepare(): Promise<void> {
    const client = this.#service.client()
    await createActive(client, 'work', { Code: { ZipFile: zipOf({ 'index.js': WORK }) } })
    await createActive(client, 'idle')
    for (const name of CALLERS) this.#keys.set(name, await this.#person(name))
  }

  /** Invocations by this caller; signed now, good for five minutes. */
  async invocations(caller: Caller): Promise<string[]> {
    const requests: string[] = []
    for (let at = 0; at < REQUESTS; at += 1) {
      const pad = 'x'.repeat(this.#chance.integer(0, PAD_LIMIT_BYTES))
      const body = JSON.stringify({ number: this.#chance.integer(0, 1_000_000), pad })
      requests.push(await this.#wire(caller, { path: `${WORK_PATH}/invocations`, body }))
    }
    return requests
  }

  /** Scales a function to zero: leaving (promise P5), by somebody else. */
  async leave(): Promise<number> {
    const body = { ReservedConcurrentExecutions: 0 }
    const call = { method: 'PUT', path: IDLE_PATH, body } as const
    return (await lambdaWire(this.#service.admin, call)).status
  }

  async health(): Promise<number> {
    return (await fetch(`${this.#service.admin.endpoint}/healthz`)).status
  }

  async #person(name: Caller): Promise<AdminFile> {
    const { admin } = this.#service
    const person = { kind: 'user', name, roles: ['admin'] }
    const { body: made } = await governance<{ readonly principal: { readonly id: string } }>(
      admin,
      { method: 'POST', path: '/principals', body: person },
    )
    const { body } = await governance<{
      readonly accessKey: { readonly id: string }
      readonly secretAccessKey: string
    }>(admin, { method: 'POST', path: '/access-keys', body: { principal: made.principal.id } })
    const { accessKey, secretAccessKey } = body
    return { ...admin, accessKeyId: accessKey.id, secretAccessKey }
  }

  async #wire(caller: Caller, ask: Ask): Promise<string> {
    const { admin } = this.#service
    const { host } = new URL(admin.endpoint)
    const keys = this.#keys.get(caller) ?? admin
    const { region } = admin
    const { method, url, headers, body } = await signWithSmithy(keys, {
      ...ask,
      region,
      headers: { host },
    })
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
    const length = Buffer.byteLength(body)
    const framed = length === 0 ? '' : `content-length: ${length}\r\n`
    return `${method} ${url} HTTP/1.1\r\n${lines.join('')}${framed}\r\n${String(body)}`
  }
}
