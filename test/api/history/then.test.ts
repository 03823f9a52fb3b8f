import type { KeyObject } from 'node:crypto'

import fc from 'fast-check'
import { afterAll, expect, it } from 'vitest'

import { restOf, sha256 } from '../../../services/model/index.ts'
import {
  createPublisher,
  readLiveDiff,
  readLiveThen,
  readTimeline,
  readWhere,
  revoke,
  type ToldInterval,
} from '../../../services/operations/index.ts'
import { CALLER, startLambdaApi, type Called } from '../../support/lambda-api.ts'
import { nodePackage } from '../../support/packages.ts'
import { keyPair } from '../../support/publisher-keys.ts'
import { bundleSeal, sealedZip } from '../../support/zip-seals.ts'

/**
 * Random histories on a real store, beside a model that is told what was done and keeps, after every step, what can be
 * invoked. What the intervals say of any instant, as known at any later one, must be what the model kept.
 */
const api = await startLambdaApi()
afterAll(() => api[Symbol.asyncDispose]())
const { deps, clock } = api
const HERE = 'arn:aws:lambda:us-east-1:000000000000'

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')

const layers = await Promise.all(
  ['tools', 'trace'].map(async (LayerName) => {
    const path = { LayerName }
    const answer = await api.call('PublishLayerVersion', {
      path,
      json: {},
      zip: nodePackage(LayerName),
    })
    return textOf(answer.body['LayerVersionArn'])
  }),
)

/** Code of a run: unsigned, or sealed by one of its two publishers. */
interface Code {
  readonly zip: Uint8Array
  readonly sha256: string
  readonly signer: number | undefined
}

interface Run {
  readonly names: readonly string[]
  readonly publishers: readonly { readonly name: string; readonly key: KeyObject }[]
  readonly codes: readonly Code[]
}

let runs = 0
async function newRun(): Promise<Run> {
  runs += 1
  const publishers = await Promise.all(
    ['a', 'b'].map(async (letter) => {
      const { publicPem, privateKey } = keyPair()
      const name = `run${runs}${letter}`
      await createPublisher(deps, CALLER, { name, publisher: { pem: publicPem, settings: {} } })
      return { name, key: privateKey }
    }),
  )
  const codes = [0, 1, 2, 3].map(async (at): Promise<Code> => {
    const plain = nodePackage(`run ${runs} code ${at}`)
    const signer = at < 2 ? at : undefined
    const key = signer === undefined ? undefined : publishers[signer]?.key
    const zip = key === undefined ? plain : await sealedZip(plain, await bundleSeal(plain, key))
    return { zip, sha256: sha256(zip), signer }
  })
  return { names: [`f${runs}a`, `f${runs}b`], publishers, codes: await Promise.all(codes) }
}

// What the model knows.

interface Release {
  readonly code: Code
  readonly layers: readonly string[]
  /** Whether the seal counted when it was decided. */
  readonly trusted: boolean
}
interface Alias {
  readonly version: string
  readonly second: { readonly version: string; readonly weight: number } | undefined
  /** By version: whether its seal counted when the alias was moved. */
  readonly trusted: ReadonlyMap<string, boolean>
}
interface Fn {
  readonly latest: Release
  readonly versions: ReadonlyMap<string, Release>
  readonly aliases: ReadonlyMap<string, Alias>
}
interface Revoked {
  readonly signer: number
  readonly effectiveAtMs: number
  readonly recordedAtMs: number
}
/** One slot, in words, with whose revocation would reach it. */
interface Slot {
  readonly words: string
  readonly signer: number | undefined
}
interface Step {
  readonly atMs: number
  readonly slots: readonly Slot[]
}

