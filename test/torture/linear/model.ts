import type { AliasTarget, Answer, Operation, Refusal, ShownAlias, ShownVersion } from './calls.ts'
import type { SequentialModel } from './checker.ts'

/** `null`: it has one that nobody has been told of. */
type Revision = string | null

interface Version {
  readonly code: string
  readonly revision: Revision
  /** Whether its code is prepared; that it becomes so, under a new revision, is no client's doing. */
  readonly settled: boolean
}

interface Alias extends AliasTarget {
  readonly revision: Revision
}

export interface FunctionState {
  readonly latest: Version
  /** The code that `$LATEST` runs; `null` until the first one is prepared. */
  readonly serving: string | null
  readonly versions: Readonly<Record<string, Version>>
  readonly aliases: Readonly<Record<string, Alias>>
}

export interface NameState {
  /** The number that the next version takes. It belongs to the name, and outlives the function. */
  readonly next: number
  /** Every revision that was ever told of: none may come again. */
  readonly told: readonly string[]
  readonly function: FunctionState | null
}

/** Lambda's functions, versions and aliases under one name, one call after the other. */
export const functionModel: SequentialModel<NameState, Operation, Answer> = {
  initial: { next: 1, told: [], function: null },
  step(state, operation, answer) {
    // A call that was given up changed nothing, whatever it would have done.
    if (answer?.kind === 'refused' && answer.why === 'contended') return [state]
    return settlements(state).flatMap((settled) => outcome(settled, operation, answer) ?? [])
  },
  textOf: (state) => JSON.stringify(state),
}

/** The states that the service may bring about by itself. */
function settlements(state: NameState): readonly NameState[] {
  const owner = state.function
  if (owner === null) return [state]
  let found: FunctionState[] = [owner]
  if (!owner.latest.settled) found = [...found, ...found.map(settleLatest)]
  for (const [number, version] of Object.entries(owner.versions))
    if (!version.settled) found = [...found, ...found.map((one) => settleVersion(one, number))]
  return found.map((one) => ({ ...state, function: one }))
}

function settleLatest(owner: FunctionState): FunctionState {
  const { code } = owner.latest
  return { ...owner, latest: { code, revision: null, settled: true }, serving: code }
}

function settleVersion(owner: FunctionState, number: string): FunctionState {
  const { code } = versionOf(owner, number)
  return {
    ...owner,
    versions: { ...owner.versions, [number]: { code, revision: null, settled: true } },
  }
}

function versionOf(owner: FunctionState, number: string): Version {
  const version = owner.versions[number]
  if (version === undefined) throw new Error(`the model has no version ${number}`)
  return version
}

type Outcome = NameState | undefined

/** The state after the call; `undefined` where it cannot have answered so, or has no effect and no answer. */
function outcome(state: NameState, operation: Operation, answer: Answer | undefined): Outcome {
  const refusal = refusalOf(state, operation)
  if (refusal !== undefined) {
    const isStopped = operation.kind === 'invoke' && isRefused(answer, 'stopped')
    return isRefused(answer, refusal) || isStopped ? state : undefined
  }
  const owner = state.function
  // Which of two versions is called is a matter of chance: one of them may not run yet.
  if (operation.kind === 'invoke' && isRefused(answer, 'busy'))
    return targetsOf(owner, operation.qualifier).some(({ running }) => running === null)
      ? state
      : undefined
  if (answer?.kind === 'refused') return undefined
  if (operation.kind === 'create') return createOutcome(state, operation, answer)
  if (owner === null) return undefined
  switch (operation.kind) {
    case 'update':
      return updateOutcome(state, owner, operation, answer)
    case 'publish':
      return publishOutcome(state, owner, answer)
    case 'delete':
      return answered(answer, 'gone', { ...state, function: null })
    case 'delete-version': {
      const { [operation.version]: _, ...versions } = owner.versions
      return answered(answer, 'gone', { ...state, function: { ...owner, versions } })
    }
    case 'create-alias':
    case 'update-alias':
      return aliasOutcome(state, owner, operation, answer)
    case 'delete-alias': {
      const { [operation.alias]: _, ...aliases } = owner.aliases
      return answered(answer, 'gone', { ...state, function: { ...owner, aliases } })
    }
    case 'get':
    case 'invoke':
    case 'get-alias':
    case 'list-versions':
    case 'list-aliases':
      return answer === undefined ? undefined : readOutcome(state, owner, operation, answer)
  }
}

function isRefused(answer: Answer | undefined, why: Refusal): boolean {
  return answer?.kind === 'refused' && answer.why === why
}

