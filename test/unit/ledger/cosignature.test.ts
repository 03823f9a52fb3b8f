import { describe, expect, it } from 'vitest'

import {
  cosignedAt,
  cosignedText,
  encodeCosignature,
  formatCheckpoint,
  formatNote,
  leafHash,
  parseNote,
  type NoteSignature,
} from '../../../services/ledger/index.ts'
import { noteSigner } from '../../support/checkpoints.ts'

const log = noteSigner('lacre.test/log')
const witness = noteSigner('witness.test/w1', 'cosignature')
const text = formatCheckpoint({ origin: 'lacre.test/log', size: 17, root: leafHash('x') })
const note = (...signatures: NoteSignature[]) =>
  parseNote(formatNote(text, [log.sign(text), ...signatures]))

/** The example of C2SP tlog-cosignature. */
const EXAMPLE = {
  text: 'example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n',
  line: '— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n',
  timestampSeconds: 1_679_315_147,
}

describe('a cosignature', () => {
  it('is over the text and puts the time where C2SP puts them in its example', () => {
    const [signature] = parseNote(`${EXAMPLE.text}\n${EXAMPLE.line}`).signatures
    const bytes = Buffer.from(signature?.bytes ?? [])

    expect(cosignedText(EXAMPLE.text, EXAMPLE.timestampSeconds)).toBe(
      `cosignature/v1\ntime 1679315147\n${EXAMPLE.text}`,
    )
    expect(encodeCosignature(EXAMPLE.timestampSeconds, bytes.subarray(8))).toEqual(bytes)
  })

  it('says when that witness saw the checkpoint', () => {
    expect(cosignedAt(note(witness.cosign(text, 1_800_000_000)), witness.key)).toBe(1_800_000_000)
  })

  it('counts from the first second there is', () => {
    expect(cosignedAt(note(witness.cosign(text, 0)), witness.key)).toBe(0)
  })

  it('says the latest of several times, wherever it stands', () => {
    const [one, two, three] = [5, 7, 6].map((seconds) => witness.cosign(text, seconds))

    expect(cosignedAt(note(one!, two!, three!), witness.key)).toBe(7)
  })

  it('is passed over where it is by another witness', () => {
    const stranger = noteSigner('witness.test/w2', 'cosignature')
    const sameName = noteSigner('witness.test/w1', 'cosignature')
    const signed = note(stranger.cosign(text, 9), witness.cosign(text, 5), sameName.cosign(text, 9))

    expect(cosignedAt(signed, witness.key)).toBe(5)
    expect(cosignedAt(note(stranger.cosign(text, 9)), witness.key)).toBeUndefined()
    expect(cosignedAt(note(), witness.key)).toBeUndefined()
  })

  it('is passed over where the id is its own under the name of another', () => {
    const renamed = { ...witness.cosign(text, 9), name: 'witness.test/w2' }

    expect(cosignedAt(note(renamed), witness.key)).toBeUndefined()
    expect(cosignedAt(note(renamed, witness.cosign(text, 5)), witness.key)).toBe(5)
  })

  const changed = (change: (bytes: Buffer) => Buffer): NoteSignature => {
    const signature = witness.cosign(text, 5)
    return { ...signature, bytes: change(Buffer.from(signature.bytes)) }
  }
  const bad: readonly (readonly [string, NoteSignature])[] = [
    ['is of another time', changed((bytes) => encodeCosignature(6, bytes.subarray(8)))],
    ['is of another text', witness.cosign(text.replace('17', '18'), 5)],
    ['is the plain signature of a note', witness.sign(text)],
    ['is cut short', changed((bytes) => bytes.subarray(0, -1))],
    ['has a byte too many', changed((bytes) => Buffer.concat([bytes, Buffer.of(0)]))],
    ['has no room for its time', changed((bytes) => bytes.subarray(0, 7))],
    ['has a time beyond exact numbers', witness.cosign(text, 2 ** 53)],
  ]

  it.each(bad)('is none where it %s', (_, signature) => {
    expect(cosignedAt(note(signature), witness.key)).toBeUndefined()
  })

  it.each(bad)('spoils what the same witness signed beside it where it %s', (_, signature) => {
    const good = witness.cosign(text, 5)

    expect(cosignedAt(note(signature, good), witness.key)).toBeUndefined()
    expect(cosignedAt(note(good, signature), witness.key)).toBeUndefined()
    expect(cosignedAt(note(good, signature, good), witness.key)).toBeUndefined()
  })

  it('is none by the key of a log, whatever that signed', () => {
    const asLog = noteSigner('lacre.test/log')

    expect(cosignedAt(note(asLog.cosign(text, 5)), asLog.key)).toBeUndefined()
  })
})
