import type { Answer, EventSourceMapping, SettingDocument } from '../../catalog/index.ts'
import { eventSourceMappingArn, type Place } from '../../model/index.ts'
import {
  createEventSourceMapping,
  deleteEventSourceMapping,
  getEventSourceMapping,
  listEventSourceMappings,
  updateEventSourceMapping,
  type Deps,
} from '../../operations/index.ts'
import { decided } from './answers.ts'
import {
  checkSourceArn,
  readEnabled,
  readMappingMembers,
  serviceOf,
  withDefaults,
} from './event-source-input.ts'
import { checkMeant, checkTogether } from './event-source-rules.ts'
import { checkFunctionName } from './function-name.ts'
import type { LambdaAnswer, LambdaHandlers, LambdaRequest } from './handler.ts'
import { queryMember, textMapMember, textMember } from './members.ts'
import { nextMarker, readPageAsked } from './page-input.ts'
import { ConstraintCheck } from './validation.ts'

/** Event source mappings: stored and validated; what they answer says that nothing is polled. */
export function eventSourceHandlers(deps: Deps): LambdaHandlers {
  return {
    CreateEventSourceMapping: (request) => create(deps, request),
    UpdateEventSourceMapping: (request) => update(deps, request),
    GetEventSourceMapping: async (request) => {
      const mapping = await getEventSourceMapping(deps, readUuid(request))
      return { status: 200, body: mappingBody(deps.place, mapping) }
    },
    ListEventSourceMappings: async (request) => {
      const check = new ConstraintCheck()
      const functionName = queryMember(request, 'FunctionName')
      const eventSourceArn = queryMember(request, 'EventSourceArn')
      const asked = readPageAsked(check, request, 10_000)
      checkSourceArn(check, eventSourceArn)
      if (functionName !== undefined) checkFunctionName(check, functionName, 'namespaced')
      check.finish()
      const page = await listEventSourceMappings(deps, { ...asked, functionName, eventSourceArn })
      const mappings = page.items.map((one) => mappingBody(deps.place, one))
      return {
        status: 200,
        body: { EventSourceMappings: mappings, ...nextMarker(page.nextMarker) },
      }
    },
    DeleteEventSourceMapping: async (request) => {
      const deleted = await deleteEventSourceMapping(deps, request.caller, readUuid(request))
      const body = mappingBody(deps.place, deleted.mapping, 'Deleting')
      return { status: 202, body, ...decided(deleted.decisionId) }
    },
  }
}

async function create(deps: Deps, request: LambdaRequest): Promise<LambdaAnswer> {
  const { json } = request
  const check = new ConstraintCheck()
  const functionName = textMember(json, 'FunctionName')
  const eventSourceArn = textMember(json, 'EventSourceArn')
  checkSourceArn(check, eventSourceArn)
  const members = readMappingMembers(check, json)
  checkFunctionName(check, functionName, 'namespaced')
  check.finish()
  const service = serviceOf(eventSourceArn, members)
  const document = withDefaults(service, members, {
    eventSourceArn,
    random: deps.random,
  })
  checkTogether(service, document, eventSourceArn)
  const created = await createEventSourceMapping(deps, request.caller, {
    functionName: functionName ?? '',
    eventSourceArn: eventSourceArn ?? null,
    service,
    document: { ...document, Enabled: readEnabled(json) ?? true },
    tags: textMapMember(json, 'Tags'),
  })
  const body = mappingBody(deps.place, created.mapping, 'Creating')
  return { status: 202, body, ...decided(created.decisionId) }
}

async function update(deps: Deps, request: LambdaRequest): Promise<LambdaAnswer> {
  const { json } = request
  const check = new ConstraintCheck()
  const functionName = textMember(json, 'FunctionName')
  const members = withoutFixed(readMappingMembers(check, json))
  if (functionName !== undefined) checkFunctionName(check, functionName, 'namespaced')
  check.finish()
  const enabled = readEnabled(json)
  const updated = await updateEventSourceMapping(deps, request.caller, {
    uuid: readUuid(request),
    functionName,
    disables: enabled === false && functionName === undefined && Object.keys(members).length === 0,
    next: (before) => {
      const service = serviceOf(before.eventSourceArn ?? undefined, before.document)
      const document = { ...before.document, ...members }
      checkMeant(service, {
        SelfManagedEventSource: before.document['SelfManagedEventSource'],
        ...members,
      })
      checkTogether(service, document, before.eventSourceArn ?? undefined)
      return enabled === undefined ? document : { ...document, Enabled: enabled }
    },
  })
  const passing = enabled === undefined ? 'Updating' : enabled ? 'Enabling' : 'Disabling'
  const body = mappingBody(deps.place, updated.mapping, passing)
  return { status: 202, body, ...decided(updated.decisionId) }
}

/** What a mapping is made with and keeps: an update has no such members, and ignores them as AWS does. */
function withoutFixed(members: SettingDocument): SettingDocument {
  const {
    StartingPosition: _position,
    StartingPositionTimestamp: _at,
    Topics: _topics,
    Queues: _queues,
    SelfManagedEventSource: _source,
    ...changeable
  } = members
  return changeable
}

function readUuid(request: LambdaRequest): string {
  const check = new ConstraintCheck()
  const uuid = request.path['UUID'] ?? ''
  check.length('uuid', uuid, { min: 36, max: 36 })
  check.finish()
  return uuid
}

/** Said of every mapping that is at rest: on AWS it would be Enabled, and here nothing reads its source. */
const NOT_POLLED = 'Polling event sources is not built in this version: nothing is read from it.'

function mappingBody(
  place: Place,
  mapping: EventSourceMapping,
  passing?: 'Creating' | 'Updating' | 'Enabling' | 'Disabling' | 'Deleting',
): Answer {
  const { Enabled: enabled, ...document } = mapping.document
  const service = serviceOf(mapping.eventSourceArn ?? undefined, mapping.document)
  const byUser = service === 'kinesis' || service === 'dynamodb' ? 'User action' : 'USER_INITIATED'
  return {
    UUID: mapping.uuid,
    EventSourceMappingArn: eventSourceMappingArn(place, mapping.uuid),
    EventSourceArn: mapping.eventSourceArn ?? undefined,
    // The model's LastModified is a timestamp: seconds.
    LastModified: mapping.lastModifiedMs / 1_000,
    ...document,
    State: passing ?? 'Disabled',
    StateTransitionReason: passing === undefined && enabled !== false ? NOT_POLLED : byUser,
  }
}