function answered(answer: Answer | undefined, kind: Answer['kind'], state: NameState): Outcome {
  return answer === undefined || answer.kind === kind ? state : undefined
}

/** Why the call has to be refused in this state, in the order in which the service looks. */
function refusalOf({ function: owner }: NameState, operation: Operation): Refusal | undefined {
  if (operation.kind === 'create') return owner === null ? undefined : 'exists'
  if (owner === null) return 'absent'
  switch (operation.kind) {
    case 'update':
    case 'publish':
      if (isOutdated(operation.revision, owner.latest.revision)) return 'mismatch'
      return owner.latest.settled ? undefined : 'busy'
    case 'delete-version':
      return Object.values(owner.aliases).some((one) => reaches(one, operation.version))
        ? 'referenced'
        : undefined
    case 'create-alias':
      if (owner.aliases[operation.alias] !== undefined) return 'exists'
      return isThere(owner, operation.target) ? undefined : 'absent'
    case 'update-alias': {
      const alias = owner.aliases[operation.alias]
      if (alias === undefined) return 'absent'
      if (isOutdated(operation.revision, alias.revision)) return 'mismatch'
      return isThere(owner, operation.target) ? undefined : 'absent'
    }
    case 'get-alias':
      return owner.aliases[operation.alias] === undefined ? 'absent' : undefined
    case 'get':
    case 'invoke':
      return targetsOf(owner, operation.qualifier).length === 0 ? 'absent' : undefined
    case 'delete':
    case 'delete-alias':
    case 'list-versions':
    case 'list-aliases':
      return undefined
  }
}

/** Whoever named a revision had been told of it: one that nobody knows is another one. */
function isOutdated(named: string | undefined, now: Revision): boolean {
  return named !== undefined && named !== now
}

function reaches({ version, second }: AliasTarget, number: string): boolean {
  return version === number || second?.version === number
}

function isThere(owner: FunctionState, { version, second }: AliasTarget): boolean {
  const numbers = second === null ? [version] : [version, second.version]
  return numbers.every((number) => owner.versions[number] !== undefined)
}

interface Target {
  readonly version: string
  /** `null` where it does not run yet. */
  readonly running: string | null
}

/** What a qualifier leads to: an alias first to its first version. */
function targetsOf(owner: FunctionState | null, qualifier: string | undefined): Target[] {
  if (owner === null) return []
  if (qualifier === undefined) return [{ version: '$LATEST', running: owner.serving }]
  const alias = owner.aliases[qualifier]
  const numbers = alias === undefined ? [qualifier] : [alias.version, alias.second?.version ?? '']
  return numbers.flatMap((version) => {
    const found = owner.versions[version]
    return found === undefined ? [] : [{ version, running: found.settled ? found.code : null }]
  })
}

function createOutcome(
  state: NameState,
  { code, publish }: Extract<Operation, { kind: 'create' }>,
  answer: Answer | undefined,
): Outcome {
  const latest = { code, revision: null, settled: false }
  const made = { latest, serving: null, versions: {}, aliases: {} }
  return writeCode({ ...state, function: made }, { made, publish, answer })
}

function updateOutcome(
  state: NameState,
  owner: FunctionState,
  { code, publish }: Extract<Operation, { kind: 'update' }>,
  answer: Answer | undefined,
): Outcome {
  const made = { ...owner, latest: { code, revision: null, settled: false } }
  return writeCode({ ...state, function: made }, { made, publish, answer })
}

/** What is answered is `$LATEST`, or the version that was published of it. */
function writeCode(
  state: NameState,
  about: {
    readonly made: FunctionState
    readonly publish: boolean
    readonly answer: Answer | undefined
  },
): Outcome {
  const { made, publish, answer } = about
  if (!publish) return showsVersion(state, '$LATEST', answer)
  const newest = newestOf(made)
  if (newest !== undefined && versionOf(made, newest).code === made.latest.code)
    return showsVersion(state, newest, answer)
  return showsVersion(withNext(state, made, false), String(state.next), answer)
}

function publishOutcome(
  state: NameState,
  owner: FunctionState,
  answer: Answer | undefined,
): Outcome {
  const newest = newestOf(owner)
  if (newest !== undefined && versionOf(owner, newest).code === owner.latest.code)
    return showsVersion(state, newest, answer)
  // Recorded: what it was published from has another revision, too.
  const revised = { ...owner, latest: { ...owner.latest, revision: null } }
  return showsVersion(withNext(state, revised, true), String(state.next), answer)
}

