import { canonicalJson, toIsoTime, type Json } from '../../model/index.ts'
import type { LedgerEntry } from '../entry.ts'

/** The version of the Open Cybersecurity Schema Framework that events are written in. */
export const OCSF_VERSION = '1.3.0'

interface EventClass {
  readonly uid: number
  readonly name: string
  readonly category: { readonly uid: number; readonly name: string }
}

const IAM = { uid: 3, name: 'Identity & Access Management' }
const API_ACTIVITY: EventClass = {
  uid: 6003,
  name: 'API Activity',
  category: { uid: 6, name: 'Application Activity' },
}
const ACCOUNT_CHANGE: EventClass = { uid: 3001, name: 'Account Change', category: IAM }
const ENTITY_MANAGEMENT: EventClass = { uid: 3004, name: 'Entity Management', category: IAM }
const COMPLIANCE_FINDING: EventClass = {
  uid: 2003,
  name: 'Compliance Finding',
  category: { uid: 2, name: 'Findings' },
}

/** Who there is and what he may: principals, roles, access keys. */
const ACCOUNTS = /(?:Principal|Role|AccessKey)$/
/** What is governed beside code: whom to trust, and the rules. */
const ENTITIES =
  /(?:Publisher|PublisherVersion|SigningProfile|Revoke|RevokeSignature|CodeSigningConfig|SigningRequirements|PolicySet|Freeze|FreezeWindow|PromotionRule|Floor|FloorException|Reach|MapSigner|ProfilePermission|Key)$/

/** Activities of OCSF's classes by the verb that an action begins with. */
const CRUD: readonly (readonly [RegExp, number, string])[] = [
  [/^(?:Create|Publish|Add|Grant|Request|Attach|Map)/, 1, 'Create'],
  [/^(?:Get|List|Read|Describe)/, 2, 'Read'],
  [/^(?:Update|Put|Apply|Approve|Review|Activate|Tag|Untag|Renew|Settle|End)/, 3, 'Update'],
  [/^(?:Delete|Remove|Revoke|Cancel|Withdraw|Lift)/, 4, 'Delete'],
]
const ACCOUNT_ACTIVITIES: readonly (readonly [RegExp, number, string])[] = [
  [/^Create/, 1, 'Create'],
  [/^Enable/, 2, 'Enable'],
  [/^Disable/, 5, 'Disable'],
  [/^Delete/, 6, 'Delete'],
  [/^GrantRole/, 7, 'Attach Policy'],
  [/^RevokeRole/, 8, 'Detach Policy'],
]

const SEVERITY = { informational: 1, medium: 3 }

/** An entry as an OCSF event: refusals as findings, the rest by what it is about. */
export function toOcsf(entry: LedgerEntry): string {
  const event = classOf(entry)
  const [, verb = entry.action] = /:(\w+)$/.exec(entry.action) ?? []
  const activity = activityOf(event, verb)
  const refused = entry.type === 'refusal'
  return canonicalJson({
    activity_id: activity.id,
    activity_name: activity.name,
    category_uid: event.category.uid,
    category_name: event.category.name,
    class_uid: event.uid,
    class_name: event.name,
    type_uid: event.uid * 100 + activity.id,
    type_name: `${event.name}: ${activity.name}`,
    severity_id: refused ? SEVERITY.medium : SEVERITY.informational,
    severity: refused ? 'Medium' : 'Informational',
    time: entry.at,
    message: `${entry.action} on ${entry.resource}: ${refused ? 'refused' : 'done'}`,
    metadata: {
      version: OCSF_VERSION,
      product: { name: 'Lacre', vendor_name: 'Lacre' },
      uid: `${entry.origin}#${entry.index}`,
      event_code: entry.type,
      log_name: entry.origin,
      sequence: entry.index,
      original_time: toIsoTime(entry.at),
    },
    ...detailsOf(event, entry),
    unmapped: {
      action: entry.action,
      decision: entry.decision === null ? null : { ...entry.decision },
      world: entry.world,
      tables: [...new Set(entry.changes.map(({ table }) => table))],
      note: entry.note,
    },
  })
}

function classOf({ type, action }: LedgerEntry): EventClass {
  if (type === 'refusal') return COMPLIANCE_FINDING
  if (!action.startsWith('lambda:') && ACCOUNTS.test(action)) return ACCOUNT_CHANGE
  return ENTITIES.test(action) ? ENTITY_MANAGEMENT : API_ACTIVITY
}

function activityOf(event: EventClass, verb: string): { id: number; name: string } {
  // A finding that is told for the first time, whatever was asked for.
  if (event === COMPLIANCE_FINDING) return { id: 1, name: 'Create' }
  const known = event === ACCOUNT_CHANGE ? ACCOUNT_ACTIVITIES : CRUD
  const found = known.find(([pattern]) => pattern.test(verb))
  return found === undefined ? { id: 99, name: verb } : { id: found[1], name: found[2] }
}

function detailsOf(event: EventClass, entry: LedgerEntry): Record<string, Json> {
  const { action, resource, decision, index, origin } = entry
  const actor = actorOf(entry)
  const resources = [{ uid: resource }]
  switch (event) {
    case COMPLIANCE_FINDING:
      return {
        actor,
        finding_info: {
          uid: decision?.id ?? `${origin}#${index}`,
          title: `${action} was refused`,
          created_time: entry.at,
        },
        compliance: { standards: ['Lacre admission'], status: 'Fail', status_id: 3 },
        resources,
        status: 'New',
        status_id: 1,
      }
    case ACCOUNT_CHANGE:
      return { actor, user: { uid: resource }, status: 'Success', status_id: 1 }
    case ENTITY_MANAGEMENT:
      return { actor, entity: { uid: resource }, status: 'Success', status_id: 1 }
    default:
      return {
        actor,
        api: { operation: action, service: { name: action.replace(/:.*/s, '') } },
        // The ledger records who asked, not from which address.
        src_endpoint: { name: 'not recorded' },
        resources,
        status: 'Success',
        status_id: 1,
      }
  }
}

function actorOf({ principal }: LedgerEntry): Json {
  const { id, kind, name } = principal
  if (kind === 'system') return { app_name: 'lacre', user: { uid: id, name, type: 'System' } }
  return { user: { uid: id, name, type: kind === 'workload' ? 'Service' : 'User' } }
}