function slotsOf(name: string, { latest, versions, aliases }: Fn): Slot[] {
  const slot = (place: string, version: string, weight: number, of: Release) => ({
    words: [name, place, version, weight, of.code.sha256.slice(0, 8), ...of.layers].join(' '),
    signer: of.trusted ? of.code.signer : undefined,
  })
  const found = [slot('$LATEST primary', '$LATEST', 1, latest)]
  for (const [number, of] of versions) found.push(slot(`${number} primary`, number, 1, of))
  for (const [alias, { version, second, trusted }] of aliases) {
    const push = (part: string, number: string, weight: number) => {
      const of = versions.get(number)
      if (of === undefined) throw new Error(`the model has no version ${number}`)
      const then = { ...of, trusted: trusted.get(number) === true }
      found.push(slot(`${alias} ${part}`, number, weight, then))
    }
    push('primary', version, second === undefined ? 1 : restOf(second.weight))
    if (second !== undefined) push('weighted', second.version, second.weight)
  }
  return found
}

class Model {
  readonly run: Run
  readonly functions = new Map<string, Fn>()
  readonly revoked: Revoked[] = []
  readonly steps: Step[] = []

  constructor(run: Run) {
    this.run = run
    this.keep()
  }

  keep(): void {
    const slots = [...this.functions].flatMap(([name, fn]) => slotsOf(name, fn))
    this.steps.push({ atMs: clock.nowMs(), slots })
  }

  /** By what is recorded and has taken effect now. */
  counts(signer: number | undefined): boolean {
    if (signer === undefined) return false
    const nowMs = clock.nowMs()
    return !this.revoked.some((one) => one.signer === signer && one.effectiveAtMs <= nowMs)
  }

  release(code: Code, of: readonly string[]): Release {
    return { code, layers: of, trusted: this.counts(code.signer) }
  }

  /** What was live at the last step up to then, with the revocations of then that the records know. */
  at(atMs: number, knownAtMs: number): string[] {
    const slots = this.steps.findLast((step) => step.atMs <= atMs)?.slots ?? []
    return slots
      .map(({ words, signer }) => {
        const reached = this.revoked
          .filter((one) => one.signer === signer && one.effectiveAtMs <= atMs)
          .filter((one) => one.recordedAtMs <= knownAtMs)
          .map((one) => `${one.effectiveAtMs}${one.recordedAtMs <= atMs ? '' : ' unknown then'}`)
        return [words, ...reached.toSorted()].join(' | ')
      })
      .toSorted()
  }
}

// What is done: to the service, and to the model.

type Doing =
  | { readonly kind: 'create' | 'code'; readonly fn: number; readonly code: number }
  | { readonly kind: 'layers'; readonly fn: number; readonly layers: number }
  | { readonly kind: 'publish' | 'delete'; readonly fn: number }
  | {
      readonly kind: 'point'
      readonly fn: number
      readonly alias: number
      readonly first: number
      readonly second: number
      readonly weight: number
    }
  | { readonly kind: 'drop'; readonly fn: number; readonly alias: number }
  | { readonly kind: 'revoke'; readonly signer: number; readonly back: number }
  | { readonly kind: 'wait'; readonly ms: number }

const ALIASES = ['prod', 'beta']
const small = (max: number) => fc.integer({ min: 0, max })
const doing: fc.Arbitrary<Doing> = fc.oneof(
  fc.record({ kind: fc.constantFrom('create', 'code'), fn: small(1), code: small(3) }),
  fc.record({ kind: fc.constant('layers'), fn: small(1), layers: small(3) }),
  { arbitrary: fc.record({ kind: fc.constant('publish'), fn: small(1) }), weight: 2 },
  {
    arbitrary: fc.record({
      kind: fc.constant('point'),
      fn: small(1),
      alias: small(1),
      first: small(4),
      second: small(4),
      weight: fc.constantFrom(0, 0.1, 0.5),
    }),
    weight: 3,
  },
  fc.record({ kind: fc.constant('drop'), fn: small(1), alias: small(1) }),
  fc.record({ kind: fc.constant('delete'), fn: small(1) }),
  fc.record({
    kind: fc.constant('revoke'),
    signer: small(1),
    back: fc.integer({ min: -3, max: 40 }),
  }),
  // Where it does not wait, changes share a millisecond.
  {
    arbitrary: fc.record({ kind: fc.constant('wait'), ms: fc.integer({ min: 1, max: 9 }) }),
    weight: 4,
  },
) as fc.Arbitrary<Doing>

