import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))

interface Row {
  readonly threat: string
  readonly file: string
  readonly title: string
}

/** Rows `| threat | test file | test |`. */
function rowsOf(markdown: string): Row[] {
  return markdown.split('\n').flatMap((line) => {
    const cells = /^\| (.+?) +\| `(test\/[^`]+)` *\| (.+?) +\|$/.exec(line)
    const [, threat = '', file = '', title = ''] = cells ?? []
    return cells === null ? [] : [{ threat, file, title }]
  })
}

/** Whether a call with this first argument and more stands in the source: `test('…', …`, `describe.skipIf(x)('…', …`. */
function declares(source: string, title: string): boolean {
  return [`'`, `"`, '`'].some((quote) => {
    const literal = `${quote}${title.replaceAll(quote, `\\${quote}`)}${quote}`
    for (let at = source.indexOf(literal); at !== -1; at = source.indexOf(literal, at + 1)) {
      const before = source.slice(0, at).trimEnd()
      if (before.endsWith('(') && source.startsWith(',', at + literal.length)) return true
    }
    return false
  })
}

function wrongIn(rows: readonly Row[]): string[] {
  return rows.flatMap(({ threat, file, title }) => {
    if (!existsSync(join(root, file))) return [`${threat}: there is no ${file}`]
    const source = readFileSync(join(root, file), 'utf8')
    return declares(source, title) ? [] : [`${threat}: ${file} has no test \`${title}\``]
  })
}

const rows = rowsOf(readFileSync(join(root, 'SECURITY.md'), 'utf8'))

test('every threat of SECURITY.md names a test that is there', () => {
  expect(rows.length).toBeGreaterThan(80)
  expect(wrongIn(rows)).toEqual([])
})

test('every line of its tables is a row', () => {
  const text = readFileSync(join(root, 'SECURITY.md'), 'utf8')
  const lines = text
    .split('\n')
    .filter((line) => line.startsWith('| ') && !/^\| (?:-|threat)/.test(line))

  expect(lines).toHaveLength(rows.length)
})

test('a file or a title that is not there is told', () => {
  const [row = { threat: '', file: '', title: '' }] = rows

  expect(wrongIn([{ ...row, title: `${row.title} ` }])).toHaveLength(1)
  expect(wrongIn([{ ...row, file: 'test/security/nothing.test.ts' }])).toHaveLength(1)
})
