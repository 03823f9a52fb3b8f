import { expect, test } from 'vitest'

import { parseIgnoreFile } from '../../../../cli/packaging/ignore-file.ts'

// As `git check-ignore` answers; a trailing slash on the path says that it is a directory.
test.each<[pattern: string, ignored: string[], kept: string[]]>([
  ['*.log', ['a.log', 'd/e/a.log'], ['a.logs', 'log']],
  ['build', ['build', 'build/', 'd/build'], ['builds', 'a.build']],
  ['build/', ['build/', 'd/build/'], ['build', 'd/build']],
  ['/build', ['build'], ['d/build']],
  ['d/build', ['d/build'], ['x/d/build', 'build']],
  ['d/*.js', ['d/a.js'], ['d/e/a.js', 'a.js']],
  ['d/**', ['d/a', 'd/e/f'], ['d/', 'd']],
  ['**/d', ['d', 'a/d', 'a/b/d'], ['ad']],
  ['a/**/b', ['a/b', 'a/x/b', 'a/x/y/b'], ['b', 'ab']],
  ['a**b', ['ab', 'axxb'], ['a/b']],
  ['?.js', ['a.js'], ['ab.js', '.js']],
  ['[ab].js', ['a.js', 'b.js'], ['c.js']],
  ['[!ab].js', ['c.js'], ['a.js']],
  ['[a-c]x', ['ax', 'cx'], ['dx', '-x']],
  ['[\\]]', [']'], ['a']],
  ['[^a]x', ['bx'], ['ax']],
  ['[]a]x', [']x', 'ax'], ['bx']],
  ['a.b', ['a.b'], ['axb']],
  ['\\#x', ['#x'], ['x']],
  ['\\!x', ['!x'], ['x']],
  ['# comment', [], ['# comment', 'comment']],
  ['x   ', ['x'], ['x   ']],
  ['x\\ ', ['x '], ['x']],
  ['\u{1f600}?', ['\u{1f600}\u{1f600}'], ['\u{1f600}']],
  ['/', [], ['a', 'a/']],
  ['*.log\n!keep.log', ['a.log'], ['keep.log']],
  ['!keep.log\r\n*.log\r\n', ['keep.log'], ['keep']],
  ['', ['.git/', 'd/.git/', '.lacreignore'], ['.git', '.gitignore', 'd/.lacreignore']],
  ['!.git/', [], ['.git/']],
])('reads %j as gitignore does', (pattern, ignored, kept) => {
  const ignore = parseIgnoreFile(pattern)
  const answer = (path: string): boolean => ignore(path.replace(/\/$/, ''), path.endsWith('/'))

  expect(ignored.filter((path) => !answer(path))).toEqual([])
  expect(kept.filter((path) => answer(path))).toEqual([])
})
