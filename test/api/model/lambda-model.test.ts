import fc from 'fast-check'
import { expect, it } from 'vitest'

import { ROLE } from '../../support/functions.ts'
import { startLambdaApi, type Answered, type LambdaApi } from '../../support/lambda-api.ts'
import { nodePackage } from '../../support/packages.ts'
import { LambdaModel } from './lambda-model.ts'

const STALE = '00000000-0000-4000-8000-00000000dead'
const NAMES = ['fn-a', 'fn-b']
const ALIASES = ['live', 'next']
const zips = [1, 2, 3].map((release) => nodePackage(release))

/** Which RevisionId a call gives: none, the one that was read last, or one that is no more. */
type Guard = 'none' | 'latest' | 'stale'
type Step =
  | { readonly act: 'create' | 'update'; readonly name: string; readonly code: number; readonly guard: Guard }
  | { readonly act: 'publish'; readonly name: string; readonly guard: Guard }
  | { readonly act: 'settle' | 'recreate'; readonly name: string }
  | { readonly act: 'delete-version'; readonly name: string; readonly version: string }
  | { readonly act: 'alias' | 'move'; readonly name: string; readonly alias: string; readonly version: string; readonly guard: Guard }
  | { readonly act: 'unalias'; readonly name: string; readonly alias: string } // prettier-ignore

const name = fc.constantFrom(...NAMES)
const alias = fc.constantFrom(...ALIASES)
const code = fc.nat(zips.length - 1)
const version = fc.integer({ min: 1, max: 4 }).map(String)
const guard = fc.constantFrom<Guard>('none', 'none', 'latest', 'stale')
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ act: fc.constant('create' as const), name, code, guard }) },
  { weight: 4, arbitrary: fc.record({ act: fc.constant('update' as const), name, code, guard }) },
  { weight: 6, arbitrary: fc.record({ act: fc.constant('settle' as const), name }) },
  { weight: 5, arbitrary: fc.record({ act: fc.constant('publish' as const), name, guard }) },
  { weight: 1, arbitrary: fc.record({ act: fc.constant('recreate' as const), name }) },
  { weight: 2, arbitrary: fc.record({ act: fc.constant('delete-version' as const), name, version }) },
  { weight: 3, arbitrary: fc.record({ act: fc.constant('alias' as const), name, alias, version, guard }) },
  { weight: 3, arbitrary: fc.record({ act: fc.constant('move' as const), name, alias, version, guard }) },
  { weight: 1, arbitrary: fc.record({ act: fc.constant('unalias' as const), name, alias }) },
) // prettier-ignore

/** The service, asked as the model is. */
class Real {
  readonly #api: LambdaApi

  constructor(api: LambdaApi) {
    this.#api = api
  }

