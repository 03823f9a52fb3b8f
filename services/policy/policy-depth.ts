/**
 * How deep an expression may be: a bracket counts one level, and so does each operator that stands beside others without a
 * bracket or comma between them. The engine follows expressions by recursion; on a main thread's stack (984 kB) it ends at
 * 72 lists within each other and 104 times `||` (cedar-wasm 4.13 on Node 20), and what a worker accepts has to be fit for
 * the thread that is asked later.
 */
export const POLICY_DEPTH_LIMIT = 50

const TOKEN =
  /"(?:[^"\\]+|\\[^])*"?|\/\/[^\n]*|&&|\|\||[([{]|[)\]}]|[,;]|[.+*!-]|[<>=]=?|\b(?:if|when|unless|in|has|like|is)\b|\n/g
const OPENS = new Set('([{')
const CLOSES = new Set(')]}')
const SEPARATES = new Set(',;')

/** What stands between two separators within one pair of brackets. */
interface Level {
  operators: number
  /** Of the brackets in it. */
  inner: number
  /** Of what stood before the last separator. */
  before: number
}

/**
 * Looks at brackets and operators only: what is wrong otherwise is for the engine to say.
 * @returns the line (from 1) at which policies first are deeper than `POLICY_DEPTH_LIMIT`
 */
export function findTooDeep(text: string): number | undefined {
  const levels: Level[] = []
  let level: Level = { operators: 0, inner: 0, before: 0 }
  let line = 1
  for (const [token] of text.matchAll(TOKEN)) {
    if (OPENS.has(token)) {
      levels.push(level)
      level = { operators: 0, inner: 0, before: 0 }
    } else if (CLOSES.has(token)) {
      const depth = 1 + Math.max(level.before, level.operators + level.inner)
      level = levels.pop() ?? { operators: 0, inner: 0, before: 0 }
      level.inner = Math.max(level.inner, depth)
    } else if (SEPARATES.has(token))
      level = {
        operators: 0,
        inner: 0,
        before: Math.max(level.before, level.operators + level.inner),
      }
    else if (token === '\n' || token.startsWith('"')) line += countLines(token)
    else if (!token.startsWith('//')) level.operators += 1
    if (levels.length + level.operators + level.inner > POLICY_DEPTH_LIMIT) return line
  }
  return undefined
}

function countLines(token: string): number {
  return token.split('\n').length - 1
}
