import {
  functionArn,
  toIsoTime,
  type Decision,
  type Facts,
  type Json,
  type ReleaseLayer,
} from '../model/index.ts'
import type { LedgerEntry, Row } from '../ledger/index.ts'
import { cell, type EvidenceContents, type EvidenceRow } from './contents.ts'
import type { EvidenceLedger } from './ledgers.ts'
import { edgeOf, wholeRange } from './places.ts'
import { chainOf, lossOf, lostInside, toLedgerLine, type LedgerLine } from './report-ledgers.ts'
import { isOwn, type EntryMode } from './scope.ts'

/** The readable report: plain JSON, a function of the rest of the archive alone, so that verification makes it again. */
export interface EvidenceReport {
  readonly v: 1
  readonly arn: string
  readonly functionName: string
  readonly alias: string
  readonly from: string
  readonly to: string
  readonly log: {
    readonly origin: string
    readonly size: number
    readonly root: string
    readonly verifierKey: string
    /** Names on the checkpoint beside the log's own; whose they are is for whoever has their keys. */
    readonly cosigners: readonly string[]
    readonly checkpoints: readonly number[]
  }
  /** Only where the archive reaches back to earlier ledgers; oldest first. */
  readonly ledgers?: readonly LedgerLine[]
  readonly entries: {
    readonly mode: string
    readonly first: number
    readonly end: number
    readonly own: number
  }
  /** What the evidence proves, and what it does not. */
  readonly statements: readonly string[]
  readonly intervals: readonly IntervalLine[]
  readonly decisions: readonly DecisionLine[]
  /** The alias's own entries that no decision stands behind. */
  readonly events: readonly EventLine[]
  readonly policySets: readonly Json[]
  readonly publishers: readonly Json[]
  readonly revocations: readonly Json[]
  readonly approvals: readonly Json[]
  readonly breakGlass: readonly Json[]
}

interface IntervalLine {
  readonly slot: string
  readonly version: string
  readonly weight: number
  readonly from: string
  readonly to: string | null
  readonly fromIndex: number
  readonly toIndex: number | null
  readonly codeSha256: string
  readonly release: string
  readonly layers: readonly string[]
  readonly decisionId: string
}

interface EventLine {
  readonly index: number
  readonly at: string
  readonly type: string
  readonly action: string
  readonly resource: string
  readonly principal: string
}

interface DecisionLine extends EventLine {
  readonly id: string
  readonly outcome: string
  readonly refusal: string | null
  readonly policySet: string
  readonly policySetNumber: number | null
  readonly notPassed: readonly {
    readonly rule: string
    readonly subject: string
    readonly status: string
    readonly expected: string
    readonly got: string
  }[]
  readonly seals: readonly {
    readonly subject: string
    readonly publisher: string
    readonly signer: string
    readonly digest: string
  }[]
  readonly approvers: readonly string[]
  readonly exceptions: readonly string[]
}

