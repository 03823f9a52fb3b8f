import {
  findApprovalRequest,
  approvingSince,
  findApprover,
  insertApprovalRequest,
  listApprovalRequests,
  openRequestsOf,
  putApproval,
  revokeApproval,
  settleApprovalRequest,
  type ApprovalRequest,
} from '../catalog/index.ts'
import {
  APPROVAL_LIMIT_MS,
  OPEN_REQUESTS_LIMIT,
  PlatformError,
  functionArn,
  sameWeight,
  type Decision,
  type Principal,
} from '../model/index.ts'
import type { Reader, Writer } from '../store/index.ts'
import {
  findAskedVersion,
  randomId,
  requestNote,
  spokenFacts,
  type AskedVersion,
} from './approval-target.ts'
import type { ChangeFactsInput } from './change.ts'
import { approvesBy } from './approving.ts'
import type { Caller, Deps } from './context.ts'
import { RowsMoved, govern } from './gate.ts'

interface Governed {
  readonly result: ApprovalRequest
  readonly decision: Decision
}

export interface ApprovalInput extends AskedVersion {
  /** What the version's release would get of the alias's calls: 0 < weight <= 1. */
  readonly weight: number
  readonly reason: string
  readonly forMs: number
}

/**
 * Asks for approval of a move that the caller himself would make: the version gets `weight` of the alias's calls.
 * @throws PlatformError FUNCTION_NOT_FOUND, INVALID_PARAMETER, RESOURCE_CONFLICT (nothing would change, asked already),
 * QUOTA_EXCEEDED
 */
export async function requestApproval(
  deps: Deps,
  caller: Caller,
  input: ApprovalInput,
): Promise<Governed> {
  checkInput(input)
  const { functionName, alias, weight } = input
  const id = randomId('apr', deps.random)
  const requester = caller.principal.id
  const look = async (reader: Reader, atMs: number) => {
    const found = await findAskedVersion(deps, reader, input)
    if (weight <= found.share || sameWeight(weight, found.share))
      throw conflict(
        `\`${functionName}:${alias}\` gives version ${input.version} that much already`,
      )
    refuseAnother(await openRequestsOf(reader, requester, atMs), { ...found.version, ...input })
    return found
  }
  let release = ''
  const { result, decision } = await govern(deps, caller, {
    action: 'lacre:RequestApproval',
    resource: functionArn(deps.place, functionName, alias),
    raisesWorld: true,
    read: async (reader, atMs) => {
      const found = await look(reader, atMs)
      release = found.version.release
      return spokenFacts(found, weight)
    },
    commit: async (tx, _admitted, atMs) => {
      const { version } = await look(tx, atMs)
      if (version.release !== release) throw new RowsMoved()
      const { reason, forMs } = input
      const asked = { id, functionName, alias, version: version.version, weight, requester, reason }
      const times = { openedAtMs: atMs, expiresAtMs: atMs + forMs }
      const row = await insertApprovalRequest(tx, { ...asked, ...times, release: version.release })
      return { result: await getRequest(tx, id), touched: [row] }
    },
    note: () => ({ ...requestNote({ ...input, id, release }), weight }),
  })
  return { result, decision }
}

function checkInput({ weight, forMs, version }: ApprovalInput): void {
  if (!/^[1-9][0-9]*$/.test(version))
    throw refuse(`\`${version.slice(0, 40)}\` is no published version's number`)
  if (!(weight > 0 && weight <= 1)) throw refuse('`weight` is more than 0 and at most 1')
  if (!(Number.isInteger(forMs) && forMs > 0 && forMs <= APPROVAL_LIMIT_MS))
    throw refuse(`a request stays open for at most ${APPROVAL_LIMIT_MS} ms`)
}

/** One open request to a move, so that what is approved is plain to see. */
function refuseAnother(
  open: readonly ApprovalRequest[],
  asked: { readonly functionName: string; readonly alias: string; readonly weight: number } & {
    readonly release: string
  },
): void {
  const same = open.find(
    (one) =>
      one.functionName === asked.functionName &&
      one.alias === asked.alias &&
      one.release === asked.release &&
      sameWeight(one.weight, asked.weight),
  )
  if (same !== undefined) throw conflict(`request \`${same.id}\` asks for this already`)
  if (open.length >= OPEN_REQUESTS_LIMIT)
    throw new PlatformError(
      'QUOTA_EXCEEDED',
      `nobody has more than ${OPEN_REQUESTS_LIMIT} requests open`,
    )
}

/**
 * Says yes as the caller's own person.
 * @throws PlatformError RESOURCE_NOT_FOUND, RESOURCE_CONFLICT (not open, said already), ACCESS_DENIED (who does not count)
 */
export async function approve(
  deps: Deps,
  caller: Caller,
  input: { readonly id: string; readonly comment: string },
): Promise<Governed> {
  const { id, comment } = input
  const { principal } = caller
  return await onRequest(deps, caller, {
    action: 'lacre:Approve',
    id,
    check: async (reader, request, atMs) => {
      refuseClosed(request, atMs)
      const { openedAtMs } = request
      const asked = { action: 'lacre:Approve', of: request, openedAtMs } as const
      await refuseUncounted(deps, reader, principal, asked)
      if (standing(request, principal.id)) throw conflict('you approved this already')
    },
    write: async (tx, _request, atMs) => [
      await putApproval(tx, id, { principal: principal.id, comment, atMs }),
    ],
  })
}