/** Every history has sealed code that is served, and a revocation that reaches back. */
const BEGINNING: readonly Doing[] = [
  { kind: 'create', fn: 0, code: 0 },
  { kind: 'publish', fn: 0 },
  { kind: 'point', fn: 0, alias: 0, first: 0, second: 0, weight: 0 },
  { kind: 'wait', ms: 9 },
]
const END: readonly Doing[] = [
  { kind: 'revoke', signer: 0, back: 300 },
  { kind: 'wait', ms: 2 },
]

async function ask(operation: string, called: Called) {
  const answer = await api.call(operation, called)
  if (answer.status >= 300) throw new Error(`${operation}: ${JSON.stringify(answer.body)}`)
  await api.settle()
  return answer.body
}

async function perform(model: Model, step: Doing): Promise<void> {
  if (step.kind === 'wait') return clock.advance(step.ms)
  if (step.kind === 'revoke') return await performRevoke(model, step)
  const FunctionName = model.run.names[step.fn] ?? ''
  const fn = model.functions.get(FunctionName)
  const path = { FunctionName }
  if (step.kind === 'create') {
    const code = model.run.codes[step.code]
    if (fn !== undefined || code === undefined) return
    const json = { ...path, Role: 'arn:aws:iam::000000000000:role/r', Runtime: 'nodejs20.x', Handler: 'index.handler' } // prettier-ignore
    await ask('CreateFunction', { json, zip: code.zip })
    const latest = model.release(code, [])
    model.functions.set(FunctionName, { latest, versions: new Map(), aliases: new Map() })
    return
  }
  if (fn !== undefined)
    model.functions.set(FunctionName, await change(model, fn, { ...step, path }))
  if (fn !== undefined && step.kind === 'delete') model.functions.delete(FunctionName)
}

type Changing = Exclude<Doing, { kind: 'wait' | 'revoke' }> & { readonly path: { readonly FunctionName: string } } // prettier-ignore

async function change(model: Model, fn: Fn, step: Changing): Promise<Fn> {
  const { path } = step
  switch (step.kind) {
    case 'create':
      return fn
    case 'code': {
      const code = model.run.codes[step.code]
      if (code === undefined) return fn
      await ask('UpdateFunctionCode', { path, json: {}, zip: code.zip })
      return { ...fn, latest: model.release(code, fn.latest.layers) }
    }
    case 'layers': {
      const chosen = layers.filter((_, at) => (step.layers & (1 << at)) !== 0)
      await ask('UpdateFunctionConfiguration', { path, json: { Layers: chosen } })
      return { ...fn, latest: model.release(fn.latest.code, chosen) }
    }
    case 'publish': {
      const number = textOf((await ask('PublishVersion', { path }))['Version'])
      const { code, layers: of } = fn.latest
      // Unchanged code answers the version that is there.
      if (fn.versions.has(number)) return fn
      return { ...fn, versions: new Map([...fn.versions, [number, model.release(code, of)]]) }
    }
    case 'delete':
      await ask('DeleteFunction', { path })
      return fn
    case 'drop': {
      const Name = ALIASES[step.alias] ?? ''
      if (!fn.aliases.has(Name)) return fn
      await ask('DeleteAlias', { path: { ...path, Name } })
      return { ...fn, aliases: new Map([...fn.aliases].filter(([name]) => name !== Name)) }
    }
    case 'point':
      return await point(model, fn, step)
  }
}

async function point(
  model: Model,
  fn: Fn,
  { path, alias, first, second, weight }: Extract<Changing, { kind: 'point' }>,
): Promise<Fn> {
  const numbers = [...fn.versions.keys()]
  const version = numbers[first % Math.max(numbers.length, 1)]
  if (version === undefined) return fn
  const other = numbers[second % numbers.length]
  const share = other === undefined || other === version || weight === 0 ? undefined : { version: other, weight } // prettier-ignore
  const Name = ALIASES[alias] ?? ''
  const json = {
    FunctionVersion: version,
    RoutingConfig: { AdditionalVersionWeights: share === undefined ? {} : { [share.version]: share.weight } }, // prettier-ignore
  }
  if (fn.aliases.has(Name)) await ask('UpdateAlias', { path: { ...path, Name }, json })
  else await ask('CreateAlias', { path, json: { ...json, Name } })
  const trusted = new Map(
    [version, ...(share === undefined ? [] : [share.version])].map((number) => [
      number,
      model.counts(fn.versions.get(number)?.code.signer),
    ]),
  )
  return { ...fn, aliases: new Map([...fn.aliases, [Name, { version, second: share, trusted }]]) }
}

