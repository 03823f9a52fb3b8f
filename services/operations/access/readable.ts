import {
  PlatformError,
  READ_ACTION,
  refOfArn,
  type Facts,
  type ResourceRef,
} from '../../model/index.ts'
import type { Caller, Deps } from '../context.ts'
import {
  listDecisions,
  readDecision,
  type DecisionDocument,
  type DecisionSummary,
} from '../decisions.ts'

/** Everything that facts name: what is changed, what would run, whose seals it bears, what they are held against. */
export function objectsNamed(
  facts: Pick<Facts, 'resource' | 'subjects' | 'signingConfig'>,
): ResourceRef[] {
  const arns = [
    facts.resource,
    ...facts.subjects.flatMap(({ arn, verdict }) => [
      arn,
      ...verdict.seals.flatMap(({ publisher }) => (publisher === undefined ? [] : [publisher.arn])),
    ]),
    ...(facts.signingConfig === null
      ? []
      : [facts.signingConfig.arn, ...facts.signingConfig.allowedPublishers]),
  ]
  return [...new Set(arns)].map(refOfArn)
}

/** Whether the caller has `read` on every one of them (RULES §10): what names one that he has not is not for him. */
export async function mayReadAll(
  deps: Deps,
  { principal }: Caller,
  objects: readonly ResourceRef[],
): Promise<boolean> {
  for (const object of objects) {
    if (!(await deps.access.allows(principal, READ_ACTION[object.kind], object))) return false
  }
  return true
}

/** As `mayReadAll`, for many answers of one request: each object is asked about once, and none of who may read all there is. */
export function readsOf(
  deps: Deps,
  caller: Caller,
): (objects: readonly ResourceRef[]) => Promise<boolean> {
  const known = new Map<string, Promise<boolean>>()
  let everywhere: Promise<boolean> | undefined
  const mayRead = async (object: ResourceRef): Promise<boolean> => {
    const key = JSON.stringify(object)
    const answer = known.get(key) ?? mayReadAll(deps, caller, [object])
    known.set(key, answer)
    return await answer
  }
  return async (objects) => {
    everywhere ??= deps.access.allowsEverywhere(caller.principal, Object.values(READ_ACTION))
    return (await everywhere) || (await Promise.all(objects.map(mayRead))).every(Boolean)
  }
}

/** @throws PlatformError RESOURCE_NOT_FOUND, ACCESS_DENIED */
export async function readDecisionFor(
  deps: Deps,
  caller: Caller,
  id: string,
): Promise<DecisionDocument> {
  const found = await readDecision(deps, id)
  if (await mayReadAll(deps, caller, objectsNamed(found.facts))) return found
  throw new PlatformError(
    'ACCESS_DENIED',
    'the decision names something that you may not read: a decision wants `read` on all of it',
  )
}

/** As `listDecisions`, without those that name what the caller may not read: a page may hold fewer than were asked for. */
export async function listDecisionsFor(
  deps: Deps,
  caller: Caller,
  query: Parameters<typeof listDecisions>[1],
): Promise<DecisionSummary[]> {
  const listed = await listDecisions(deps, query)
  if (listed.length === 0) return listed
  const rows = await deps.store.reader
    .selectFrom('decision')
    .innerJoin('document', 'document.sha256', 'decision.facts')
    .select(['decision.id', 'document.body'])
    .where(
      'decision.id',
      'in',
      listed.map(({ id }) => id),
    )
    .execute()
  const mayRead = readsOf(deps, caller)
  const shown = new Set<string>()
  for (const { id, body } of rows)
    if (await mayRead(objectsNamed(JSON.parse(body) as Facts))) shown.add(id)
  return listed.filter(({ id }) => shown.has(id))
}
