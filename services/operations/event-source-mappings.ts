import {
  deleteEventSourceMappingRow,
  findEventSourceMapping,
  findFunction,
  insertEventSourceMapping,
  listEventSourceMappings as selectMappings,
  setResourceTags,
  updateEventSourceMappingRow,
  type EventSourceMapping,
  type SettingDocument,
} from '../catalog/index.ts'
import {
  LATEST,
  PlatformError,
  eventSourceMappingArn,
  functionArn,
  parseFunctionReference,
  type Place,
} from '../model/index.ts'
import type { Reader, Writer } from '../store/index.ts'
import type { Caller, Deps } from './context.ts'
import { leaving } from './delete-function.ts'
import { locateFunction } from './function-reference.ts'
import { govern, type Admitted } from './gate.ts'
import { readMarker, toPage, type PageAnswer, type PageAsked } from './page.ts'
import { openReach } from './reach.ts'
import { checkTags, type Tags } from './tag-rules.ts'

/** A mapping as asked for, its members validated and its defaults filled in. */
export interface EventSourceMappingInput {
  readonly functionName: string
  readonly eventSourceArn: string | null
  /** `sqs`, `kinesis`, `dynamodb`, `kafka`: how AWS words a conflict depends on it. */
  readonly service: string
  readonly document: SettingDocument
  readonly tags?: Tags | undefined
}

export interface MappingChange {
  readonly mapping: EventSourceMapping
  readonly decisionId: string
}

/**
 * An event source is a way to the code: all that its function reaches is judged (RULES P2). Stored; nothing is polled yet.
 * @throws PlatformError INVALID_PARAMETER, RESOURCE_CONFLICT, and what the gate throws
 */
export async function createEventSourceMapping(
  deps: Deps,
  caller: Caller,
  input: EventSourceMappingInput,
): Promise<MappingChange> {
  const { name, qualifier } = locateFunction(deps.place, input)
  const arn = mappedArn(deps.place, input.functionName)
  const uuid = deps.random.uuid()
  const tags = input.tags ?? {}
  checkTags(tags)
  await deps.store.snapshot((reader) => functionThere(reader, name))
  const { result, decision } = await openReach(deps, caller, {
    action: 'lambda:CreateEventSourceMapping',
    functionName: name,
    qualifier: qualifier ?? LATEST,
    by: input.eventSourceArn ?? 'event source of its own',
    check: (reader) => refuseTwice(reader, input, { name, arn }),
    missing: functionMissing,
    write: async (tx, _owner, admitted, atMs) => {
      const mapping: EventSourceMapping = {
        uuid,
        functionName: name,
        eventSourceArn: input.eventSourceArn,
        document: { ...input.document, FunctionArn: arn },
        decisionId: admitted.decision.id,
        lastModifiedMs: atMs,
      }
      const touched = [await insertEventSourceMapping(tx, mapping)]
      if (Object.keys(tags).length > 0)
        touched.push(await setResourceTags(tx, eventSourceMappingArn(deps.place, uuid), tags))
      return { result: mapping, touched }
    },
  })
  return { mapping: result, decisionId: decision.id }
}

/** Recorded: a whole ARN of `$LATEST` is answered without it, a partial one with it. */
function mappedArn(place: Place, functionName: string): string {
  const reference = parseFunctionReference(functionName)
  const { name = '', qualifier } = reference ?? {}
  const whole = functionName.startsWith('arn:') && qualifier === LATEST
  return functionArn(place, name, whole ? undefined : qualifier)
}

/** Recorded, blanks included. */
async function refuseTwice(
  reader: Reader,
  input: EventSourceMappingInput,
  to: { readonly name: string; readonly arn: string },
): Promise<void> {
  const there = await selectMappings(reader, { functionName: to.name })
  const same = there.find(
    (one) => one.document['FunctionArn'] === to.arn && sharesSource(one, input),
  )
  if (same === undefined) return
  const please = `already exists. Please update or delete the existing mapping with UUID ${same.uuid}`
  const source = input.eventSourceArn
  throw new PlatformError(
    'RESOURCE_CONFLICT',
    source === null
      ? `An event source mapping with event source ("${bootstrapServers(input.document).join(',')}"), function ("${to.arn}"), topics ("${topics(input.document).join(',')}") ${please}`
      : input.service === 'sqs'
        ? `An event source mapping with SQS arn (" ${source} ") and function (" ${to.name} ") ${please}`
        : `The event source arn (" ${source} ") and function (" ${to.name} ") provided mapping ${please}`,
  )
}

function sharesSource(there: EventSourceMapping, input: EventSourceMappingInput): boolean {
  if (there.eventSourceArn !== input.eventSourceArn) return false
  if (input.eventSourceArn !== null) return true
  const servers = new Set(bootstrapServers(there.document))
  const named = new Set(topics(there.document))
  return (
    bootstrapServers(input.document).some((server) => servers.has(server)) &&
    topics(input.document).some((topic) => named.has(topic))
  )
}