async function performRevoke(
  model: Model,
  { signer, back }: Extract<Doing, { kind: 'revoke' }>,
): Promise<void> {
  const nowMs = clock.nowMs()
  const effectiveAtMs = nowMs - back
  // A revocation is final: a later time is refused.
  if (model.revoked.some((one) => one.signer === signer && one.effectiveAtMs <= effectiveAtMs))
    return
  const name = model.run.publishers[signer]?.name ?? ''
  await revoke(deps, CALLER, {
    subject: { kind: 'publisher', name },
    effectiveAtMs,
    reason: 'lost',
  })
  model.revoked.push({ signer, effectiveAtMs, recordedAtMs: nowMs })
}

// What the service says.

const PAGE = 3

/** Every page to the end, a few at a time. */
async function everyPage<T>(
  read: (
    marker: string | undefined,
  ) => Promise<{ items: readonly T[]; nextMarker: string | undefined }>,
): Promise<T[]> {
  const items: T[] = []
  let marker: string | undefined
  do {
    const page = await read(marker)
    items.push(...page.items)
    marker = page.nextMarker
  } while (marker !== undefined)
  return items
}

const wordsOf = (row: ToldInterval): string =>
  [
    row.functionName,
    row.alias,
    row.slot,
    row.version,
    row.weight,
    row.codeSha256.slice(0, 8),
    ...(row.seals?.layers ?? []).map(({ arn }) => arn),
  ].join(' ')

async function said(names: readonly string[], atMs: number, knownAtMs: number): Promise<string[]> {
  const rows = await Promise.all(
    names.map(async (functionName) => {
      const known = await deps.store.reader
        .selectFrom('function_name')
        .select('name')
        .where('name', '=', functionName)
        .executeTakeFirst()
      if (known === undefined) return []
      return await everyPage(async (marker) => {
        const { live, nextMarker } = await readLiveThen(deps, CALLER, {
          atMs, knownAtMs, functionName, marker, limit: PAGE,
        }) // prettier-ignore
        return { items: live, nextMarker }
      })
    }),
  )
  return rows
    .flat()
    .map((row) =>
      [
        wordsOf(row),
        ...(row.revocations ?? [])
          .map((one) => `${one.effectiveAtMs}${one.knownThen ? '' : ' unknown then'}`)
          .toSorted(),
      ].join(' | '),
    )
    .toSorted()
}

const functionsOf = (names: readonly string[]) =>
  deps.store.reader.selectFrom('function_name').select('name').where('name', 'in', names).execute()

/** What a model's two instants differ in, in words: what is gone and what is new. */
const difference = (model: Model, fromMs: number, toMs: number): string[] => {
  const bare = (atMs: number): Set<string> =>
    new Set(
      (model.steps.findLast((step) => step.atMs <= atMs)?.slots ?? []).map(({ words }) => words),
    )
  const [before, after] = [bare(fromMs), bare(toMs)]
  return [
    ...[...before].filter((words) => !after.has(words)).map((words) => `- ${words}`),
    ...[...after].filter((words) => !before.has(words)).map((words) => `+ ${words}`),
  ].toSorted()
}

