import type { Json } from '../../model/index.ts'
import { toObject, toText, type Members } from '../members.ts'
import { malformed } from '../refusal.ts'
import type { VexClaim, VexStatement } from './claim.ts'
import { STATEMENTS_LIMIT } from './cyclonedx-vex.ts'
import { listOf, objectOf, optionalText, requiredText } from './read.ts'

const PRODUCTS_LIMIT = 1_000
const STATUSES = new Map([
  ['not_affected', 'absent'],
  ['fixed', 'absent'],
  ['affected', 'present'],
  ['under_investigation', 'present'],
] as const)

/** OpenVEX 0.0.1 to 0.2.0. A status that is not known is refused. @throws PlatformError INVALID_SEAL */
export function parseOpenVex(predicate: Json): VexClaim {
  const document = toObject(predicate, 'the OpenVEX document')
  const context = document['@context']
  if (typeof context !== 'string' || !context.startsWith('https://openvex.dev/ns'))
    throw malformed('vex-context', '`@context` of the document is not `https://openvex.dev/ns`')
  const statements = listOf(document['statements'], '`statements`', STATEMENTS_LIMIT)
  return {
    kind: 'vex',
    statements: statements.map((item) => parseOne(toObject(item, 'a statement'))),
  }
}

function parseOne(statement: Members): VexStatement {
  const written = toText(statement['status'], '`status` of a statement')
  const status = [...STATUSES].find(([name]) => name === written)?.[1]
  if (status === undefined)
    throw malformed('vex-status', 'the status of a statement is none that OpenVEX knows')
  const products = listOf(statement['products'], '`products`', PRODUCTS_LIMIT)
  return {
    ids: idsOf(statement['vulnerability']),
    status,
    products: products.length === 0 ? undefined : products.flatMap(namesOfProduct),
  }
}

/** A text in the first version; an object with a name, aliases and an IRI since. */
function idsOf(value: Json | undefined): readonly string[] {
  if (typeof value === 'string' && value !== '') return [value]
  const vulnerability = toObject(value, '`vulnerability` of a statement')
  const name = optionalText(vulnerability, 'name', 'a vulnerability')
  const iri = optionalText(vulnerability, '@id', 'a vulnerability')
  const aliases = listOf(vulnerability['aliases'], '`aliases`', PRODUCTS_LIMIT)
  const ids = [name, iri].filter((id) => id !== undefined)
  if (ids.length === 0) throw malformed('vex-vulnerability', 'a vulnerability has no name')
  return [...ids, ...aliases.map((alias) => toText(alias, 'an alias'))]
}

/** Where subcomponents are named it is said of them alone, and not of all of the product. */
function namesOfProduct(value: Json): readonly string[] {
  if (typeof value === 'string') return [value]
  const product = toObject(value, 'a product')
  const parts = listOf(product['subcomponents'], '`subcomponents`', PRODUCTS_LIMIT)
  if (parts.length > 0) return parts.flatMap(namesOfProduct)
  const identifiers = objectOf(product['identifiers'], '`identifiers`')
  const hashes = objectOf(product['hashes'], '`hashes`')
  const digest = optionalText(hashes, 'sha-256', 'a product')
  return [
    ...(product['@id'] === undefined ? [] : [requiredText(product, '@id', 'a product')]),
    ...[optionalText(identifiers, 'purl', 'a product')].filter((purl) => purl !== undefined),
    ...(digest === undefined ? [] : [`sha256:${digest}`]),
  ]
}
