import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import { Fragment, Html, h } from '../../../../services/http/console/markup.ts'

/** What a browser makes of the entities that are written. */
const read = (text: string): string =>
  text
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&#96;', '`')
    .replaceAll('&amp;', '&')
const write = (root: Html): string => Html.document(root).slice('<!doctype html>\n'.length)

const hostile = fc.string({
  unit: fc.constantFrom(
    '<',
    '>',
    '"',
    "'",
    '`',
    '&',
    ';',
    '=',
    '/',
    '\\',
    ' ',
    '\n',
    '\0',
    'a',
    'é',
    '\u202e',
    '😀',
    'amp',
    '\ud800',
    '\udc00',
    '<!--',
    ']]>',
  ),
})

describe('whatever text is put in', () => {
  test('comes out as that text and ends no element', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const [, inner = ''] = /^<p>([\s\S]*)<\/p>$/.exec(write(h('p', null, text))) ?? []

        expect(inner).not.toMatch(/[<>"'`]/)
        expect(read(inner)).toBe(text.toWellFormed())
      }),
    )
  })

  test('ends no attribute', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const [, inner = ''] =
          /^<p title="([^"]*)"><\/p>$/.exec(write(h('p', { title: text }))) ?? []

        expect(read(inner)).toBe(text.toWellFormed())
      }),
    )
  })
})

test('only what `h` made is written as it stands', () => {
  const forged = { markup: '<script>' } as unknown as Html

  expect(write(h('p', null, h('code', null, '<b>')))).toBe('<p><code>&lt;b&gt;</code></p>')
  expect(() => write(h('p', null, forged))).toThrow()
})

test('nothing, false and lists', () => {
  const inner = Fragment({ children: [0, false, null, undefined, ['a', ['b']]] })

  expect(write(h('ul', { class: undefined, hidden: false }, inner))).toBe('<ul>0ab</ul>')
  expect(write(h('input', { required: true }))).toBe('<input required>')
})

test.each([
  ['onclick', 'alert(1)'],
  ['style', 'color: red'],
  ['a b', 'c'],
  ['x"y', 'c'],
  ['href', 'javascript:alert(1)'],
  ['href', 'https://evil.example'],
  ['href', '//evil.example'],
  ['href', '/\\evil.example'],
  ['src', 'data:text/html,x'],
  ['action', ''],
])('an attribute %s="%s" is a bug', (name, value) => {
  expect(() => h('a', { [name]: value })).toThrow()
})