function bootstrapServers(document: SettingDocument): readonly string[] {
  const source = document['SelfManagedEventSource'] as
    { readonly Endpoints?: { readonly KAFKA_BOOTSTRAP_SERVERS?: readonly string[] } } | undefined
  return source?.Endpoints?.KAFKA_BOOTSTRAP_SERVERS ?? []
}

function topics(document: SettingDocument): readonly string[] {
  const named = document['Topics']
  return Array.isArray(named) ? named.map((topic) => String(topic)) : []
}

/** @throws PlatformError RESOURCE_NOT_FOUND */
export async function getEventSourceMapping(deps: Deps, uuid: string): Promise<EventSourceMapping> {
  return await getMapping(deps.store.reader, uuid)
}

export async function listEventSourceMappings(
  deps: Deps,
  asked: PageAsked & {
    readonly functionName: string | undefined
    readonly eventSourceArn: string | undefined
  },
): Promise<PageAnswer<EventSourceMapping>> {
  const { functionName, eventSourceArn } = asked
  const located =
    functionName === undefined ? undefined : locateFunction(deps.place, { functionName })
  const found = await selectMappings(deps.store.reader, {
    functionName: located?.name,
    eventSourceArn,
    after: readMarker(asked.marker),
    limit: asked.limit + 1,
  })
  return toPage(found, asked.limit, (one) => one.uuid)
}

/**
 * What a mapping becomes is judged as a new one is; `next` is given the mapping as it is and answers it as it is to be.
 * @throws PlatformError RESOURCE_NOT_FOUND, INVALID_PARAMETER, and what the gate throws
 */
export async function updateEventSourceMapping(
  deps: Deps,
  caller: Caller,
  input: {
    readonly uuid: string
    readonly functionName: string | undefined
    /** Switches it off and changes nothing else: leaving, so nothing is judged. */
    readonly disables: boolean
    next(before: EventSourceMapping): SettingDocument
  },
): Promise<MappingChange> {
  const before = await getMapping(deps.store.reader, input.uuid)
  input.next(before)
  const arn =
    input.functionName === undefined ? arnOf(before) : mappedArn(deps.place, input.functionName)
  const { name, qualifier } = locateFunction(deps.place, {
    functionName: input.functionName ?? arn,
  })
  const action = 'lambda:UpdateEventSourceMapping'
  const write = async (tx: Writer, admitted: Admitted, atMs: number) => {
    const now = await getMapping(tx, input.uuid)
    const mapping: EventSourceMapping = {
      ...now,
      functionName: name,
      document: { ...input.next(now), FunctionArn: arn },
      decisionId: admitted.decision.id,
      lastModifiedMs: atMs,
    }
    return { result: mapping, touched: [await updateEventSourceMappingRow(tx, mapping)] }
  }
  if (input.disables) {
    const { result, decision } = await govern(deps, caller, {
      action,
      resource: arn,
      raisesWorld: false,
      read: () => Promise.resolve(leaving(`event source mapping ${input.uuid}`)),
      commit: write,
    })
    return { mapping: result, decisionId: decision.id }
  }
  await deps.store.snapshot((reader) => functionThere(reader, name))
  const { result, decision } = await openReach(deps, caller, {
    action,
    functionName: name,
    qualifier: qualifier ?? LATEST,
    by: before.eventSourceArn ?? 'event source of its own',
    check: async (reader) => void (await getMapping(reader, input.uuid)),
    missing: functionMissing,
    write: (tx, _owner, admitted, atMs) => write(tx, admitted, atMs),
  })
  return { mapping: result, decisionId: decision.id }
}

/** Leaving: nothing is judged. @throws PlatformError RESOURCE_NOT_FOUND */
export async function deleteEventSourceMapping(
  deps: Deps,
  caller: Caller,
  uuid: string,
): Promise<MappingChange> {
  const mapping = await getMapping(deps.store.reader, uuid)
  const { decision } = await govern(deps, caller, {
    action: 'lambda:DeleteEventSourceMapping',
    resource: arnOf(mapping),
    raisesWorld: false,
    read: async (reader) => {
      await getMapping(reader, uuid)
      return leaving(`event source mapping ${uuid}`)
    },
    commit: async (tx) => {
      await getMapping(tx, uuid)
      const arn = eventSourceMappingArn(deps.place, uuid)
      const touched = [
        await setResourceTags(tx, arn, {}),
        await deleteEventSourceMappingRow(tx, uuid),
      ]
      return { result: undefined, touched }
    },
  })
  return { mapping, decisionId: decision.id }
}

async function getMapping(reader: Reader, uuid: string): Promise<EventSourceMapping> {
  const found = await findEventSourceMapping(reader, uuid)
  if (found !== undefined) return found
  throw new PlatformError('RESOURCE_NOT_FOUND', 'The resource you requested does not exist.')
}

function arnOf({ document }: EventSourceMapping): string {
  const arn = document['FunctionArn']
  return typeof arn === 'string' ? arn : ''
}

async function functionThere(reader: Reader, name: string): Promise<void> {
  if ((await findFunction(reader, name)) === undefined) throw functionMissing()
}

/** Recorded: of event sources AWS says it so, and with 400. */
function functionMissing(): PlatformError {
  return new PlatformError('INVALID_PARAMETER', 'Function does not exist')
}
