import { formatCheckpoint, formatNote, noteKey } from '../ledger/index.ts'
import type { Signer } from '../keys/index.ts'

/** What a ledger is at, as a C2SP checkpoint under its key. */
export function signCheckpoint(
  signer: Pick<Signer, 'publicKeyPem' | 'sign'>,
  stand: { readonly origin: string; readonly size: number; readonly root: string },
): string {
  const text = formatCheckpoint(stand)
  const { name, id } = noteKey(stand.origin, signer.publicKeyPem)
  return formatNote(text, [{ name, id, bytes: signer.sign(Buffer.from(text)) }])
}
