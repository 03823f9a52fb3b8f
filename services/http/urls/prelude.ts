import type { Json } from '../../model/index.ts'
import { MalformedAnswer, toAnswerHead, type UrlAnswerHead } from './answer.ts'

/** A stream that begins with status, headers and cookies (SPEC A11). */
export const HTTP_RESPONSE_TYPE = 'application/vnd.awslambda.http-integration-response'

const DELIMITER = Buffer.alloc(8)
/** JSON before the delimiter. */
const PRELUDE_LIMIT_BYTES = 131_072

const GATHERED_LIMIT_BYTES = PRELUDE_LIMIT_BYTES + DELIMITER.length

/** Gathers the prelude of a stream: JSON, eight zero bytes, and then the body. Each byte is looked at once. */
export class PreludeReader {
  readonly #gathered = Buffer.alloc(GATHERED_LIMIT_BYTES)
  #length = 0

  /** The head and what follows of the body, once the prelude is whole. @throws MalformedAnswer */
  push(piece: Uint8Array): { readonly head: UrlAnswerHead; readonly rest: Uint8Array } | undefined {
    const before = this.#length
    const taken = piece.subarray(0, GATHERED_LIMIT_BYTES - before)
    this.#gathered.set(taken, before)
    this.#length += taken.length
    const from = Math.max(0, before - DELIMITER.length + 1)
    const at = this.#gathered.subarray(0, this.#length).indexOf(DELIMITER, from)
    if (at !== -1) {
      const rest = piece.subarray(at + DELIMITER.length - before)
      return { head: readHead(this.#gathered.subarray(0, at)), rest }
    }
    if (this.#length === GATHERED_LIMIT_BYTES)
      throw new MalformedAnswer('the prelude of the response is too long')
    return undefined
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
