import { PlatformError } from '../../model/index.ts'

/**
 * AWS refuses an event that is no JSON before any function sees it; none at all is let through.
 * Duplicate names and depth are the function's affair: its payload is not ours to read.
 * @throws PlatformError INVALID_REQUEST_CONTENT
 */
export function checkInvokePayload(payload: Uint8Array): void {
  if (payload.byteLength === 0) return
  try {
    JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(payload))
  } catch (cause) {
    const reason = inJacksonsWords(payload) ?? (cause as Error).message.slice(0, 200)
    throw new PlatformError(
      'INVALID_REQUEST_CONTENT',
      `Could not parse request body into json: Could not parse payload into json: ${reason}`,
      { cause },
    )
  }
}

const VALUE_START = '{["-0123456789tfnNI'

/**
 * AWS's parser stops at the first thing it cannot read: a byte that starts no value, or one that is no UTF-8
 * (recorded: TestLambdaErrors). Anything else is worded by our own.
 */
function inJacksonsWords(payload: Uint8Array): string | undefined {
  const at = payload.findIndex((byte) => byte !== 0x20 && (byte < 0x09 || byte > 0x0d))
  const first = payload[at]
  if (first === undefined) return undefined
  const place = placeOf(payload)
  if (first >= 0x80 || !VALUE_START.includes(String.fromCharCode(first)))
    return `Unexpected character (${shownCharacter(first)}): expected a valid value (JSON String, Number, Array, Object or token 'null', 'true' or 'false')${place(at)}`
  const bad = firstInvalidByte(payload)
  if (bad === undefined) return undefined
  const byte = (payload[bad] ?? 0).toString(16)
  return `Invalid UTF-8 start byte 0x${byte}${place(bad + 1)}`
}

function shownCharacter(byte: number): string {
  const control = byte < 0x20 || (byte >= 0x7f && byte < 0xa0)
  return control
    ? `(CTRL-CHAR, code ${byte})`
    : `'${String.fromCharCode(byte)}' (code ${byte}${byte < 0x80 ? '' : ` / 0x${byte.toString(16)}`})`
}

function firstInvalidByte(payload: Uint8Array): number | undefined {
  const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(payload)
  const at = text.indexOf('\u{fffd}')
  if (at === -1) return undefined
  const before = Buffer.byteLength(text.slice(0, at))
  // The character itself may have been sent.
  return Buffer.from(payload.subarray(before, before + 3)).toString('hex') === 'efbfbd'
    ? undefined
    : before
}

/** Where in the text, counted as Jackson counts: lines and columns from 1, after the byte that was read. */
function placeOf(payload: Uint8Array): (at: number) => string {
  return (at) => {
    const before = Buffer.from(payload.subarray(0, at)).toString('latin1').split('\n')
    const column = (before.at(-1)?.length ?? 0) + 1
    return `\n at [Source: REDACTED (\`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION\` disabled); line: ${before.length}, column: ${column}]`
  }
}
