import { describe, expect, it } from 'vitest'

import {
  formatAddCheckpoint,
  leafHash,
  parseAddCheckpoint,
} from '../../../services/ledger/index.ts'

const NOTE = 'lacre.test/log\n17\nAAAA\n\n— lacre.test/log AAAAAAAA\n'
const hashes = (count: number): string[] =>
  Array.from({ length: count }, (_, at) => leafHash(`${at}`))
const base64 = (hash: string): string => Buffer.from(hash, 'hex').toString('base64')
const [hash] = hashes(1).map(base64)
const refusal = expect.objectContaining({
  code: 'INVALID_PARAMETER',
  message: 'this is no add-checkpoint request',
})

describe('a request to add a checkpoint', () => {
  it('has the lines of C2SP tlog-witness', () => {
    const [one, two] = hashes(2)

    expect(formatAddCheckpoint({ oldSize: 20852014, proof: [one!, two!], note: NOTE })).toBe(
      `old 20852014\n${base64(one!)}\n${base64(two!)}\n\n${NOTE}`,
    )
    expect(formatAddCheckpoint({ oldSize: 0, proof: [], note: NOTE })).toBe(`old 0\n\n${NOTE}`)
  })

  it.each([
    [0, 0],
    [5, 3],
    [Number.MAX_SAFE_INTEGER, 63],
  ])('reads again what was written of size %d with %d hashes', (oldSize, count) => {
    const request = { oldSize, proof: hashes(count), note: NOTE }

    expect(parseAddCheckpoint(formatAddCheckpoint(request))).toEqual(request)
  })

  it.each([
    ['nothing', ''],
    ['no empty line', 'old 5\n'],
    ['an empty line first', `\n\n${NOTE}`],
    ['no old size', `${hash}\n\n${NOTE}`],
    ['something before the old size', `x old 5\n\n${NOTE}`],
    ['something behind the old size', `old 5 \n\n${NOTE}`],
    ['an old size with a leading zero', `old 05\n\n${NOTE}`],
    ['a negative old size', `old -1\n\n${NOTE}`],
    ['an empty old size', `old \n\n${NOTE}`],
    ['an old size beyond exact numbers', `old 9007199254740992\n\n${NOTE}`],
    ['more digits than a size can have', `old 10000000000000000\n\n${NOTE}`],
    ['a hash too short', `old 5\n${Buffer.alloc(31).toString('base64')}\n\n${NOTE}`],
    ['a hash too long', `old 5\n${Buffer.alloc(33).toString('base64')}\n\n${NOTE}`],
    ['a hash with more behind it', `old 5\n${hash} \n\n${NOTE}`],
    ['a hash in the URL alphabet', `old 5\n${'_'.repeat(42)}8=\n\n${NOTE}`],
    ['a hash whose last bits are not zero', `old 5\n${'A'.repeat(42)}B=\n\n${NOTE}`],
    [
      'more hashes than a proof has',
      formatAddCheckpoint({ oldSize: 5, proof: hashes(64), note: NOTE }),
    ],
  ])('is refused with %s', (_, body) => {
    expect(() => parseAddCheckpoint(body)).toThrow(refusal)
  })
})
