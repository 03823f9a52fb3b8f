/** The examples in a help text: its indented lines, from `Example` on, that begin with `lacre` or run it. */
export function examplesIn(help: string): string[] {
  const at = help.search(/^Examples?:$/m)
  if (at < 0) return []
  return help
    .slice(at)
    .replaceAll(/\\\n +/g, '')
    .split('\n')
    .filter((line) => /^ {2}\S/.test(line) && /\blacre\b/.test(line))
    .map((line) => line.trim())
}

/** The arguments of `lacre` in a line for a shell: quotes, `eval "$(…)"`, `<(…)`, redirections, comments. */
export function argumentsOf(line: string): string[] {
  const inner = /^(?:eval "\$|source <)\((.*)\)"?$/.exec(line)?.[1] ?? line
  const words = [...inner.matchAll(/(?:'[^']*'|"[^"]*"|\$\([^)]*\)|[^\s'"])+/g)].map(
    ([word]) => word,
  )
  const end = words.findIndex((word) => word === '>' || word.startsWith('#'))
  return words
    .slice(1, end < 0 ? undefined : end)
    .map((word) => word.replaceAll(/'([^']*)'|"([^"]*)"/g, '$1$2'))
}
