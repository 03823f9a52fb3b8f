import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { startReading } from '../../../services/http/lambda/body-tasks.ts'
import { PlatformError } from '../../../services/model/index.ts'

const CREATE = ['Code', 'ZipFile']

function read(text: string | Uint8Array, member: readonly string[] | undefined, step = 1_000_000) {
  const bytes = typeof text === 'string' ? Buffer.from(text) : text
  const pieces: Uint8Array[] = []
  const reading = startReading(member, (piece) => pieces.push(piece))
  for (let at = 0; at < bytes.byteLength; at += step) reading.push(bytes.subarray(at, at + step))
  return { ...reading.finish(), zip: Buffer.concat(pieces) }
}
const codeOf = (work: () => unknown): string => {
  try {
    work()
    return 'accepted'
  } catch (error) {
    return error instanceof PlatformError ? error.code : String(error)
  }
}

describe('the zip in the JSON', () => {
  it('is cut out and decoded however the body is split, and however its slashes are written', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 300 }),
        fc.integer({ min: 1, max: 40 }),
        fc.constantFrom('plain', 'slash', 'unicode'),
        (zip, step, style) => {
          const base64 = Buffer.from(zip).toString('base64')
          const written =
            style === 'plain'
              ? base64
              : style === 'slash'
                ? base64.replaceAll('/', '\\/')
                : base64.replace(/[+/=]/g, (c) => `\\u00${c.charCodeAt(0).toString(16)}`)
          const text = `{"FunctionName":"a\\"b","Code":{"S3Key":[{"ZipFile":"no"}],"ZipFile":"${written}"},"Tags":{"ZipFile":"QUJD"}}`

          const got = read(text, CREATE, step)

          expect(got.zip.equals(Buffer.from(zip))).toBe(true)
          expect(got.zipFound).toBe(true)
          expect(got.json).toEqual({
            FunctionName: 'a"b',
            Code: { S3Key: [{ ZipFile: 'no' }], ZipFile: '' },
            Tags: { ZipFile: 'QUJD' },
          })
        },
      ),
    )
  })

  it('is found when its name is written in escapes', () => {
    const got = read('{"Code":{"Zip\\u0046ile":"QUJD"}}', CREATE)

    expect(got.zip.toString()).toBe('ABC')
  })

  it('stays where it is when the operation has none', () => {
    expect(read('{"ZipFile":"QUJD"}', undefined)).toMatchObject({
      json: { ZipFile: 'QUJD' },
      zipFound: false,
    })
    expect(read('"QUJD"', undefined)).toMatchObject({ json: 'QUJD', zipFound: false })
  })

  it.each([
    ['not base64', '{"ZipFile":"QUJ*"}', 'INVALID_PARAMETER'],
    ['base64 for URLs', '{"ZipFile":"QU-_"}', 'INVALID_PARAMETER'],
    ['base64 without its padding', '{"ZipFile":"QUI"}', 'INVALID_PARAMETER'],
    ['padding in the middle', '{"ZipFile":"QQ==QUJD"}', 'INVALID_PARAMETER'],
    ['a line break inside', '{"ZipFile":"QUJD\\nQUJD"}', 'INVALID_REQUEST_CONTENT'],
    ['a raw control byte inside', '{"ZipFile":"QUJ\u0000"}', 'INVALID_PARAMETER'],
    ['the member twice', '{"ZipFile":"QUJD","ZipFile":"QUJD"}', 'INVALID_REQUEST_CONTENT'],
    [
      'the member twice, once as null',
      '{"ZipFile":null,"ZipFile":"QUJD"}',
      'INVALID_REQUEST_CONTENT',
    ],
    ['an end inside the zip', '{"ZipFile":"QUJD', 'INVALID_REQUEST_CONTENT'],
    ['nesting that is too deep', '['.repeat(100_000), 'INVALID_REQUEST_CONTENT'],
    ['no JSON around it', '{"ZipFile":"QUJD"', 'INVALID_REQUEST_CONTENT'],
    [
      'more than a megabyte beside it',
      `{"a":"${'x'.repeat(1_100_000)}","ZipFile":""}`,
      'REQUEST_TOO_LARGE',
    ],
  ])('is refused with %s', (_name, text, code) => {
    expect(codeOf(() => read(text, ['ZipFile']))).toBe(code)
    expect(codeOf(() => read(text, ['ZipFile'], 3))).toBe(code)
  })

  it('is refused when it is larger than AWS takes, before all of it is there', () => {
    const reading = startReading(['ZipFile'], () => undefined)
    reading.push(Buffer.from('{"ZipFile":"'))
    const piece = Buffer.alloc(1_048_576, 'A')

    expect(
      codeOf(() => {
        for (let i = 0; i < 67; i += 1) reading.push(piece)
      }),
    ).toBe('REQUEST_TOO_LARGE')
  })
})
