import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

import { ulid } from 'ulid'

// From the layer: Lambda puts /opt/nodejs/node_modules on NODE_PATH, which only require() follows.
const { quote } = createRequire(import.meta.url)('pricing')

const { release, discountPercent } = JSON.parse(
  readFileSync(new URL('release.json', import.meta.url)),
)

/** { items: [{ sku, price: "12.50", quantity }], country } → a quote with tax, in decimal text. */
export const handler = async (event, context) => {
  const items = event.items ?? []
  console.log(`quoting ${items.length} items for ${event.country}`)
  return {
    order: ulid(),
    release,
    version: context.functionVersion,
    currency: process.env.CURRENCY ?? 'EUR',
    ...quote(items, event.country, discountPercent),
  }
}