it(
  'what was live at T as known at K is what a model kept, for any history',
  { timeout: 240_000 },
  async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(doing, { minLength: 8, maxLength: 26 }), async (steps) => {
        clock.advance(1_000)
        const model = new Model(await newRun())
        const { names } = model.run
        for (const step of [...BEGINNING, ...steps, ...END]) {
          await perform(model, step)
          model.keep()
        }
        clock.advance(5)
        const nowMs = clock.nowMs()
        const instants = [...new Set(model.steps.map(({ atMs }) => atMs))]
        const asked = [...instants, ...instants.map((atMs) => atMs + 1), nowMs]
        for (const atMs of asked)
          for (const knownAtMs of [atMs, ...asked.filter((one) => one > atMs)]
            .slice(0, 4)
            .concat(nowMs))
            expect(await said(names, atMs, knownAtMs)).toEqual(model.at(atMs, knownAtMs))

        const there = (await functionsOf(names)).map(({ name }) => name)
        for (const fromMs of instants)
          for (const toMs of asked.filter((one) => one >= fromMs).slice(-4)) {
            const found: string[] = []
            for (const functionName of there)
              for (const one of await everyPage(async (marker) => {
                const { changes, nextMarker } = await readLiveDiff(deps, CALLER, {
                fromMs, toMs, functionName, marker, limit: PAGE,
              }) // prettier-ignore
                return { items: changes, nextMarker }
              }))
                found.push(
                  ...(one.before === null ? [] : [`- ${wordsOf(one.before)}`]),
                  ...(one.after === null ? [] : [`+ ${wordsOf(one.after)}`]),
                )
            expect(found.toSorted()).toEqual(difference(model, fromMs, toMs))
          }
        await expectTimeline(model, there)
        await expectWhere(model)
      }),
      { numRuns: 12 },
    )
  },
)

/** Followed from its beginning, a timeline leads to what is live. */
async function expectTimeline(model: Model, names: readonly string[]): Promise<void> {
  for (const functionName of names) {
    const scopes = [undefined, ...ALIASES, '$LATEST', '1']
    for (const alias of scopes) {
      const events = await everyPage(async (marker) => {
        const page = await readTimeline(deps, CALLER, { functionName, alias, marker, limit: PAGE })
        return { items: page.events, nextMarker: page.nextMarker }
      })
      const live = new Map<string, string>()
      for (const event of events.toReversed()) {
        if (event.kind !== 'change') continue
        for (const { alias: place, slot, from, to } of event.slots) {
          const key = `${place} ${slot}`
          expect(live.get(key)).toBe(from === null ? undefined : `${from.version} ${from.weight}`)
          if (to === null) live.delete(key)
          else live.set(key, `${to.version} ${to.weight}`)
        }
      }
      const found = [...live].map(([key, held]) => `${functionName} ${key} ${held}`)
      const kept = (model.steps.at(-1)?.slots ?? [])
        .map(({ words }) => words.split(' ').slice(0, 5).join(' '))
        .filter((words) => words.startsWith(`${functionName} ${alias ?? ''}`))
        .filter((words) => alias === undefined || words.split(' ')[1] === alias)
      expect(found.toSorted()).toEqual(kept.toSorted())
    }
  }
}

/** What a digest, a layer or a publisher is found in, is what the model has of it now. */
async function expectWhere(model: Model): Promise<void> {
  const last = model.steps.at(-1)?.slots ?? []
  const where = async (kind: 'digest' | 'layer' | 'publisher', value: string) =>
    (
      await everyPage(async (marker) => {
        const page = await readWhere(deps, CALLER, { kind, value, open: true, marker, limit: PAGE })
        return { items: page.sightings, nextMarker: page.nextMarker }
      })
    )
      .filter(({ functionName }) => model.run.names.includes(functionName))
      .map(wordsOf)
      .toSorted()
  const having = (word: (slot: Slot) => boolean) =>
    last
      .filter(word)
      .map(({ words }) => words)
      .toSorted()
  for (const code of model.run.codes)
    expect(await where('digest', code.sha256)).toEqual(
      having(({ words }) => words.split(' ')[5] === code.sha256.slice(0, 8)),
    )
  for (const arn of layers)
    expect(await where('layer', arn)).toEqual(having(({ words }) => words.includes(` ${arn}`)))
  expect(await where('layer', `${HERE}:layer:tools`)).toEqual(await where('layer', 'tools:1'))
  for (const [at, { name }] of model.run.publishers.entries())
    expect(await where('publisher', name)).toEqual(having(({ signer }) => signer === at))
}
