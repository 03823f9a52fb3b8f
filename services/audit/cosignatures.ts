import {
  cosignedAt,
  parseCheckpoint,
  parseVerifierKey,
  type LedgerFinding,
} from '../ledger/index.ts'
import type { Reader, Writer } from '../store/index.ts'

/** What a witness said of a checkpoint: its key, and the line that it signed. */
export interface Cosignature {
  readonly size: number
  readonly witness: string
  readonly line: string
}

export async function insertCosignature(tx: Writer, cosignature: Cosignature): Promise<void> {
  await tx
    .insertInto('ledger_cosignature')
    .values({ ...cosignature })
    .onConflict((conflict) =>
      conflict.columns(['size', 'witness']).doUpdateSet({ line: cosignature.line }),
    )
    .execute()
}

/** Of one witness, the largest size that it cosigned; 0 where it never did. */
export async function cosignedSize(reader: Reader, witness: string): Promise<number> {
  const row = await reader
    .selectFrom('ledger_cosignature')
    .select((select) => select.fn.max<number | null>('size').as('size'))
    .where('witness', '=', witness)
    .executeTakeFirst()
  return row?.size ?? 0
}

export async function cosignaturesOf(reader: Reader, size: number): Promise<Cosignature[]> {
  return await reader
    .selectFrom('ledger_cosignature')
    .selectAll()
    .where('size', '=', size)
    .orderBy('witness')
    .execute()
}

/** Every line verifies under the key that stands beside it, over the checkpoint that it is about. */
export async function cosignatureFindings(reader: Reader): Promise<LedgerFinding[]> {
  const rows = await reader
    .selectFrom('ledger_cosignature')
    .leftJoin('ledger_checkpoint', 'ledger_checkpoint.size', 'ledger_cosignature.size')
    .select(['ledger_cosignature.size', 'witness', 'line', 'note'])
    .execute()
  return rows.flatMap(({ size, witness, line, note }) => {
    if (isCosigned(`${note ?? ''}${line}`, witness)) return []
    const message = `what a witness said of the checkpoint of size ${size} does not verify`
    return [{ kind: 'signature' as const, message }]
  })
}

function isCosigned(note: string, witness: string): boolean {
  try {
    const key = parseVerifierKey(witness, 'cosignature')
    return cosignedAt(parseCheckpoint(note).note, key) !== undefined
  } catch {
    return false
  }
}
