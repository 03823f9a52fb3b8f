import {
  toIsoTime,
  type ApprovalFacts,
  type ApproverFacts,
  type Principal,
  type Sha256,
} from '../model/index.ts'
import type { ApprovalRequestTable, ApprovalTable, Reader, Writer } from '../store/index.ts'
import type { TouchedRow } from './touched.ts'

export interface ApprovalAnswer {
  readonly principal: string
  readonly approvedAtMs: number
  readonly comment: string
  readonly revokedAtMs: number | null
}

/** A request with every answer to it, those taken back among them. */
export interface ApprovalRequest {
  readonly id: string
  readonly functionName: string
  readonly alias: string
  readonly version: string
  readonly release: Sha256
  readonly weight: number
  readonly requester: string
  readonly reason: string
  readonly openedAtMs: number
  readonly expiresAtMs: number
  readonly state: ApprovalRequestTable['state']
  readonly settledAtMs: number | null
  readonly settledBy: string | null
  readonly answers: readonly ApprovalAnswer[]
}

export async function findApprovalRequest(
  reader: Reader,
  id: string,
): Promise<ApprovalRequest | undefined> {
  const row = await reader
    .selectFrom('approval_request')
    .selectAll()
    .where('id', '=', id)
    .executeTakeFirst()
  return row === undefined ? undefined : toRequest(row, await answersOf(reader, id))
}

/** Newest first. */
export async function listApprovalRequests(
  reader: Reader,
  query: {
    readonly functionName?: string | undefined
    readonly state?: ApprovalRequestTable['state'] | undefined
    readonly limit: number
  },
): Promise<ApprovalRequest[]> {
  let select = reader
    .selectFrom('approval_request')
    .selectAll()
    .orderBy('opened_at', 'desc')
    .orderBy('id')
    .limit(query.limit)
  if (query.functionName !== undefined)
    select = select.where('function_name', '=', query.functionName)
  if (query.state !== undefined) select = select.where('state', '=', query.state)
  const requests: ApprovalRequest[] = []
  for (const row of await select.execute())
    requests.push(toRequest(row, await answersOf(reader, row.id)))
  return requests
}

/** Requests of one owner that are open and not over. */
export async function openRequestsOf(
  reader: Reader,
  requester: string,
  atMs: number,
): Promise<ApprovalRequest[]> {
  const rows = await reader
    .selectFrom('approval_request')
    .selectAll()
    .where('requester', '=', requester)
    .where('state', '=', 'open')
    .where('expires_at', '>', atMs)
    .execute()
  return rows.map((row) => toRequest(row, []))
}

/** Who an approval is by, with his roles and since when he has each. */
export interface Approver extends Pick<Principal, 'id' | 'kind' | 'name'> {
  readonly createdAtMs: number
  readonly roles: readonly { readonly name: string; readonly sinceMs: number }[]
}

/** Whether somebody with these roles may approve moves of an alias. */
export type Approves = (
  of: { readonly functionName: string; readonly alias: string },
  holder: Pick<Principal, 'id' | 'kind' | 'name' | 'roles'>,
) => Promise<boolean>

/** Open and not over, of this alias and requester or of all. */
export async function openRequests(
  reader: Reader,
  of:
    | { readonly functionName: string; readonly alias: string; readonly requester: string }
    | undefined,
  atMs: number,
): Promise<Omit<ApprovalFacts, 'approvers'>[]> {
  let query = reader
    .selectFrom('approval_request')
    .selectAll()
    .where('state', '=', 'open')
    .where('opened_at', '<=', atMs)
    .where('expires_at', '>', atMs)
    .orderBy('id')
  if (of !== undefined)
    query = query
      .where('function_name', '=', of.functionName)
      .where('alias', '=', of.alias)
      .where('requester', '=', of.requester)
  const rows = await query.execute()
  return rows.map((row) => ({
    id: row.id,
    functionName: row.function_name,
    alias: row.alias,
    version: row.version,
    release: row.release as Sha256,
    weight: row.weight,
    requester: row.requester,
    openedAt: toIsoTime(row.opened_at),
    expiresAt: toIsoTime(row.expires_at),
  }))
}

/** Approvals of a request not taken back, by owners who are still there. */
export async function approversOf(
  reader: Reader,
  request: Omit<ApprovalFacts, 'approvers'>,
  approves: Approves,
): Promise<ApproverFacts[]> {
  const rows = await reader
    .selectFrom('approval')
    .innerJoin('principal', 'principal.id', 'approval.principal_id')
    .select(['principal.id', 'principal.kind', 'principal.name'])
    .select(['principal.roles', 'principal.created_at', 'approval.approved_at'])
    .where('approval.request_id', '=', request.id)
    .where('approval.revoked_at', 'is', null)
    // Nothing is believed any more that came in the name of whoever is disabled.
    .where('principal.disabled_at', 'is', null)
    .orderBy('principal.id')
    .execute()
  const approvers: ApproverFacts[] = []
  for (const row of rows) {
    const sinceMs = await approvingSince(await toApprover(reader, row), request, approves)
    approvers.push({
      principal: row.id,
      kind: row.kind,
      approvedAt: toIsoTime(row.approved_at),
      createdAt: toIsoTime(row.created_at),
      roleSince: sinceMs === null ? null : toIsoTime(sinceMs),
    })
  }
  return approvers
}

