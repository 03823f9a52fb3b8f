import { PlatformError } from '../../../services/model/index.ts'
import { withoutEngineWords } from '../../support/words.ts'

/** Members that hold certificates, keys and bytes: that they are there is all that is told. */
const OPAQUE = ['key', 'anchor', 'body', 'promise', 'object']
/** Keys, digests and signatures are longer, and other ones each time. */
const NAME_LIMIT_CHARS = 45
const LINES_LIMIT = 8
const TOLD_LIMIT_CHARS = 600

/** What is told of bytes or a document with a damage, or what of it is read otherwise than before. */
export function outcomeOf(parse: () => unknown, whole: unknown): string {
  try {
    const [read, before] = [linesOf(parse()), linesOf(whole)]
    const told = [
      ...before.filter((line) => !read.includes(line)).map((line) => `- ${line}`),
      ...read.filter((line) => !before.includes(line)).map((line) => `+ ${line}`),
    ]
    return told.length === 0 ? 'read' : `read: ${told.slice(0, LINES_LIMIT).join(', ')}`
  } catch (error) {
    if (!(error instanceof PlatformError)) throw error
    // Signatures differ in length.
    const said = withoutEngineWords(error.publicMessage).replace(/^\d+ bytes stand/, 'bytes stand')
    const text = `${error.code} ${JSON.stringify(error.detail)}: ${said}`
    return text.replaceAll(/[0-9a-f]{12,}/g, '<hex>').slice(0, TOLD_LIMIT_CHARS)
  }
}

function linesOf(value: unknown, path: readonly string[] = []): string[] {
  const at = path.join('.')
  if (value === undefined) return []
  if (OPAQUE.includes(path.at(-1) ?? '') || value instanceof Uint8Array) return [`${at}: there`]
  if (value instanceof Map) return linesOf(Object.fromEntries(value), path)
  if (typeof value === 'object' && value !== null) {
    const kind = Array.isArray(value) ? 'a list' : 'an object'
    const members = Object.entries(value)
    return [`${at}: ${kind}`, ...members.flatMap(([name, one]) => linesOf(one, [...path, name]))]
  }
  const text = JSON.stringify(value)
  const isOther = text.length > NAME_LIMIT_CHARS || /^"[0-9a-f]{8,}"$/.test(text)
  return [`${at}: ${isOther ? 'there' : text}`]
}