  async create(FunctionName: string, at: number): Promise<number> {
    const json = { FunctionName, Role: ROLE, Runtime: 'nodejs20.x', Handler: 'index.handler' }
    return (await this.#api.call('CreateFunction', { json, zip: zips[at]! })).status
  }

  update(FunctionName: string, at: number, RevisionId?: string): Promise<Answered> {
    const json = RevisionId === undefined ? {} : { RevisionId }
    return this.#api.call('UpdateFunctionCode', { path: { FunctionName }, json, zip: zips[at]! })
  }

  publish(FunctionName: string, RevisionId?: string): Promise<Answered> {
    const json = RevisionId === undefined ? {} : { RevisionId }
    return this.#api.call('PublishVersion', { path: { FunctionName }, json })
  }

  async delete(FunctionName: string, Qualifier?: string): Promise<number> {
    const query: Record<string, string> = Qualifier === undefined ? {} : { Qualifier }
    return (await this.#api.call('DeleteFunction', { path: { FunctionName }, query })).status
  }

  alias(FunctionName: string, Name: string, FunctionVersion: string): Promise<Answered> {
    const json = { Name, FunctionVersion }
    return this.#api.call('CreateAlias', { path: { FunctionName }, json })
  }

  move(about: readonly [string, string], FunctionVersion: string, RevisionId?: string) {
    const [FunctionName, Name] = about
    const json = { FunctionVersion, ...(RevisionId === undefined ? {} : { RevisionId }) }
    return this.#api.call('UpdateAlias', { path: { FunctionName, Name }, json })
  }

  async unalias(FunctionName: string, Name: string): Promise<number> {
    return (await this.#api.call('DeleteAlias', { path: { FunctionName, Name } })).status
  }

  settle(): Promise<void> {
    return this.#api.settle()
  }

  /** What a guard stands for now. */
  async revision(kind: Guard, FunctionName: string, Name?: string): Promise<string | undefined> {
    if (kind === 'none') return undefined
    if (kind === 'stale') return STALE
    const path: Record<string, string> = { FunctionName, ...(Name === undefined ? {} : { Name }) }
    const operation = Name === undefined ? 'GetFunctionConfiguration' : 'GetAlias'
    const { body } = await this.#api.call(operation, { path })
    return typeof body['RevisionId'] === 'string' ? body['RevisionId'] : STALE
  }

  /** Everything that can be read, in the model's form. */
  async state(): Promise<unknown> {
    const { body } = await this.#api.call('ListFunctions', { query: { FunctionVersion: 'ALL' } })
    const listed = body['Functions'] as readonly Record<string, string>[]
    const names = [...new Set(listed.map((one) => one['FunctionName'] ?? ''))]
    const aliases = await Promise.all(
      names.map(async (FunctionName) => {
        const found = await this.#api.call('ListAliases', { path: { FunctionName } })
        return (found.body['Aliases'] as readonly Record<string, string>[]).map(
          (one) => `${FunctionName} ${one['Name']} ${one['FunctionVersion']}`,
        )
      }),
    )
    const versions = listed.map(
      (one) => `${one['FunctionName']} ${one['Version']} ${one['CodeSha256']}`,
    )
    return [versions, aliases.flat()]
  }
}

const digests = new Map<number, string>()

function stateOf(model: LambdaModel): unknown {
  const functions = [...model.functions].sort(([a], [b]) => (a < b ? -1 : 1))
  return [
    functions.flatMap(([of, one]) => [
      `${of} $LATEST ${digests.get(one.code)}`,
      ...[...one.versions.values()].map((v) => `${of} ${v.version} ${digests.get(v.code)}`),
    ]),
    functions.flatMap(([of, one]) =>
      [...one.aliases]
        .sort(([x], [y]) => (x < y ? -1 : 1))
        .map(([a, { version: to }]) => `${of} ${a} ${to}`),
    ),
  ]
}

/** One step on both; the two statuses. */
async function play(real: Real, model: LambdaModel, asked: Step): Promise<readonly unknown[]> {
  const fits = (kind: Guard): boolean => kind !== 'stale'
  switch (asked.act) {
    case 'create':
      return [await real.create(asked.name, asked.code), model.create(asked.name, asked.code)]
    case 'update': {
      const given = await real.revision(asked.guard, asked.name)
      const { status } = await real.update(asked.name, asked.code, given)
      return [status, model.update(asked.name, asked.code, fits(asked.guard))]
    }
    case 'publish': {
      const given = await real.revision(asked.guard, asked.name)
      const { status, body } = await real.publish(asked.name, given)
      const expected = model.publish(asked.name, fits(asked.guard))
      return [
        [status, body['Version']],
        [expected.status, expected.version],
      ]
    }
    case 'settle':
      await real.settle()
      model.settle()
      return [0, 0]
    case 'recreate':
      return [
        [await real.delete(asked.name), await real.create(asked.name, 0)],
        [model.deleteFunction(asked.name), model.create(asked.name, 0)],
      ]
    case 'delete-version':
      return [
        await real.delete(asked.name, asked.version),
        model.deleteVersion(asked.name, asked.version),
      ]
    case 'alias': {
      const { status } = await real.alias(asked.name, asked.alias, asked.version)
      return [status, model.createAlias(asked.name, asked.alias, asked.version)]
    }
    case 'move': {
      const given = await real.revision(asked.guard, asked.name, asked.alias)
      const { status } = await real.move([asked.name, asked.alias], asked.version, given)
      const to = { version: asked.version, revisionIsLatest: fits(asked.guard) }
      return [status, model.moveAlias(asked.name, asked.alias, to)]
    }
    case 'unalias':
      return [
        await real.unalias(asked.name, asked.alias),
        model.deleteAlias(asked.name, asked.alias),
      ]
  }
}

async function withDigests(): Promise<void> {
  const { createHash } = await import('node:crypto')
  for (const [at, zip] of zips.entries())
    digests.set(at, createHash('sha256').update(zip).digest('base64'))
}

it('answers any sequence of calls as the model does', { timeout: 60_000 }, async () => {
  await withDigests()
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25 }), async (steps) => {
      await using api = await startLambdaApi()
      const real = new Real(api)
      const model = new LambdaModel()
      for (const asked of steps) {
        const [ours, theirs] = await play(real, model, asked)
        expect(ours, JSON.stringify(asked)).toEqual(theirs)
      }
      expect(await real.state()).toEqual(stateOf(model))
    }),
    { numRuns: 30, interruptAfterTimeLimit: 8_000, endOnFailure: true },
  )
})

