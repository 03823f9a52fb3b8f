import { existsSync, readdirSync, readFileSync } from 'node:fs'

import { describe, expect, test } from 'vitest'

import { targets } from '../torture/fuzz/targets.ts'

const CORPUS = new URL('../torture/corpus/', import.meta.url)

const cases = Object.keys(targets).flatMap((name) => {
  const folder = new URL(`${name}/`, CORPUS)
  return existsSync(folder) ? readdirSync(folder).map((file) => ({ name, file, folder })) : []
})

test('every folder of the corpus belongs to a target, and there are cases', () => {
  expect(readdirSync(CORPUS).filter((name) => targets[name] === undefined)).toEqual([])
  expect(cases.length).toBeGreaterThan(0)
})

describe('what once was met with a wrong answer is met with a typed one', () => {
  test.each(cases)('$name/$file', async ({ name, file, folder }) => {
    const said = await targets[name]?.run(readFileSync(new URL(file, folder)))

    expect(said).toEqual(expect.any(String))
  })
})
