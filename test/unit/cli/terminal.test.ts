import { expect, test } from 'vitest'

import { StandardTerminal, inline } from '../../../cli/terminal.ts'

const recorder = (
  isTTY: boolean,
): { isTTY: boolean; columns: number; text: string; write(text: string): void } => ({
  isTTY,
  columns: 20,
  text: '',
  write(text) {
    this.text += text
  },
})
const HOSTILE = 'a\u001b[31m\u202eb\u2028c\u{e0001}\tend\r'

test('shows control, bidi and escape bytes as \\u escapes to a terminal', () => {
  const [out, err] = [recorder(true), recorder(true)]
  const terminal = new StandardTerminal(out, err)

  terminal.result({}, `${HOSTILE}\nnext`)
  terminal.say('\u0007')

  expect(out.text).toBe('a\\u001b[31m\\u202eb\\u2028c\\udb40\\udc01\tend\\u000d\nnext\n')
  expect(err.text).toBe('\\u0007\n')
})

test('keeps JSON for a terminal both harmless and the same', () => {
  const out = recorder(true)
  const terminal = new StandardTerminal(out, recorder(true))
  terminal.json = true

  terminal.result({ name: HOSTILE }, '')

  for (const char of ['\u001b', '\u202e', '\u2028']) expect(out.text).not.toContain(char)
  expect(JSON.parse(out.text)).toEqual({ name: HOSTILE })
})

test('changes no byte where no terminal watches', () => {
  const out = recorder(false)

  new StandardTerminal(out, recorder(false)).result({}, HOSTILE)

  expect(out.text).toBe(`${HOSTILE}\n`)
})

test('escapes line breaks in foreign text, so that it makes no lines of its own', () => {
  expect(inline('a\nb')).toBe('a\\u000ab')
})

test('shows progress to a terminal, in its width, and wipes it away', () => {
  const err = recorder(true)
  const progress = new StandardTerminal(recorder(true), err).progress('a label that is long')

  progress.update(1, 2)
  progress.update(1, 2)
  progress.end()
  progress.end()

  expect(err.text).toBe('\r\u001b[2Ka label that is lon\r\u001b[2K')
})

test('counts nothing as done', () => {
  const err = recorder(true)

  new StandardTerminal(recorder(true), err).progress('x').update(0, 0)

  expect(err.text).toContain('100 %')
})

test.each([
  ['no terminal watches', false, false],
  ['--json is given', true, true],
])('shows no progress when %s', (_title, isTTY, json) => {
  const err = recorder(isTTY)
  const terminal = new StandardTerminal(recorder(isTTY), err)
  terminal.json = json

  const progress = terminal.progress('x')
  progress.update(1, 2)
  progress.end()
  if (json) terminal.say('narration')

  expect(err.text).toBe('')
})

test('leaves narration and progress out with --quiet, and keeps results, prompts and errors', () => {
  const [out, err] = [recorder(true), recorder(true)]
  const terminal = new StandardTerminal(out, err)
  terminal.quiet = true

  terminal.say('narration')
  terminal.progress('x').update(1, 2)
  terminal.prompt('type this')
  terminal.result({}, 'result')
  terminal.fail({}, 'error')

  expect(out.text).toBe('result\n')
  expect(err.text).toBe('type this\nerror\n')
})

test('counts bytes where bytes are counted, with or without a total', () => {
  const err = { ...recorder(true), columns: 80 }
  const progress = new StandardTerminal(recorder(true), err).progress('up', 'bytes')

  progress.update(1_500_000, 3_000_000_000)
  progress.update(999)

  expect(err.text.split('\r\u001b[2K').slice(1)).toEqual(['up 0 %, 1.5 MB of 3.0 GB', 'up 999 B'])
})

test('wipes a line of progress away before anything else is written', () => {
  const err = recorder(true)
  const terminal = new StandardTerminal(recorder(true), err)

  terminal.progress('x').update(1, 2)
  terminal.fail({}, 'broken')

  expect(err.text).toBe('\r\u001b[2Kx 50 %\r\u001b[2Kbroken\n')
})
