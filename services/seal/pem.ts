import { decodeBase64 } from './base64.ts'
import { malformed } from './refusal.ts'

export interface PemBlock {
  /** `CERTIFICATE`, `PUBLIC KEY`, `CMS` … */
  readonly label: string
  readonly bytes: Uint8Array
}

/** Files with more than this many blocks are no key, no chain and no signature. */
const BLOCKS_LIMIT = 64

/**
 * The blocks of a PEM text (RFC 7468), in order. Text between blocks is passed over, as OpenSSL writes it
 * (`subject=…`); inside a block only base64 stands, so that an encrypted legacy key is no block.
 * @throws PlatformError INVALID_SEAL
 */
export function parsePem(text: string): PemBlock[] {
  const blocks: PemBlock[] = []
  let open: { label: string; lines: string[] } | undefined
  for (const line of text.split(/\r?\n/)) {
    const begin = /^-----BEGIN ([A-Z0-9 ]{1,40})-----\s*$/.exec(line)
    const end = /^-----END ([A-Z0-9 ]{1,40})-----\s*$/.exec(line)
    if (begin?.[1] !== undefined) {
      if (open !== undefined) throw malformed('pem', `the PEM block \`${open.label}\` does not end`)
      open = { label: begin[1], lines: [] }
    } else if (end !== null) {
      if (open === undefined || open.label !== end[1])
        throw malformed('pem', 'a PEM block ends that did not begin')
      blocks.push({ label: open.label, bytes: decodeBase64(open.lines.join(''), 'a PEM block') })
      open = undefined
    } else open?.lines.push(line.trim())
    if (blocks.length > BLOCKS_LIMIT)
      throw malformed('pem', `the PEM text has more than ${BLOCKS_LIMIT} blocks`)
  }
  if (open !== undefined) throw malformed('pem', `the PEM block \`${open.label}\` does not end`)
  return blocks
}

export function encodePem(label: string, bytes: Uint8Array): string {
  const lines =
    Buffer.from(bytes)
      .toString('base64')
      .match(/.{1,64}/g) ?? []
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`
}