/**
 * Takes back: the request, where it is the caller's own, or else his approval of it.
 * @throws PlatformError RESOURCE_NOT_FOUND, RESOURCE_CONFLICT (not open), ACCESS_DENIED (neither is his)
 */
export async function withdrawApproval(
  deps: Deps,
  caller: Caller,
  input: { readonly id: string },
): Promise<Governed> {
  const { id } = input
  const by = caller.principal.id
  return await onRequest(deps, caller, {
    action: 'lacre:WithdrawApproval',
    id,
    check: (_reader, request, atMs) => {
      refuseClosed(request, atMs)
      if (request.requester !== by && !standing(request, by))
        throw denied('you neither asked for this nor approved it')
      return Promise.resolve()
    },
    write: async (tx, request, atMs) => {
      if (request.requester !== by)
        return [await revokeApproval(tx, { requestId: id, principal: by }, atMs)]
      const row = await settleApprovalRequest(tx, id, { state: 'withdrawn', by, atMs })
      if (row === undefined) throw new RowsMoved()
      return [row]
    },
  })
}

interface RequestChange {
  readonly action: string
  readonly id: string
  check(reader: Reader, request: ApprovalRequest, atMs: number): Promise<void>
  write(
    tx: Writer,
    request: ApprovalRequest,
    atMs: number,
  ): Promise<Awaited<ReturnType<typeof putApproval>>[]>
}

/** What is said to a request that is there: checked before the decision, and again where it is written. */
async function onRequest(deps: Deps, caller: Caller, change: RequestChange): Promise<Governed> {
  const before = await deps.store.snapshot((reader) => getRequest(reader, change.id))
  const { functionName, alias } = before
  return await govern(deps, caller, {
    action: change.action,
    resource: functionArn(deps.place, functionName, alias),
    raisesWorld: true,
    read: async (reader, atMs) => {
      const request = await getRequest(reader, change.id)
      await change.check(reader, request, atMs)
      return requestFacts(request)
    },
    commit: async (tx, _admitted, atMs) => {
      const request = await getRequest(tx, change.id)
      await change.check(tx, request, atMs)
      const touched = await change.write(tx, request, atMs)
      return { result: await getRequest(tx, change.id), touched }
    },
    note: () => requestNote(before),
  })
}

function requestFacts(request: ApprovalRequest): ChangeFactsInput {
  return {
    change: { from: null, to: request.version, weight: request.weight },
    release: request.release,
    subjects: [],
    codeSigningConfigId: null,
    environmentNames: [],
  }
}

/**
 * RULES §5: workloads do not approve, and owners who were created or got the role after the request was opened do not
 * count. They are told so here; the gate counts them out again when the approval is used.
 */
export async function refuseUncounted(
  deps: Deps,
  reader: Reader,
  principal: Principal,
  asked: {
    readonly action: 'lacre:Approve' | 'lacre:GrantBreakGlass'
    readonly of: { readonly functionName: string; readonly alias: string }
    readonly openedAtMs: number
  },
): Promise<void> {
  const approver = await findApprover(reader, principal.id)
  if (approver?.kind !== 'user') throw denied('workloads do not approve: a person does')
  if (approver.createdAtMs >= asked.openedAtMs)
    throw denied('you do not count here: this was asked for before you were made known')
  const approves = await approvesBy(deps, reader, asked.action)
  const sinceMs = await approvingSince(approver, asked.of, approves)
  if (sinceMs === null) throw denied('you do not count here: you have no role that approves')
  if (sinceMs >= asked.openedAtMs)
    throw denied('you do not count here: this was asked for before you got the role')
}

function refuseClosed(request: ApprovalRequest, atMs: number): void {
  if (request.state !== 'open') throw conflict(`the request is ${request.state}`)
  if (request.expiresAtMs <= atMs) throw conflict('the request is over')
}

function standing({ answers }: ApprovalRequest, principal: string): boolean {
  return answers.some((answer) => answer.principal === principal && answer.revokedAtMs === null)
}

/** @throws PlatformError RESOURCE_NOT_FOUND */
export async function readApprovalRequest(deps: Deps, id: string): Promise<ApprovalRequest> {
  return await deps.store.snapshot((reader) => getRequest(reader, id))
}

/** Newest first. */
export async function readApprovalRequests(
  deps: Deps,
  query: Parameters<typeof listApprovalRequests>[1],
): Promise<ApprovalRequest[]> {
  return await deps.store.snapshot((reader) => listApprovalRequests(reader, query))
}

async function getRequest(reader: Reader, id: string): Promise<ApprovalRequest> {
  const request = await findApprovalRequest(reader, id)
  if (request !== undefined) return request
  throw new PlatformError('RESOURCE_NOT_FOUND', `there is no request \`${id.slice(0, 80)}\``)
}

function refuse(message: string): PlatformError {
  return new PlatformError('INVALID_PARAMETER', message)
}

function conflict(message: string): PlatformError {
  return new PlatformError('RESOURCE_CONFLICT', message)
}

function denied(message: string): PlatformError {
  return new PlatformError('ACCESS_DENIED', message)
}
