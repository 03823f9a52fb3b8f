import { expect, it } from 'vitest'

import { BlobHolds } from '../../../services/blobs/holds.ts'
import { sha256 } from '../../../services/model/index.ts'

const digest = sha256('x')

it('removes nothing that anybody holds, and everything else', async () => {
  const holds = new BlobHolds()
  const [one, two] = [await holds.hold(digest), await holds.hold(digest)]

  expect(holds.claim(digest)).toBeUndefined()
  one[Symbol.dispose]()
  one[Symbol.dispose]()
  expect(holds.claim(digest)).toBeUndefined()
  two[Symbol.dispose]()
  expect(holds.claim(sha256('other'))).toBeDefined()

  expect(holds.claim(digest)).toBeDefined()
})

it('lets whoever comes to need it wait until it is removed', async () => {
  const holds = new BlobHolds()
  const claim = holds.claim(digest)
  const order: string[] = []

  const held = holds.hold(digest).then((hold) => {
    order.push('held')
    return hold
  })
  await Promise.resolve()
  expect(holds.claim(digest)).toBeUndefined()
  order.push('removed')
  claim?.[Symbol.dispose]()
  using _hold = await held

  expect(order).toEqual(['removed', 'held'])
})