/** A role without a grant's row is as old as its holder. */
async function toApprover(
  reader: Reader,
  row: Pick<Approver, 'id' | 'kind' | 'name'> & {
    readonly roles: string
    readonly created_at: number
  },
): Promise<Approver> {
  const grants = await reader
    .selectFrom('role_grant')
    .select(['role', 'granted_at'])
    .where('principal_id', '=', row.id)
    .execute()
  const since = new Map(grants.map(({ role, granted_at: grantedAt }) => [role, grantedAt]))
  const { id, kind, name, created_at: createdAtMs } = row
  const roles = (JSON.parse(row.roles) as string[]).map((role) => ({
    name: role,
    sinceMs: since.get(role) ?? createdAtMs,
  }))
  return { id, kind, name, createdAtMs, roles }
}

/**
 * Since when the roles that somebody has now let him approve without a break: what one of them forbids until another
 * lifts it counts from that other. `null` where all of them together do not.
 */
export async function approvingSince(
  { id, kind, name, createdAtMs, roles }: Approver,
  of: Parameters<Approves>[0],
  approves: Approves,
): Promise<number | null> {
  const times = new Set([createdAtMs, ...roles.map(({ sinceMs }) => sinceMs)])
  let found: number | null = null
  for (const atMs of [...times].toSorted((a, b) => b - a)) {
    const held = roles.filter(({ sinceMs }) => sinceMs <= atMs).map((role) => role.name)
    if (!(await approves(of, { id, kind, name, roles: held }))) break
    found = atMs
  }
  return found
}

/** What decides whether an owner's word counts; `undefined` where there is no such principal. */
export async function findApprover(reader: Reader, id: string): Promise<Approver | undefined> {
  const row = await reader
    .selectFrom('principal')
    .select(['id', 'kind', 'name', 'roles', 'created_at'])
    .where('id', '=', id)
    .executeTakeFirst()
  return row === undefined ? undefined : await toApprover(reader, row)
}

export async function insertApprovalRequest(
  tx: Writer,
  request: Omit<ApprovalRequest, 'state' | 'settledAtMs' | 'settledBy' | 'answers'>,
): Promise<TouchedRow> {
  await tx
    .insertInto('approval_request')
    .values({
      id: request.id,
      function_name: request.functionName,
      alias: request.alias,
      version: request.version,
      release: request.release,
      weight: request.weight,
      requester: request.requester,
      reason: request.reason,
      opened_at: request.openedAtMs,
      expires_at: request.expiresAtMs,
      state: 'open',
      settled_at: null,
      settled_by: null,
    })
    .execute()
  return requestRow(request.id)
}

/** `undefined` where the request was not open any more: somebody else was first. */
export async function settleApprovalRequest(
  tx: Writer,
  id: string,
  to: {
    readonly state: 'used' | 'withdrawn' | 'void'
    readonly by: string
    readonly atMs: number
  },
): Promise<TouchedRow | undefined> {
  const { numUpdatedRows } = await tx
    .updateTable('approval_request')
    .set({ state: to.state, settled_at: to.atMs, settled_by: to.by })
    .where('id', '=', id)
    .where('state', '=', 'open')
    .executeTakeFirst()
  return numUpdatedRows === 1n ? requestRow(id) : undefined
}

/** Open requests for a release that left the alias. */
export async function voidApprovalRequests(
  tx: Writer,
  of: { readonly functionName: string; readonly alias: string; readonly release: string },
  settled: { readonly by: string; readonly atMs: number },
): Promise<TouchedRow[]> {
  const rows = await tx
    .updateTable('approval_request')
    .set({ state: 'void', settled_at: settled.atMs, settled_by: settled.by })
    .where('function_name', '=', of.functionName)
    .where('alias', '=', of.alias)
    .where('release', '=', of.release)
    .where('state', '=', 'open')
    .returning('id')
    .execute()
  return rows.map(({ id }) => requestRow(id))
}

/** In place of the owner's earlier answer, if that was taken back. */
export async function putApproval(
  tx: Writer,
  requestId: string,
  answer: { readonly principal: string; readonly comment: string; readonly atMs: number },
): Promise<TouchedRow> {
  const values = { approved_at: answer.atMs, comment: answer.comment, revoked_at: null }
  const key = { request_id: requestId, principal_id: answer.principal }
  await tx
    .insertInto('approval')
    .values({ ...key, ...values })
    .onConflict((conflict) => conflict.columns(['request_id', 'principal_id']).doUpdateSet(values))
    .execute()
  return { table: 'approval', key }
}

export async function revokeApproval(
  tx: Writer,
  key: { readonly requestId: string; readonly principal: string },
  atMs: number,
): Promise<TouchedRow> {
  await tx
    .updateTable('approval')
    .set({ revoked_at: atMs })
    .where('request_id', '=', key.requestId)
    .where('principal_id', '=', key.principal)
    .where('revoked_at', 'is', null)
    .execute()
  return {
    table: 'approval',
    key: { request_id: key.requestId, principal_id: key.principal },
  }
}

async function answersOf(reader: Reader, requestId: string): Promise<ApprovalTable[]> {
  return await reader
    .selectFrom('approval')
    .selectAll()
    .where('request_id', '=', requestId)
    .orderBy('approved_at')
    .orderBy('principal_id')
    .execute()
}

function requestRow(id: string): TouchedRow {
  return { table: 'approval_request', key: { id } }
}

function toRequest(row: ApprovalRequestTable, answers: readonly ApprovalTable[]): ApprovalRequest {
  return {
    id: row.id,
    functionName: row.function_name,
    alias: row.alias,
    version: row.version,
    release: row.release as Sha256,
    weight: row.weight,
    requester: row.requester,
    reason: row.reason,
    openedAtMs: row.opened_at,
    expiresAtMs: row.expires_at,
    state: row.state,
    settledAtMs: row.settled_at,
    settledBy: row.settled_by,
    answers: answers.map((answer) => ({
      principal: answer.principal_id,
      approvedAtMs: answer.approved_at,
      comment: answer.comment,
      revokedAtMs: answer.revoked_at,
    })),
  }
}
