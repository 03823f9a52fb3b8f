import { verify } from 'node:crypto'

import type { NoteKey, NoteSignature, SignedNote } from './signed-note.ts'

/** C2SP tlog-cosignature, Ed25519: eight bytes of time in front of the signature. */
const TIME_BYTES = 8
const SIGNATURE_BYTES = 64

/** What a witness signs: that it saw this checkpoint, the largest of its log, at that time. */
export function cosignedText(checkpointText: string, timestampSeconds: number): string {
  return `cosignature/v1\ntime ${timestampSeconds}\n${checkpointText}`
}

export function encodeCosignature(timestampSeconds: number, signature: Uint8Array): Buffer {
  const time = Buffer.alloc(TIME_BYTES)
  time.writeBigUInt64BE(BigInt(timestampSeconds))
  return Buffer.concat([time, signature])
}

/**
 * When that witness cosigned the note, seconds since 1970; the latest of several times. Undefined where it did not, or
 * where one line that carries its name and id does not verify.
 */
export function cosignedAt(note: SignedNote, witness: NoteKey): number | undefined {
  if (witness.type !== 'cosignature') return undefined
  const own = note.signatures.filter(({ name, id }) => name === witness.name && id === witness.id)
  const times = own.map((signature) => timeOf(note.text, signature, witness))
  return times.reduce(
    (latest, time) =>
      latest === undefined || time === undefined ? undefined : Math.max(latest, time),
    times[0],
  )
}

function timeOf(text: string, { bytes }: NoteSignature, witness: NoteKey): number | undefined {
  if (bytes.byteLength !== TIME_BYTES + SIGNATURE_BYTES) return undefined
  const seconds = Number(Buffer.from(bytes).readBigUInt64BE())
  if (!Number.isSafeInteger(seconds)) return undefined
  const message = Buffer.from(cosignedText(text, seconds))
  return verify(null, message, witness.publicKey, bytes.subarray(TIME_BYTES)) ? seconds : undefined
}
