import { setTimeout as sleep } from 'node:timers/promises'

import type { AdminFile } from '../../support/client.ts'
import { ROLE } from '../../support/functions.ts'
import { governance } from '../../support/governance.ts'
import { lambdaWire, type WireCall, type WireReply } from '../../support/lambda-wire.ts'
import { nodePackage } from '../../support/packages.ts'
import type { Seeded } from '../seeded.ts'

const NAMES = ['soak-0', 'soak-1', 'soak-2'] as const
const ALIAS = 'live'
/** Older ones are deleted: what is kept does not grow, apart from history. */
const VERSIONS_KEPT = 3
const SETTLE_POLL_MS = 20
const SETTLE_LIMIT_MS = 30_000
const AUDIT_PATHS = [
  '/live',
  '/ledger/checkpoint',
  '/decisions',
  '/history/functions/soak-0',
] as const

export const STREAMS = ['invoke', 'deploy', 'audit'] as const
export type Stream = (typeof STREAMS)[number]

export interface Answered {
  readonly stream: Stream
  /** From the instant at which it was due. */
  readonly tookMs: number
  readonly atMs: number
}

/** The whole load: invocations by alias, deployments, and what auditors read. */
export class Load {
  readonly answered: Answered[] = []
  /** Answers that nobody should get, each told once. */
  readonly wrong = new Map<string, number>()
  readonly #admin: AdminFile
  readonly #chance: Seeded
  /** A function's versions, oldest first. */
  readonly #versions = new Map<string, string[]>()
  #release = 0

  constructor(admin: AdminFile, chance: Seeded) {
    this.#admin = admin
    this.#chance = chance
  }

  async prepare(): Promise<void> {
    for (const name of NAMES) {
      await this.#call('/2015-03-31/functions', 'POST', {
        FunctionName: name,
        Runtime: 'nodejs20.x',
        Handler: 'index.handler',
        Role: ROLE,
        Code: { ZipFile: this.#code() },
      })
      await this.#settled(name)
      const version = await this.#publish(name)
      const body = { Name: ALIAS, FunctionVersion: version }
      await this.#call(`/2015-03-31/functions/${name}/aliases`, 'POST', body)
    }
  }

  /** One unit of a stream's work; what went wrong is kept, and it counts as no answer. */
  async once(stream: Stream, dueMs: number): Promise<void> {
    try {
      if (stream === 'invoke') await this.#invoke()
      else if (stream === 'deploy') await this.#deploy()
      else await this.#audit()
      const atMs = performance.now()
      this.answered.push({ stream, tookMs: atMs - dueMs, atMs })
    } catch (error) {
      const what = `${stream}: ${error instanceof Error ? error.message : String(error)}`
      this.wrong.set(what, (this.wrong.get(what) ?? 0) + 1)
    }
  }

  async #invoke(): Promise<void> {
    const name = this.#chance.pick(NAMES)
    const reply = await this.#ask({
      method: 'POST',
      path: `/2015-03-31/functions/${name}/invocations`,
      query: { Qualifier: ALIAS },
      body: { number: this.#chance.integer(0, 1_000_000) },
    })
    if (reply.headers.get('x-amz-function-error') !== null) throw new Error('the function failed')
  }

  /** New code, prepared, published and live; one function after the other has its turn. */
  async #deploy(): Promise<void> {
    const name = NAMES[this.#release % NAMES.length] ?? NAMES[0]
    const one = `/2015-03-31/functions/${name}`
    await this.#call(`${one}/code`, 'PUT', { ZipFile: this.#code() })
    await this.#settled(name)
    const version = await this.#publish(name)
    await this.#call(`${one}/aliases/${ALIAS}`, 'PUT', { FunctionVersion: version })
    const kept = this.#versions.get(name) ?? []
    while (kept.length > VERSIONS_KEPT) {
      const oldest = kept.shift() ?? ''
      await this.#ask({ method: 'DELETE', path: one, query: { Qualifier: oldest } })
    }
  }

  async #publish(name: string): Promise<string> {
    const { body } = await this.#call(`/2015-03-31/functions/${name}/versions`, 'POST', {})
    const version = body?.['Version']
    if (typeof version !== 'string') throw new Error('a version has no number')
    this.#versions.set(name, [...(this.#versions.get(name) ?? []), version])
    return version
  }

  async #settled(name: string): Promise<void> {
    const limitMs = performance.now() + SETTLE_LIMIT_MS
    for (;;) {
      const path = `/2015-03-31/functions/${name}/configuration`
      const { body } = await this.#ask({ method: 'GET', path })
      if (body?.['State'] === 'Active' && body['LastUpdateStatus'] === 'Successful') return
      if (body?.['LastUpdateStatus'] === 'Failed') throw new Error('an update failed')
      if (performance.now() > limitMs) throw new Error('an update does not settle')
      await sleep(SETTLE_POLL_MS)
    }
  }

  async #audit(): Promise<void> {
    const path = this.#chance.pick(AUDIT_PATHS)
    const { status } = await governance(this.#admin, { path })
    if (status !== 200) throw new Error(`${path} answered ${status}`)
  }

  async #call(path: string, method: 'POST' | 'PUT', body: unknown): Promise<WireReply> {
    return await this.#ask({ path, method, body })
  }

  async #ask(call: WireCall): Promise<WireReply> {
    const reply = await lambdaWire(this.#admin, call)
    if (reply.status < 300) return reply
    throw new Error(`${reply.status} ${JSON.stringify(reply.body).slice(0, 200)}`)
  }

  #code(): string {
    this.#release += 1
    return nodePackage(this.#release).toString('base64')
  }
}
