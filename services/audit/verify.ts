import {
  parseCheckpoint,
  type LedgerEntry,
  type LedgerFinding,
  type LedgerReport,
  type NoteKey,
  type SignedCheckpoint,
} from '../ledger/index.ts'
import { sha256 } from '../model/index.ts'
import type { PastLedgerTable, Reader } from '../store/index.ts'
import { compareRows, type LastChange } from './compare-rows.ts'
import { cosignatureFindings } from './cosignatures.ts'
import { currentEpoch, pastLedgers } from './epochs.ts'
import { rowName } from './governed.ts'
import { findHead } from './head.ts'
import { verifyTree, type VerifiedTree } from './verify-tree.ts'

export interface VerifyLedgerOptions {
  /** Compares every governed row with the ledger, too. */
  readonly data?: boolean
  /** From outside; without it the key in the database is used, and the answer is not "authenticated". */
  readonly logKey?: NoteKey
  /** Checkpoints kept elsewhere, as notes. */
  readonly checkpoints?: readonly string[]
}

/**
 * Recomputes the whole ledger from its entries, compares it with every row derived from it and with every checkpoint,
 * and with `data` the governed rows with the entries. Ledgers that were ended come first, each bound to the next.
 * Wants one snapshot: `store.snapshot(...)`.
 */
export async function verifyLedger(
  reader: Reader,
  options: VerifyLedgerOptions = {},
): Promise<LedgerReport> {
  return (await examineLedger(reader, options)).report
}

/** As `verifyLedger`, with the highest world that an entry names. */
export async function examineLedger(
  reader: Reader,
  options: VerifyLedgerOptions,
): Promise<{ readonly report: LedgerReport; readonly world: number }> {
  const verification = new Verification(reader, options)
  return { report: await verification.run(), world: verification.world }
}

class Verification {
  world = 0
  readonly #reader: Reader
  readonly #options: VerifyLedgerOptions
  readonly #findings: LedgerFinding[] = []
  readonly #lastChanges = new Map<string, LastChange>()

  constructor(reader: Reader, options: VerifyLedgerOptions) {
    this.#reader = reader
    this.#options = options
  }

  async run(): Promise<LedgerReport> {
    const past = await pastLedgers(this.#reader)
    const head = await findHead(this.#reader)
    const outside = this.#outside()
    const trees: VerifiedTree[] = []
    const verify = async (epoch: number, ended?: PastLedgerTable): Promise<LedgerReport> => {
      const tree = await verifyTree(this.#reader, {
        epoch,
        ended,
        head,
        before: trees.at(-1),
        checkpoints: outside.filter((one) => isOf(one, ended, past)),
        logKey: this.#keyFor(ended, past),
        onEntry: (entry) => this.#remember(entry),
      })
      trees.push(tree)
      return tree.report
    }
    for (const ended of past) await verify(ended.epoch, ended)
    const inForce = await verify(await currentEpoch(this.#reader))
    this.#findings.push(...(await cosignatureFindings(this.#reader)))
    if (this.#options.data === true) await this.#checkData()
    const findings = [...this.#findings, ...trees.flatMap((tree) => tree.report.findings)]
    return {
      ...inForce,
      findings,
      authenticated: findings.length === 0 && isAuthenticated(trees),
      past: past.map(({ epoch, origin, size, how }) => ({ epoch, origin, size, how })),
    }
  }

  #outside(): SignedCheckpoint[] {
    return (this.#options.checkpoints ?? []).flatMap((note) => {
      try {
        return [parseCheckpoint(note)]
      } catch {
        this.#find('malformed', 'the checkpoint kept outside cannot be read')
        return []
      }
    })
  }

  /** A key is of the ledger whose name it carries; one that names none is held against the ledger in force. */
  #keyFor(
    ended: PastLedgerTable | undefined,
    past: readonly PastLedgerTable[],
  ): NoteKey | undefined {
    const { logKey } = this.#options
    if (ended !== undefined) return logKey?.name === ended.origin ? logKey : undefined
    return past.some(({ origin }) => origin === logKey?.name) ? undefined : logKey
  }

  #remember(entry: LedgerEntry): void {
    this.world = Math.max(this.world, entry.world)
    if (this.#options.data !== true) return
    for (const { table, key, sha256: digest } of entry.changes) {
      const change = { table, key, sha256: digest, index: entry.index }
      this.#lastChanges.set(rowName(table, key), change)
    }
  }

  async #checkData(): Promise<void> {
    for await (const finding of compareRows(this.#reader, this.#lastChanges))
      this.#findings.push(finding)
    const world = await this.#reader.selectFrom('world').select('counter').executeTakeFirst()
    const stand = world?.counter ?? 0
    if (stand < this.world)
      this.#find('row', `the world stands at ${stand}, an entry was of ${this.world}`)
    const documents = this.#reader.selectFrom('document').selectAll().stream()
    for await (const row of documents) {
      if (sha256(row.body) === row.sha256) continue
      const key = { sha256: row.sha256 }
      const message = `document ${row.sha256} does not hash to its name`
      this.#findings.push({ kind: 'row', message, table: 'document', key })
    }
  }

  #find(kind: LedgerFinding['kind'], message: string): void {
    this.#findings.push({ kind, message })
  }
}

function isOf(
  checkpoint: SignedCheckpoint,
  ended: PastLedgerTable | undefined,
  past: readonly PastLedgerTable[],
): boolean {
  if (ended !== undefined) return checkpoint.origin === ended.origin
  return past.every(({ origin }) => origin !== checkpoint.origin)
}

/**
 * The key from outside speaks for one ledger: for those before it, since its first entries quote them, and for those
 * after it as long as each was announced under the key before.
 */
function isAuthenticated(trees: readonly VerifiedTree[]): boolean {
  const from = trees.findIndex(({ report }) => report.authenticated)
  return from >= 0 && trees.slice(from + 1).every(({ begun }) => begun === 'rotated')
}