it('lets one of many callers with one RevisionId win and tells the others so', { timeout: 60_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(fc.constantFrom('update', 'publish', 'move'), fc.integer({ min: 2, max: 6 }), async (act, callers) => {
      await using api = await startLambdaApi()
      const real = new Real(api)
      await prepare(real)
      const given = await real.revision('latest', 'fn-a', act === 'move' ? 'live' : undefined)
      const answers = await Promise.all(
        Array.from({ length: callers }, (_, at) =>
          act === 'update'
            ? real.update('fn-a', at % 2, given)
            : act === 'publish'
              ? real.publish('fn-a', given)
              : real.move(['fn-a', 'live'], String(1 + (at % 2)), given),
        ),
      )
      const statuses = answers.map((answer) => answer.status).sort((x, y) => x - y)
      expect(statuses).toEqual([act === 'publish' ? 201 : 200, ...Array<number>(callers - 1).fill(412)])
    }),
    { numRuns: 12, interruptAfterTimeLimit: 5_000 },
  )
}) // prettier-ignore

it('lets callers without a RevisionId come one after the other', { timeout: 60_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 2, max: 8 }), async (callers) => {
      await using api = await startLambdaApi()
      const real = new Real(api)
      await prepare(real)
      const each = Array.from({ length: callers }, (_, at) => at)
      const moves = await Promise.all(
        each.map((at) => real.move(['fn-a', 'live'], String(1 + (at % 2)))),
      )
      // An update changes what is being prepared: one goes through, and the others are told to wait.
      const updates = await Promise.all(each.map((at) => real.update('fn-a', (at % 2) * 2)))
      const published = await Promise.all(each.map(() => real.publish('fn-a')))
      await real.settle()
      const after = await Promise.all(each.map(() => real.publish('fn-a')))

      expect(moves.map((answer) => answer.status)).toEqual(each.map(() => 200))
      const last = await api.call('GetAlias', { path: { FunctionName: 'fn-a', Name: 'live' } })
      expect(moves.map((answer) => answer.body['RevisionId'])).toContain(last.body['RevisionId'])
      expect(updates.map((answer) => answer.status).sort((x, y) => x - y)).toEqual([
        200,
        ...Array<number>(callers - 1).fill(409),
      ])
      expect(published.map((answer) => answer.status)).toEqual(each.map(() => 409))
      expect(new Set(after.map((answer) => `${answer.status} ${JSON.stringify(answer.body['Version'])}`)))
        .toEqual(new Set(['201 "3"']))
    }),
    { numRuns: 8, interruptAfterTimeLimit: 5_000 },
  )
}) // prettier-ignore

/** Two versions and an alias on the first, with a third code unpublished. */
async function prepare(real: Real): Promise<void> {
  await real.create('fn-a', 0)
  await real.settle()
  await real.publish('fn-a')
  await real.update('fn-a', 1)
  await real.settle()
  await real.publish('fn-a')
  await real.alias('fn-a', 'live', '1')
  await real.update('fn-a', 2)
  await real.settle()
}
