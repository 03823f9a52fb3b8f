import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterAll, beforeAll, expect, test } from 'vitest'

import { lacre } from '../support/command.ts'

let dir = ''
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'lacre-completion-'))
  writeFileSync(join(dir, 'app.zip'), '')
  for (const shell of ['bash', 'zsh', 'fish'])
    writeFileSync(join(dir, shell), lacre(['completion', shell]).stdout)
})
afterAll(() => rmSync(dir, { recursive: true, force: true }))

/** What the registered completion offers for the words of a line, the last of which is being typed. */
function bashOffers(words: readonly string[]): string[] {
  const script = `
    source ./bash
    spec=$(complete -p lacre) && [[ $spec =~ -F\\ ([^ ]+) ]] || exit 9
    COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
    "\${BASH_REMATCH[1]}" lacre "\${COMP_WORDS[COMP_CWORD]}" "\${COMP_WORDS[COMP_CWORD - 1]}"
    printf '%s\\n' "\${COMPREPLY[@]}"`
  const options = { cwd: dir, encoding: 'utf8' } as const
  const run = spawnSync('bash', ['--norc', '-c', script, 'bash', ...words], options)
  expect(run.status, run.stderr).toBe(0)
  return run.stdout.split('\n').filter((line) => line !== '')
}

test.each([
  [
    ['lacre', 'rol'],
    ['rollback', 'role'],
  ],
  [
    ['lacre', 'publisher', 'c'],
    ['create', 'cancel'],
  ],
  [['lacre', 'publisher', 'create', 'x', '--validity'], ['--validity-days']],
  [['lacre', 'deploy', 'app'], ['app.zip']],
  [['lacre', 'deploy', '--seal', 'a'], ['app.zip']],
  [['lacre', 'deploy', 'app.zip', '--function', ''], []],
  [
    ['lacre', 'init', '--ci', 'g'],
    ['github', 'gitlab'],
  ],
  [['lacre', 'check', '--q'], ['--quiet']],
  [
    ['lacre', 'nothing', '-'],
    ['--version', '--json', '--quiet', '-q', '--help', '-h'],
  ],
])('bash offers what stands there: %j', (words, offered) => {
  expect(bashOffers(words).sort()).toEqual([...offered].sort())
})

test('bash offers every verb that the help lists', () => {
  const help = lacre(['--help']).stdout
  const listed = [...help.matchAll(/^ {2}([a-z][a-z-]+) /gm)].map(([, name]) => name ?? '')

  expect(listed.length).toBeGreaterThan(40)
  expect(bashOffers(['lacre', '']).sort()).toEqual(listed.sort())
})

/** Each other shell with a script that tells what it offers; the skip says what to install. */
const others = {
  zsh: (line: string) => `
    autoload -Uz compinit && compinit -D -u
    source ./zsh
    compadd() { shift; print -l -- "$@" }
    words=(${line}) CURRENT=$#words
    [[ \${words[-1]} == ... ]] && words[-1]=''
    $_comps[lacre]`,
  fish: (line: string) =>
    `source ./fish; complete -C "${line.replace('...', '')}" | string split -f1 \\t`,
}

for (const [shell, line, offered] of [
  ['zsh', 'lacre publisher ...', 'revoke'],
  ['zsh', 'lacre init --ci ...', 'gitlab'],
  ['zsh', 'lacre deploy --s', '--seal'],
  ['fish', 'lacre publisher ...', 'revoke'],
  ['fish', 'lacre init --ci ...', 'gitlab'],
  ['fish', 'lacre deploy --s', '--seal'],
] as const)
  test(`${shell} offers at \`${line}\`: ${offered}`, (ctx) => {
    const flags = shell === 'zsh' ? ['-f'] : ['--no-config']
    const options = { cwd: dir, encoding: 'utf8' } as const
    const run = spawnSync(shell, [...flags, '-c', others[shell](line)], options)
    if (run.error !== undefined)
      return ctx.skip(`${shell} is not installed (apt-get install ${shell})`)

    expect(run.stderr).toBe('')
    expect(run.stdout.split('\n')).toContain(offered)
  })

test('refuses a shell that it knows no script for, and says which it knows', () => {
  const run = lacre(['completion', 'tcsh'])

  expect(run.status).toBe(2)
  expect(run.stderr).toContain('bash, zsh, fish')
})
