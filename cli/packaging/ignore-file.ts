/** One line of `.lacreignore`. */
interface IgnoreRule {
  readonly pattern: RegExp
  readonly negated: boolean
  readonly directoriesOnly: boolean
}

/** Left out unless `.lacreignore` takes them back in: a repository's history, and the list itself. */
const DEFAULT_LINES = ['.git/', '/.lacreignore']

/** Whether a path is left out; a directory left out is not walked into, so nothing in it can be taken back. */
export type Ignore = (path: string, isDirectory: boolean) => boolean

/**
 * The rules of gitignore(5) as far as packing needs them: comments, `!`, `*`, `?`, `[…]`, `**`, a slash that
 * anchors, a trailing slash for directories. The last rule that matches decides.
 */
export function parseIgnoreFile(text: string): Ignore {
  const rules = [...DEFAULT_LINES, ...text.split(/\r?\n/)]
    .map(parseLine)
    .filter((rule) => rule !== undefined)
  return (path, isDirectory) => {
    let ignored = false
    for (const rule of rules) {
      if (rule.directoriesOnly && !isDirectory) continue
      if (rule.pattern.test(path)) ignored = !rule.negated
    }
    return ignored
  }
}

function parseLine(line: string): IgnoreRule | undefined {
  let glob = line.replace(/(?<!\\)\s+$/, '')
  if (glob === '' || glob.startsWith('#')) return undefined
  const negated = glob.startsWith('!')
  if (negated) glob = glob.slice(1)
  const directoriesOnly = glob.endsWith('/')
  if (directoriesOnly) glob = glob.slice(0, -1)
  const anchored = glob.includes('/')
  if (glob.startsWith('/')) glob = glob.slice(1)
  if (glob === '') return undefined
  const prefix = anchored ? '^' : '^(?:.*/)?'
  return { pattern: new RegExp(`${prefix}${globSource(glob)}$`, 'su'), negated, directoriesOnly }
}

/** The glob as the source of a regular expression over the whole path. */
function globSource(glob: string): string {
  let source = ''
  for (let at = 0; at < glob.length;) {
    const [piece, length] = nextPiece(glob, at)
    source += piece
    at += length
  }
  return source
}

function nextPiece(glob: string, at: number): [source: string, length: number] {
  const rest = glob.slice(at)
  const atStart = at === 0 || glob[at - 1] === '/'
  if (atStart && rest.startsWith('**/')) return ['(?:.*/)?', 3]
  if (atStart && rest === '**') return ['.+', 2]
  const stars = /^\*+/.exec(rest)
  if (stars !== null) return ['[^/]*', stars[0].length]
  if (rest.startsWith('?')) return ['[^/]', 1]
  const set = /^\[([!^]?)(\]?(?:\\.|[^\]\\])*)\]/u.exec(rest)
  if (set !== null && set[2] !== '') {
    const [whole, not, members] = set
    const escaped = (members ?? '').replace(/\\(.)/gu, '$1').replace(/[\\\]^[&]/gu, '\\$&')
    return [`(?!/)[${not === '' ? '' : '^'}${escaped}]`, whole.length]
  }
  const literal = /^\\(.)/su.exec(rest)
  const char = literal?.[1] ?? String.fromCodePoint(rest.codePointAt(0) ?? 0)
  return [char.replace(/[$()*+./?[\\\]^{|}]/u, '\\$&'), literal?.[0].length ?? char.length]
}