export function buildReport(contents: EvidenceContents): EvidenceReport {
  const { head, newest } = contents
  const { checkpoint } = newest
  const { scope } = head
  const range = wholeRange(head)
  const own = ownEntries(contents)
  const behind = (entry: LedgerEntry): boolean =>
    entry.decision !== null && contents.decisions.has(entry.decision.id)
  return {
    v: 1,
    arn: functionArn(scope.place, scope.functionName, scope.alias),
    functionName: scope.functionName,
    alias: scope.alias,
    from: toIsoTime(scope.fromMs),
    to: toIsoTime(scope.toMs),
    log: {
      origin: checkpoint.origin,
      size: checkpoint.size,
      root: checkpoint.root,
      verifierKey: newest.verifierKey,
      cosigners: cosignersOf(newest),
      checkpoints: newest.checkpoints.map((one) => one.checkpoint.size),
    },
    ...(contents.ledgers.length > 1 && { ledgers: contents.ledgers.map(toLedgerLine) }),
    entries: { mode: scope.entries, first: range.first, end: range.end, own: own.length },
    statements: statementsOf(contents),
    intervals: aliasIntervals(contents).map((one) => toInterval(contents, one)),
    decisions: own.filter(behind).map((entry) => toDecision(contents, entry)),
    events: own.filter((entry) => !behind(entry)).map(toEvent),
    policySets: linesOf(contents, 'policy_set', [
      'kind', 'version', 'name', 'digest', 'how', 'applied_at', 'decision_id',
    ]), // prettier-ignore
    publishers: linesOf(contents, 'publisher_version', [
      'publisher_id', 'version', 'status', 'digest', 'created_at',
    ]).map((line) => ({ name: publisherName(contents, line), ...line })), // prettier-ignore
    revocations: linesOf(contents, 'revocation', [
      'id', 'target_kind', 'target', 'effective_at', 'recorded_at', 'reason',
    ]), // prettier-ignore
    approvals: linesOf(contents, 'approval_request', [
      'id', 'alias', 'version', 'release', 'weight', 'requester', 'reason', 'opened_at', 'state', 'settled_by',
    ]).map((line) => ({ ...line, approvers: approversOf(contents, line) })), // prettier-ignore
    breakGlass: linesOf(contents, 'break_glass', [
      'id', 'alias', 'version', 'release', 'reason', 'ticket', 'scope', 'requester', 'second', 'granted_at',
      'until', 'ended_at', 'ended', 'reviewed_by', 'reviewed_at', 'review_note',
    ]), // prettier-ignore
  }
}

export function formatReport(report: EvidenceReport): string {
  return `${JSON.stringify(report, null, 2)}\n`
}

/** The alias's rows of what was live, oldest first. */
export function aliasIntervals({ rows, head }: EvidenceContents): EvidenceRow[] {
  const { functionName, alias } = head.scope
  return rows
    .filter(({ table, row }) => table === 'live_interval' && row['function_name'] === functionName)
    .filter(({ row }) => row['alias'] === alias)
    .toSorted((a, b) => Number(a.row['id']) - Number(b.row['id']))
}

/** The entries of the range that are the alias's own, in order. */
export function ownEntries(contents: EvidenceContents): LedgerEntry[] {
  const { scope } = contents.head
  const range = wholeRange(contents.head)
  const ids = new Set(aliasIntervals(contents).map(({ row }) => Number(row['id'])))
  return [...contents.entries.values()]
    .map(({ entry }) => entry)
    .filter(({ index }) => index >= range.first && index < range.end)
    .filter((entry) => isOwn(scope, entry, ids))
}

function cosignersOf({ checkpoint, verifierKey }: EvidenceLedger): string[] {
  const [name, id] = verifierKey.trim().split('+')
  const others = checkpoint.note.signatures.filter(
    (signature) => signature.name !== name || signature.id !== id,
  )
  return others.map((signature) => signature.name)
}

function statementsOf(contents: EvidenceContents): string[] {
  const { scope } = contents.head
  const { newest } = contents
  const lost = lostInside(contents)
  const statements = [
    'Every entry shown here stands in the log of this service at its index, under the checkpoint shown above.',
    ...(lost.length === 0 ? [COMPLETENESS[scope.entries]] : lost.map(lossOf)),
    'Rows of approvals, exceptions and publishers are shown as the service had them when this was exported, each with the entry that says so; no later entry inside says otherwise, and that none outside does is the word of the service. What was live is shown as of the end of the window.',
  ]
  if (contents.ledgers.length > 1) statements.push(...chainOf(contents))
  statements.push(
    cosignersOf(newest).length === 0
      ? 'No witness cosigned the checkpoint. Without a witness, and without a checkpoint kept elsewhere, this proves what the service says; not that it says the same to everyone.'
      : 'Others are named on the checkpoint beside the log. That they signed it is not verified here, since this archive does not hold their keys: whoever has them can check that they saw the same log.',
  )
  return statements
}

