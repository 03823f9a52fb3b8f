import type { OptionWords, Words } from './words.ts'

export const SHELLS = ['bash', 'zsh', 'fish'] as const
export type Shell = (typeof SHELLS)[number]

/** A script that completes `lacre` in that shell: it is whole, and asks nothing of `lacre` while somebody types. */
export function completionScript(shell: Shell, words: readonly Words[]): string {
  switch (shell) {
    case 'bash':
      return bash(words)
    case 'zsh':
      return zsh(words)
    case 'fish':
      return fish(words)
  }
}

/**
 * Both walk the words before the cursor down the tree of commands, then offer what stands there: words after an option that
 * takes them, files after one that takes a file and where arguments may stand, options after a dash.
 */
function bash(words: readonly Words[]): string {
  return `# bash completion of lacre: source <(lacre completion bash)
${tables(words, 'declare -gA')}
_lacre() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} path= i word key
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    key="\${path:+$path }$word"
    if [[ " \${_lacre_commands[\${path:-.}]} " == *" $word "* ]]; then path=$key; fi
  done
  COMPREPLY=()
  local value=\${_lacre_values["\${path:-.} $prev"]}
  if [[ $value == file ]]; then
    mapfile -t COMPREPLY < <(compgen -f -- "$cur")
  elif [[ $value == text ]]; then
    :
  elif [[ -n $value ]]; then
    mapfile -t COMPREPLY < <(compgen -W "\${value//|/ }" -- "$cur")
  elif [[ $cur == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "\${_lacre_options[\${path:-.}]}" -- "$cur")
  elif [[ -n \${_lacre_commands[\${path:-.}]} ]]; then
    mapfile -t COMPREPLY < <(compgen -W "\${_lacre_commands[\${path:-.}]}" -- "$cur")
  else
    mapfile -t COMPREPLY < <(compgen -f -- "$cur")
  fi
}
complete -o filenames -F _lacre lacre
`
}

function zsh(words: readonly Words[]): string {
  return `#compdef lacre
# zsh completion of lacre: lacre completion zsh > "\${fpath[1]}/_lacre", or source <(lacre completion zsh)
${tables(words, 'typeset -gA')}
_lacre() {
  local cur=\${words[CURRENT]} prev=\${words[CURRENT-1]} at=. word i
  for ((i = 2; i < CURRENT; i++)); do
    word=\${words[i]}
    if [[ " \${_lacre_commands[$at]} " == *" $word "* ]]; then
      if [[ $at == . ]]; then at=$word; else at="$at $word"; fi
    fi
  done
  local value=\${_lacre_values[$at $prev]}
  if [[ $value == file ]]; then
    _files
  elif [[ $value == text ]]; then
    _message 'a value'
  elif [[ -n $value ]]; then
    compadd -- \${(s:|:)value}
  elif [[ $cur == -* ]]; then
    compadd -- \${=_lacre_options[$at]}
  elif [[ -n \${_lacre_commands[$at]} ]]; then
    compadd -- \${=_lacre_commands[$at]}
  else
    _files
  fi
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then _lacre "$@"; else compdef _lacre lacre; fi
`
}

/** Three associative arrays that bash and zsh read alike; nothing in them needs more than single quotes. */
function tables(words: readonly Words[], declare: string): string {
  const entry = (key: string, value: string): string => `  [${quoted(key)}]=${quoted(value)}`
  const table = (name: string, lines: readonly string[]): string =>
    `${declare} ${name}=(\n${lines.join('\n')}\n)`
  const at = (path: string): string => (path === '' ? '.' : path)
  const values = words.flatMap(({ path, options }) =>
    options.flatMap(({ flags, value }) =>
      value === undefined ? [] : flags.map((flag) => entry(`${at(path)} ${flag}`, shown(value))),
    ),
  )
  return [
    table(
      '_lacre_commands',
      words
        .filter(({ commands }) => commands.length > 0)
        .map((one) => entry(at(one.path), one.commands.join(' '))),
    ),
    table(
      '_lacre_options',
      words.map((one) => entry(at(one.path), one.options.flatMap(({ flags }) => flags).join(' '))),
    ),
    table('_lacre_values', values),
  ].join('\n')
}

function shown(value: 'file' | 'text' | readonly string[]): string {
  return typeof value === 'string' ? value : value.join('|')
}

function fish(words: readonly Words[]): string {
  const lines = words.flatMap((one) => {
    const here = `"__lacre_at ${quoted(one.path)}"`
    const summaries = new Map(words.map(({ path, summary }) => [path, summary]))
    return [
      ...one.commands.map((name) => {
        const path = one.path === '' ? name : `${one.path} ${name}`
        return `complete -c lacre -f -n ${here} -a ${name} -d ${quoted(summaries.get(path) ?? '')}`
      }),
      ...one.options.map((option) => `complete -c lacre -n ${here} ${fishOption(option)}`),
    ]
  })
  return `# fish completion of lacre: lacre completion fish > ~/.config/fish/completions/lacre.fish
set -g __lacre_groups ${words
    .filter(({ commands }) => commands.length > 0)
    .map(({ path }) => quoted(path))
    .join(' ')}
set -g __lacre_paths ${words.map(({ path }) => quoted(path)).join(' ')}
function __lacre_at
  set -l path ''
  for word in (commandline -opc)[2..-1]
    contains -- "$path" $__lacre_groups; or break
    set -l key (string trim -- "$path $word")
    contains -- "$key" $__lacre_paths; and set path $key
  end
  test "$path" = "$argv[1]"
end
${lines.join('\n')}
`
}

function fishOption({ flags, summary, value }: OptionWords): string {
  const names = flags.map((flag) =>
    flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`,
  )
  const takes =
    value === undefined
      ? []
      : value === 'file'
        ? ['-r', '-F']
        : ['-x', ...(value === 'text' ? [] : ['-a', quoted(value.join(' '))])]
  return [...names, ...takes, '-d', quoted(summary)].join(' ')
}

/** In quotes that mean the same to all three shells, which differ in how a quote or a backslash stands inside them. */
function quoted(text: string): string {
  return `'${text.replaceAll(/['\\]/g, '’')}'`
}
