import { describe, expect, it } from 'vitest'

import {
  formatTlogProof,
  isTlogProof,
  leafHash,
  parseTlogProof,
  type TlogProof,
} from '../../../services/ledger/index.ts'

const NOTE = 'lacre.test/log\n17\nAAAA\n\n— lacre.test/log AAAAAAAA\n'
const hashes = (count: number): string[] =>
  Array.from({ length: count }, (_, at) => leafHash(`${at}`))
const VERSION = 'c2sp.org/tlog-proof@v1'
const refusal = expect.objectContaining({
  code: 'INVALID_PARAMETER',
  message: 'this is no tlog-proof',
})

/** As C2SP tlog-proof shows one. */
const EXAMPLE = `${VERSION}
extra YWdlLXYxLjIuMS1kYXJ3aW4tYXJtNjQudGFyLmd6
index 73894
gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=
B95lDa8R83lS8n0eG+o0buTxRKQTYFi//1U8anccXmA=

example.com/fancylog
109482
sFodV/vSp5O8n9a8QpW6PRY97tfOSW5bsc2Xl/EQi08=

— example.com/fancylog AAAAAAAA
`

describe('a tlog-proof', () => {
  it('is read as C2SP writes it, and written so again', () => {
    const proof = parseTlogProof(EXAMPLE)

    expect(proof).toEqual({
      index: 73894,
      proof: [
        '8122b25e861952067a8ddb9662b9033804629ce30626f7978e032405371d3e54',
        '07de650daf11f37952f27d1e1bea346ee4f144a4136058bfff553c6a771c5e60',
      ],
      note: EXAMPLE.slice(EXAMPLE.indexOf('example.com')),
      extra: Buffer.from('age-v1.2.1-darwin-arm64.tar.gz'),
    })
    expect(formatTlogProof(proof)).toBe(EXAMPLE)
  })

  it.each<[string, TlogProof]>([
    ['without extra data', { index: 0, proof: hashes(2), note: NOTE }],
    ['with extra data of no bytes', { index: 5, proof: [], note: NOTE, extra: Buffer.alloc(0) }],
    [
      'with the longest proof',
      { index: Number.MAX_SAFE_INTEGER, proof: hashes(63), note: NOTE, extra: Buffer.of(0, 255) },
    ],
  ])('%s is read as it was written', (_, proof) => {
    const read = parseTlogProof(formatTlogProof(proof))

    expect(read).toEqual(proof)
    expect('extra' in read).toBe('extra' in proof)
  })

  it.each([
    [EXAMPLE, true],
    [`${VERSION}\n`, true],
    [VERSION, false],
    [`${VERSION}2\n`, false],
    [` ${EXAMPLE}`, false],
    ['', false],
  ])('is told from other files by its first line: %j', (text, is) => {
    expect(isTlogProof(text)).toBe(is)
  })

  const hash = Buffer.alloc(32).toString('base64')
  it.each([
    ['nothing', ''],
    ['no empty line', `${VERSION}\nindex 1\n`],
    ['an empty line first', `\n\n${NOTE}`],
    ['nothing but its version', `${VERSION}\n\n${NOTE}`],
    ['no index', `${VERSION}\n${hash}\n\n${NOTE}`],
    ['no index behind the extra data', `${VERSION}\nextra AAAA\n\n${NOTE}`],
    ['its index before the extra data', `${VERSION}\nindex 1\nextra AAAA\n\n${NOTE}`],
    ['another version', `c2sp.org/tlog-proof@v2\nindex 1\n\n${NOTE}`],
    ['no version', `index 1\n\n${NOTE}`],
    ['something before the index', `${VERSION}\n index 1\n\n${NOTE}`],
    ['something behind the index', `${VERSION}\nindex 1 \n\n${NOTE}`],
    ['an index with a leading zero', `${VERSION}\nindex 01\n\n${NOTE}`],
    ['a negative index', `${VERSION}\nindex -1\n\n${NOTE}`],
    ['an index beyond exact numbers', `${VERSION}\nindex 9007199254740992\n\n${NOTE}`],
    ['more digits than an index can have', `${VERSION}\nindex 10000000000000000\n\n${NOTE}`],
    ['extra data that is not canonical base64', `${VERSION}\nextra AAB=\nindex 1\n\n${NOTE}`],
    ['extra data twice', `${VERSION}\nextra AAAA\nextra AAAA\nindex 1\n\n${NOTE}`],
    ['a hash too short', `${VERSION}\nindex 1\n${Buffer.alloc(31).toString('base64')}\n\n${NOTE}`],
    ['a hash too long', `${VERSION}\nindex 1\n${Buffer.alloc(33).toString('base64')}\n\n${NOTE}`],
    ['a hash with more behind it', `${VERSION}\nindex 1\n${hash} \n\n${NOTE}`],
    ['more hashes than a path has', formatTlogProof({ index: 1, proof: hashes(64), note: NOTE })],
  ])('is refused with %s', (_, text) => {
    expect(() => parseTlogProof(text)).toThrow(refusal)
  })
})
