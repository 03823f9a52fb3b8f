import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

import { PlatformError } from '../../../services/model/index.ts'
import {
  authorize,
  compilePolicySet,
  type PolicySet,
  type Request,
} from '../../../services/policy/index.ts'
import type { Corpus, CorpusResult, WrongRow } from '../corpus.ts'

interface Case {
  readonly id: string
  readonly policy: string
  readonly schema: string
  readonly entities: Request['entities']
  readonly shouldValidate: boolean
  readonly requests: readonly (Omit<Request, 'entities'> & {
    readonly description: string
    readonly decision: 'allow' | 'deny'
    readonly reason: readonly string[]
    readonly errors: readonly string[]
  })[]
}

function* generated(root: string): Generator<Case> {
  const lines = readFileSync(join(root, 'cedar/corpus.jsonl'), 'utf8').split('\n')
  for (const line of lines) if (line !== '') yield JSON.parse(line) as Case
}

/** Numbers with more digits than a double holds cannot be handed to the engine from JavaScript: it refuses them, typed. */
function holdsUnsafeNumber(value: unknown): boolean {
  if (typeof value === 'number') return !Number.isSafeInteger(value)
  return value !== null && typeof value === 'object' && Object.values(value).some(holdsUnsafeNumber)
}

/** The cases written by hand name their files. */
function* handWritten(root: string): Generator<Case> {
  const folder = join(root, 'cedar')
  const read = (path: string): string => readFileSync(join(folder, path), 'utf8')
  for (const kind of readdirSync(join(folder, 'tests')).toSorted()) {
    for (const name of readdirSync(join(folder, 'tests', kind)).toSorted()) {
      if (!name.endsWith('.json')) continue
      const found = JSON.parse(read(`tests/${kind}/${name}`)) as Omit<Case, 'id' | 'entities'> & {
        readonly policies: string
        readonly entities: string
      }
      yield {
        ...found,
        id: `${kind}/${name}`,
        policy: read(found.policies),
        schema: read(found.schema),
        entities: JSON.parse(read(found.entities)) as Case['entities'],
      }
    }
  }
}

/** The set under its schema, as the service takes it, or where the schema refuses it the bare one. */
function compile(one: Case): { readonly set: PolicySet; readonly validates: boolean } {
  const files = [{ name: one.id, text: one.policy }]
  try {
    return { set: compilePolicySet(files, one.schema), validates: true }
  } catch (error) {
    if (!(error instanceof PlatformError) || error.code !== 'INVALID_PARAMETER') throw error
    return { set: compilePolicySet(files), validates: false }
  }
}

/** Our gate denies where a policy errs; but for that its answer is Cedar's. */
function answer(set: PolicySet, one: Case, request: Case['requests'][number]): string {
  const { principal, action, resource, context } = request
  const got = authorize(set, { principal, action, resource, context, entities: one.entities })
  return describe(
    got.decision,
    got.determining,
    got.errors.map(({ policy }) => policy),
  )
}

function describe(decision: string, reason: readonly string[], errors: readonly string[]): string {
  return `${decision} by ${reason.toSorted().join(',') || 'none'}, errors in ${errors.toSorted().join(',') || 'none'}`
}

function runCase(one: Case, wrong: WrongRow[]): { right: number; notApplicable: number } {
  let right = 0
  let notApplicable = 0
  const row = (id: string, expected: string, got: string): void => {
    if (expected === got) right += 1
    else wrong.push({ id, expected, got })
  }
  const { set, validates } = compile(one)
  // That a set does not validate is the generator's word, not a demand: other versions of the validator find more.
  if (one.shouldValidate) row(`${one.id} validates`, 'true', String(validates))
  for (const request of one.requests) {
    if (holdsUnsafeNumber([request.context, one.entities])) {
      notApplicable += 1
      continue
    }
    const decision = request.errors.length > 0 ? 'deny' : request.decision
    const expected = describe(decision, request.reason, request.errors)
    row(`${one.id} ${request.description}`, expected, answer(set, one, request))
  }
  return { right, notApplicable }
}

export const corpus: Corpus = {
  name: 'cedar',
  run: (root): Promise<CorpusResult> => {
    const wrong: WrongRow[] = []
    let right = 0
    let notApplicable = 0
    for (const one of [...handWritten(root), ...generated(root)]) {
      const counts = runCase(one, wrong)
      right += counts.right
      notApplicable += counts.notApplicable
    }
    return Promise.resolve({ right, wrong, notApplicable })
  },
}
