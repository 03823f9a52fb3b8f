import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import {
  blobPath,
  formatManifest,
  parseManifest,
  type BackupManifest,
} from '../../../services/backup/manifest.ts'
import { formatHeader, parseHeader } from '../../../services/backup/tar.ts'
import { sha256 } from '../../../services/model/index.ts'

const blob = (text: string) => ({
  path: blobPath(sha256(text)),
  sizeBytes: text.length,
  sha256: sha256(text),
})
const manifest: BackupManifest = {
  v: 1,
  kind: 'lacre backup',
  createdAt: '2026-01-01T00:00:00.000Z',
  place: '000000000000/us-east-1',
  ledger: { origin: 'lacre/x', size: 3, root: sha256('root'), checkpoint: 'lacre/x\n3\n' },
  masterKeys: ['0123abcd'],
  damaged: [sha256('damaged')],
  files: [blob('a'), blob('b')].toSorted((a, b) => (a.path < b.path ? -1 : 1)),
}
const parse = (text: string): BackupManifest => parseManifest(Buffer.from(text))

describe('a manifest', () => {
  it('is read back as it was written', () => {
    expect(parse(formatManifest(manifest))).toEqual(manifest)
  })

  it('shows every byte that was changed', () => {
    const bytes = Buffer.from(formatManifest(manifest))
    for (let at = 0; at < bytes.length; at += 1) {
      for (const bit of [1, 0x20]) {
        const changed = Buffer.from(bytes)
        changed[at] = (changed[at] ?? 0) ^ bit
        expect(() => parseManifest(changed), `byte ${at}`).toThrow(/^the backup cannot be used/)
      }
    }
  })

  const again = (change: Partial<Record<keyof BackupManifest, unknown>>): string =>
    formatManifest({ ...manifest, ...change } as BackupManifest)
  it.each([
    ['a path outside', { files: [{ ...blob('a'), path: '../blobs/aa/x' }] }, /no backup has a file/],
    ['an absolute path', { files: [{ ...blob('a'), path: '/etc/passwd' }] }, /no backup has a file/],
    ['a file listed twice', { files: [blob('a'), blob('a')] }, /twice or out of order/],
    ['files out of order', { files: manifest.files.toReversed() }, /twice or out of order/],
    ['a blob under another digest', { files: [{ ...blob('a'), sha256: sha256('b') }] }, /another digest/],
    ['a blob larger than any', { files: [{ ...blob('a'), sizeBytes: 2 ** 40 }] }, /larger than any/],
    ['a size below nothing', { files: [{ ...blob('a'), sizeBytes: -1 }] }, /no number/],
    ['another version', { v: 2 }, /another version/],
    ['another kind', { kind: 'other' }, /something else/],
    ['two databases of a name', {
      files: ['1', '2'].map((digit) => ({
        path: `databases/lacre-${digit.repeat(64)}.db`, sizeBytes: 1, sha256: digit.repeat(64),
      })),
    }, /two databases/],
  ])('is refused with %s, though its digest is right', (_, change, message) => {
    expect(() => parse(again(change))).toThrow(message)
  }) // prettier-ignore

  it.each([
    ['a member more', (text: string) => text.replace('{', '{"a":1,')],
    ['a member twice', (text: string) => text.replace('{', '{"v":1,')],
    ['white space', (text: string) => ` ${text}`],
    ['something behind it', (text: string) => `${text}{}`],
  ])('is refused with %s', (_, change) => {
    expect(() => parse(change(formatManifest(manifest)))).toThrow(/the backup cannot be used/)
  })
})

describe('a header of an archive', () => {
  it('is read back, and in no other spelling', () => {
    const sizes = fc.integer({ min: 0, max: 8 ** 11 - 1 })
    fc.assert(
      fc.property(sizes, fc.nat(511), fc.integer({ min: 1, max: 255 }), (sizeBytes, at, mask) => {
        const { path } = blob('a')
        const header = formatHeader({ path, sizeBytes })
        expect(parseHeader(header)).toEqual({ path, sizeBytes })
        header[at] = (header[at] ?? 0) ^ mask
        expect(() => parseHeader(header)).toThrow(/the backup cannot be used/)
      }),
    )
  })
})
