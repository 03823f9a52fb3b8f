import { expect, it } from 'vitest'

import { Comparison } from '../../support/recorded.ts'

const metadata = { HTTPHeaders: {}, HTTPStatusCode: 200 }

it('finds another status, a missing, an added and a changed member', () => {
  const same = new Comparison()

  const differences = same.differences(
    { status: 201, body: { Kept: 1, Added: 2, Changed: { Deep: 'x' } } },
    { ResponseMetadata: metadata, Kept: 1, Missing: 3, Changed: { Deep: 'y' } },
  )

  expect(differences).toEqual([
    'status: 201, 200',
    '.Added: 2, undefined',
    '.Changed.Deep: "x", "y"',
    '.Missing: undefined, 3',
  ])
})

it('takes one placeholder for one value throughout a scenario', () => {
  const same = new Comparison()
  const theirs = (id: string) => ({ ResponseMetadata: metadata, RevisionId: id })
  const ours = (id: string) => ({ status: 200, body: { RevisionId: id } })

  expect(same.differences(ours('a'), theirs('<uuid:1>'))).toEqual([])
  expect(same.differences(ours('b'), theirs('<uuid:1>'))).toEqual(['.RevisionId: "b", "<uuid:1>"'])
})