const COMPLETENESS = {
  own: 'Completeness is not shown: of the entries of the window that are not about this alias the archive holds the leaf hashes alone, so that one about it could be among them.',
  window:
    'Complete for the window: every entry of the ledger in it is inside, so that none about this alias was left out. What was live already when the window began is proven to have begun; that nothing ended it before the window is the word of the service.',
  opening:
    'Complete: every entry of the ledger since the oldest of what was live at the start of the window began is inside, so that no change of this alias was left out.',
} as const satisfies Record<EntryMode, string>

function toInterval({ ledgers }: EvidenceContents, { row }: EvidenceRow): IntervalLine {
  const to = row['to_ms']
  return {
    slot: cell(row, 'slot'),
    version: cell(row, 'version'),
    weight: Number(row['weight']),
    from: toIsoTime(Number(row['from_ms'])),
    to: typeof to === 'number' ? toIsoTime(to) : null,
    fromIndex: edgeOf(ledgers, row, 'from') ?? Number(row['from_index']),
    toIndex: edgeOf(ledgers, row, 'to') ?? null,
    codeSha256: cell(row, 'code_sha256'),
    release: cell(row, 'release'),
    layers: (JSON.parse(cell(row, 'layers')) as ReleaseLayer[]).map(({ arn }) => arn),
    decisionId: cell(row, 'decision_id'),
  }
}

function toEvent({ index, at, type, action, resource, principal }: LedgerEntry): EventLine {
  const who = `${principal.name} (${principal.kind} ${principal.id})`
  return { index, at: toIsoTime(at), type, action, resource, principal: who }
}

function toDecision(contents: EvidenceContents, entry: LedgerEntry): DecisionLine {
  const id = entry.decision?.id ?? ''
  const { decision, facts } = contents.decisions.get(id) as {
    readonly decision: Decision
    readonly facts: Facts
  }
  const { outcome, refusal, policySet, checks } = decision
  return {
    ...toEvent(entry),
    id,
    outcome,
    refusal: refusal ?? null,
    policySet: policySet.version,
    policySetNumber: policySet.number ?? null,
    notPassed: checks
      .filter(({ status }) => status === 'failed' || status === 'warned')
      .map(({ rule, subject, status, expected, got }) => ({
        rule,
        subject,
        status,
        expected,
        got,
      })),
    seals: facts.subjects.flatMap(({ arn, verdict }) =>
      verdict.seals
        .filter((seal) => seal.outcome === 'trusted')
        .map((seal) => ({
          subject: arn,
          publisher: seal.publisher?.arn ?? '',
          signer: seal.signer?.display ?? '',
          digest: seal.digest,
        })),
    ),
    approvers: (facts.approvals ?? []).flatMap((request) =>
      request.approvers.map(({ principal }) => `${principal} (${request.id})`),
    ),
    exceptions: [...new Set(checks.flatMap(({ exceptions }) => exceptions ?? []))],
  }
}

/** Rows of a table with some of their columns, in order of the entry that says so; times as RFC 3339. */
function linesOf(
  { rows }: EvidenceContents,
  table: string,
  columns: readonly string[],
): Record<string, Json>[] {
  return rows
    .filter((one) => one.table === table)
    .toSorted((a, b) => a.index - b.index)
    .map(({ row, index }) => ({
      ...Object.fromEntries(columns.map((column) => [column, shown(row, column)])),
      entry: index,
    }))
}

function shown(row: Row, column: string): Json {
  const value = row[column] ?? null
  const isTime = column.endsWith('_at') || column === 'until'
  return isTime && typeof value === 'number' ? toIsoTime(value) : value
}

function publisherName({ rows }: EvidenceContents, line: Record<string, Json>): Json {
  const owner = rows.find(
    ({ table, row }) => table === 'publisher' && row['id'] === line['publisher_id'],
  )
  return owner === undefined ? null : cell(owner.row, 'name')
}

function approversOf({ rows }: EvidenceContents, line: Record<string, Json>): Json {
  return rows
    .filter(({ table, row }) => table === 'approval' && row['request_id'] === line['id'])
    .map(({ row }) => ({
      principal: cell(row, 'principal_id'),
      approvedAt: shown(row, 'approved_at'),
      comment: cell(row, 'comment'),
      revokedAt: shown(row, 'revoked_at'),
    }))
}
