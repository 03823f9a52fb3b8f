/** FUNCTION or FUNCTION:ALIAS; in patterns `*` stands for any characters but the colon. */
const SEGMENT = /^[a-zA-Z0-9-_*]{1,140}$/

export function isScope(text: string): boolean {
  const parts = text.split(':')
  return parts.length <= 2 && parts.every((part) => SEGMENT.test(part))
}

/** Whether a pattern covers a place. A pattern without an alias covers the function and every alias of it. */
export function coversPlace(pattern: string, place: string): boolean {
  const [owner = '', alias] = pattern.split(':')
  const [name = '', qualifier] = place.split(':')
  if (!matches(owner, name)) return false
  if (alias === undefined) return true
  return qualifier !== undefined && matches(alias, qualifier)
}

/** Without backtracking: each literal part is looked for after the one before. */
function matches(pattern: string, text: string): boolean {
  const [first = '', ...rest] = pattern.split('*')
  const last = rest.pop()
  if (last === undefined) return text === first
  if (!text.startsWith(first) || !text.endsWith(last)) return false
  let at = first.length
  for (const part of rest) {
    const found = text.indexOf(part, at)
    if (found < 0) return false
    at = found + part.length
  }
  return at <= text.length - last.length
}
