import type { Json } from '../../model/index.ts'
import { MalformedAnswer, toAnswerHead, type UrlAnswerHead } from './answer.ts'

/** A stream that begins with status, headers and cookies (SPEC A11). */
export const HTTP_RESPONSE_TYPE = 'application/vnd.awslambda.http-integration-response'

const DELIMITER = Buffer.alloc(8)
/** JSON before the delimiter. */
const PRELUDE_LIMIT_BYTES = 131_072

/** Gathers the prelude of a stream: JSON, eight zero bytes, and then the body. */
export class PreludeReader {
  #gathered: Buffer = Buffer.alloc(0)

  /** The head and what follows of the body, once the prelude is whole. @throws MalformedAnswer */
  push(piece: Uint8Array): { readonly head: UrlAnswerHead; readonly rest: Uint8Array } | undefined {
    this.#gathered = Buffer.concat([this.#gathered, piece])
    const at = this.#gathered.indexOf(DELIMITER)
    if (at > PRELUDE_LIMIT_BYTES || (at === -1 && this.#gathered.length > PRELUDE_LIMIT_BYTES))
      throw new MalformedAnswer('the prelude of the response is too long')
    if (at === -1) return undefined
    const rest = this.#gathered.subarray(at + DELIMITER.length)
    return { head: readHead(this.#gathered.subarray(0, at)), rest }
  }
}

function readHead(bytes: Buffer): UrlAnswerHead {
  let prelude: Json
  try {
    prelude = JSON.parse(bytes.toString('utf8')) as Json
  } catch (cause) {
    throw new MalformedAnswer('the prelude of the response is no JSON', { cause })
  }
  if (typeof prelude !== 'object' || prelude === null || Array.isArray(prelude))
    throw new MalformedAnswer('the prelude of the response is no object')
  return toAnswerHead(prelude as { readonly [member: string]: Json }, 'application/octet-stream')
}
