import { describe, expect, test } from 'vitest'

import { authorize, compilePolicySet, type Request } from '../../../services/policy/index.ts'
import { findTooDeep, POLICY_DEPTH_LIMIT } from '../../../services/policy/policy-depth.ts'

/** Conditions that are `depth` deep, beside the bracket of `when` that they stand in. */
const SHAPES: Readonly<Record<string, (depth: number) => string>> = {
  parentheses: (depth) => `${'('.repeat(depth)}true${')'.repeat(depth)}`,
  lists: (depth) => `${'['.repeat(depth - 1)}1${']'.repeat(depth - 1)} != 1`,
  records: (depth) => `${'{a: '.repeat(depth - 1)}1${'}'.repeat(depth - 1)} != 1`,
  or: (depth) => Array(depth).fill('principal').join(' == User::"x" || ') + ' is User', // prettier-ignore
  and: (depth) => Array(depth).fill('principal').join(' is User && ') + ' is User', // prettier-ignore
  sums: (depth) => `${Array(depth).fill('1').join(' + ')} > 1`,
  accesses: (depth) => `!(context has a.b) || 1 in [context${'.a'.repeat(depth - 4)}]`,
  conditionals: (depth) => `${'if true then '.repeat(depth)}true${' else true'.repeat(depth)}`,
  calls: (depth) => `${'ip('.repeat(depth)}"a"${')'.repeat(depth)} == 1 || true`,
}

const of = (condition: string) => `permit (principal, action, resource) when { ${condition} };`
const compile = (text: string) => compilePolicySet([{ name: 'a.cedar', text }])
const request = (context: Request['context']): Request => ({
  principal: { type: 'User', id: 'alice' },
  action: { type: 'Action', id: 'open' },
  resource: { type: 'Box', id: 'b' },
  context,
  entities: [],
})

/** A record in a record, so many times. */
function nested(depth: number): Request['context'] {
  let record: Request['context'] = { a: 1 }
  for (let level = 1; level < depth; level += 1) record = { a: record }
  return record
}

describe('how deep policies are', () => {
  test.each(Object.entries(SHAPES))(
    '%s at the limit are asked, on this thread’s stack',
    (_, at) => {
      const deepest = Array.from({ length: 100 }, (_, depth) => of(at(depth + 6)))
      const fits = deepest.findLastIndex((text) => findTooDeep(text) === undefined)
      expect(fits + 6).toBeGreaterThan(POLICY_DEPTH_LIMIT / 3)

      const set = compile(deepest[fits] ?? '')
      expect(['allow', 'deny']).toContain(authorize(set, request({})).decision)
    },
  )

  test.each(Object.entries(SHAPES))('%s without end are refused, with the line', (_, at) => {
    const refusal = {
      code: 'INVALID_PARAMETER',
      message: expect.stringMatching(/^a\.cedar: line 2: an expression is at most 50 /),
    }
    expect(() => compile(`\n${of(at(20_000))}`)).toThrow(expect.objectContaining(refusal))
  })

  test('what stands beside, in a string or in a comment does not count', () => {
    const wide = `[${Array(400).fill('(1 + 2)').join(', ')}].contains(1)`
    const many = Array(400).fill(of('true')).join('\n')
    const said = `"${'('.repeat(300)}" == "\\"((${'('.repeat(300)}" // ${'['.repeat(300)}\n`

    for (const text of [of(wide), many, of(said)]) expect(findTooDeep(text)).toBeUndefined()
  })

  test('is found in time that grows with the text alone', () => {
    const texts = ['"\\', '\\"', '"', '(', '/', '!'].map((piece) => piece.repeat(500_000))

    for (const text of texts) findTooDeep(text)
  })
})

test('an engine that was cut off in its midst is not asked again', () => {
  const set = compile(of('context.a == 1'))
  expect(authorize(set, request({ a: 1 })).decision).toBe('allow')

  for (const depth of [20_000, 60_000, 400]) {
    expect(() => authorize(set, request(nested(depth)))).toThrow(
      expect.objectContaining({ code: 'INVALID_PARAMETER' }),
    )
    expect(authorize(set, request({ a: 1 })).decision).toBe('allow')
    expect(authorize(set, request({ a: 2 })).decision).toBe('deny')
  }
})

