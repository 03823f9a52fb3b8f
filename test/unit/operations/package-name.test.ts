import { expect, it } from 'vitest'

import { parsePackage } from '../../../services/operations/history/package-name.ts'

it.each([
  ['lodash', { name: 'lodash' }],
  ['Lodash@4.17.20', { name: 'lodash', version: '4.17.20' }],
  ['@angular/core', { name: '@angular/core' }],
  ['@angular/core@17.1.0', { name: '@angular/core', version: '17.1.0' }],
  ['pkg:npm/%40angular/core@17.1.0', { name: '@angular/core', version: '17.1.0', type: 'npm' }],
  ['pkg:npm/@angular/core', { name: '@angular/core', type: 'npm' }],
  ['PKG:PyPI/Django@5.0?arch=any#sub', { name: 'django', version: '5.0', type: 'pypi' }],
  ['pkg:maven/org.apache/log4j@2.0', { name: 'org.apache/log4j', version: '2.0', type: 'maven' }],
  ['pkg:golang/a/b@v1%2B2', { name: 'a/b', version: 'v1+2', type: 'golang' }],
  ['pkg:npm/%zz@1', { name: '%zz', version: '1', type: 'npm' }],
])('reads %s', (text, expected) => {
  expect(parsePackage(text)).toEqual(expected)
})

it.each(['', 'pkg:', 'pkg:npm', 'pkg:npm/', 'x'.repeat(1_025)])('refuses %j', (text) => {
  expect(() => parsePackage(text)).toThrow('is no package')
})