function withNext(state: NameState, owner: FunctionState, settled: boolean): NameState {
  const made = { code: owner.latest.code, revision: null, settled }
  const versions = { ...owner.versions, [String(state.next)]: made }
  return { ...state, next: state.next + 1, function: { ...owner, versions } }
}

function newestOf({ versions }: FunctionState): string | undefined {
  return Object.keys(versions).toSorted((one, other) => Number(other) - Number(one))[0]
}

function aliasOutcome(
  state: NameState,
  owner: FunctionState,
  { alias, target }: Extract<Operation, { kind: 'create-alias' | 'update-alias' }>,
  answer: Answer | undefined,
): Outcome {
  const { version, second } = target
  const aliases = { ...owner.aliases, [alias]: { version, second, revision: null } }
  const after = { ...state, function: { ...owner, aliases } }
  if (answer === undefined) return after
  return answer.kind === 'alias' ? showsAlias(after, alias, answer.shown) : undefined
}

function readOutcome(
  state: NameState,
  owner: FunctionState,
  operation: Operation,
  answer: Answer,
): Outcome {
  if (operation.kind === 'get') {
    const [first] = targetsOf(owner, operation.qualifier)
    return first && showsVersion(state, first.version, answer)
  }
  if (operation.kind === 'get-alias' && answer.kind === 'alias')
    return showsAlias(state, operation.alias, answer.shown)
  if (operation.kind === 'list-versions' && answer.kind === 'versions')
    return showsVersions(state, owner, answer.shown)
  if (operation.kind === 'list-aliases' && answer.kind === 'aliases')
    return showsAliases(state, owner, answer.shown)
  if (operation.kind !== 'invoke' || answer.kind !== 'ran') return undefined
  const isTarget = ({ version, running }: Target): boolean =>
    version === answer.version && running === answer.code
  return targetsOf(owner, operation.qualifier).some(isTarget) ? state : undefined
}

function showsVersions(
  state: NameState,
  owner: FunctionState,
  shown: readonly ShownVersion[],
): Outcome {
  const numbers = ['$LATEST', ...Object.keys(owner.versions)]
  if (shown.map(({ version }) => version).join() !== numbers.join()) return undefined
  return shown.reduce<Outcome>(
    (after, one) => after && showsVersion(after, one.version, { kind: 'version', shown: one }),
    state,
  )
}

function showsAliases(
  state: NameState,
  owner: FunctionState,
  shown: Readonly<Record<string, ShownAlias>>,
): Outcome {
  const names = Object.keys(owner.aliases).toSorted()
  if (Object.keys(shown).toSorted().join() !== names.join()) return undefined
  return Object.entries(shown).reduce<Outcome>(
    (after, [name, one]) => after && showsAlias(after, name, one),
    state,
  )
}

/** The state in which the answer tells of this version; its revision is known from then on. */
function showsVersion(state: NameState, number: string, answer: Answer | undefined): Outcome {
  if (answer === undefined) return state
  const owner = state.function
  if (answer.kind !== 'version' || owner === null) return undefined
  const { shown } = answer
  const isLatest = number === '$LATEST'
  const version = isLatest ? owner.latest : owner.versions[number]
  if (version === undefined || shown.version !== number || shown.code !== version.code)
    return undefined
  if (shown.settled !== undefined && shown.settled !== version.settled) return undefined
  if (version.revision === shown.revision) return state
  const told = tell(state, version.revision, shown.revision)
  if (told === undefined) return undefined
  const known = { ...version, revision: shown.revision }
  const after = isLatest
    ? { ...owner, latest: known }
    : { ...owner, versions: { ...owner.versions, [number]: known } }
  return { ...told, function: after }
}

function showsAlias(state: NameState, name: string, shown: ShownAlias): Outcome {
  const owner = state.function
  const alias = owner?.aliases[name]
  if (owner === null || alias === undefined || !isSameTarget(alias, shown)) return undefined
  if (alias.revision === shown.revision) return state
  const told = tell(state, alias.revision, shown.revision)
  if (told === undefined) return undefined
  const aliases = { ...owner.aliases, [name]: { ...alias, revision: shown.revision } }
  return { ...told, function: { ...owner, aliases } }
}

function isSameTarget(one: AliasTarget, other: AliasTarget): boolean {
  return (
    one.version === other.version &&
    one.second?.version === other.second?.version &&
    one.second?.weight === other.second?.weight
  )
}

/** A revision that is told of for the first time. */
function tell(state: NameState, known: Revision, shown: string): Outcome {
  if (known !== null || state.told.includes(shown)) return undefined
  return { ...state, told: [...state.told, shown].toSorted() }
}