describe('what counts', () => {
  const LIMIT = POLICY_DEPTH_LIMIT
  test.each([
    ['brackets', (n: number) => '('.repeat(n)],
    ['brackets that close', (n: number) => `${'('.repeat(n)}${')'.repeat(n)}`],
    ['brackets that close nothing', (n: number) => ')'.repeat(n)],
    ['lists', (n: number) => `${'['.repeat(n)}${']'.repeat(n)}`],
    ['records', (n: number) => `${'{'.repeat(n)}${'}'.repeat(n)}`],
    ['&&', (n: number) => 'a && '.repeat(n)],
    ['||', (n: number) => 'a || '.repeat(n)],
    ['==', (n: number) => 'a == '.repeat(n)],
    ['<=', (n: number) => 'a <= '.repeat(n)],
    ['>', (n: number) => 'a > '.repeat(n)],
    ['sums', (n: number) => 'a + '.repeat(n)],
    ['products', (n: number) => 'a * '.repeat(n)],
    ['differences', (n: number) => 'a - '.repeat(n)],
    ['not', (n: number) => '!'.repeat(n)],
    ['members', (n: number) => '.a'.repeat(n)],
    ...['if', 'when', 'unless', 'in', 'has', 'like', 'is'].map(
      (word): [string, (n: number) => string] => [word, (n) => `a ${word} `.repeat(n)],
    ),
    ['brackets beside operators', (n: number) => `${'a + '.repeat(n - 10)}${'('.repeat(10)}${')'.repeat(10)}`],
    ['operators in brackets', (n: number) => `${'('.repeat(n - 10)}${'a + '.repeat(10)}`],
    ['operators behind brackets', (n: number) => `${'('.repeat(n - 10)}${')'.repeat(n - 10)}${'+ a '.repeat(10)}`],
    ['operators before a list of the deepest', (n: number) => `${'a + '.repeat(10)}(${'('.repeat(n - 11)}${')'.repeat(n - 11)}, 1, (2))`],
    ['what is deepest in the midst of a list', (n: number) => `a + (1, ${'a + '.repeat(n - 2)} b, 2)`],
  ] as [string, (n: number) => string][])('%s', (_what, text) => {
    expect(findTooDeep(text(LIMIT))).toBeUndefined()
    expect(findTooDeep(text(LIMIT + 1))).toBe(1)
  }) // prettier-ignore

  test.each([
    ['words that hold one of the words', 'inner island hash likely iffy whenever '.repeat(60)],
    ['separators', ',;'.repeat(100)],
    ['things beside each other', `(${', (1 + 2)'.repeat(100)})`],
    ['policies one after the other', 'a + b + c;'.repeat(60)],
    ['brackets in a text', `"${'('.repeat(60)}"`],
    ['operators in a text with quotes', `"\\"${'+'.repeat(60)}"`],
    ['a text that ends in a backslash', `"\\\\" + ${'"+"'.repeat(60)}`],
    ['a comment', `// ${'('.repeat(60)}\n`],
    ['comments, however many', '// one\n'.repeat(60)],
  ])('but not %s', (_what, text) => {
    expect(findTooDeep(text)).toBeUndefined()
  })

  test('what stands before a bracket that closes nothing counts no more, and what follows does', () => {
    expect(findTooDeep(`${')'.repeat(3)}${'('.repeat(LIMIT + 1)}`)).toBe(1)
    expect(() => compile('permit (principal, action, resource));')).toThrow('a.cedar')
  })

  test.each([
    ['lines', '\n\n\n', 4],
    ['lines in a text', '"a\nb\n"', 3],
    ['a comment and its line', '// one\n', 2],
    ['no line', '', 1],
  ])('and tells the line behind %s', (_what, before, line) => {
    expect(findTooDeep(`${before}${'('.repeat(LIMIT + 1)}\n`)).toBe(line)
  })
})
