import type { Json } from '../../model/index.ts'
import { toObject, type Members } from '../members.ts'
import type { VexStatement } from './claim.ts'
import { listOf, objectOrNothing, optionalText, requiredText } from './read.ts'

/** Vulnerabilities and statements of one document that are read. */
export const STATEMENTS_LIMIT = 20_000
const AFFECTS_LIMIT = 1_000

const ABSENT: readonly unknown[] = [
  'not_affected',
  'false_positive',
  'resolved',
  'resolved_with_pedigree',
]

/**
 * What the `analysis` of each vulnerability says. `affects` names components of the same document, or package URLs; what
 * it names elsewhere is of no product here. @throws PlatformError INVALID_SEAL
 */
export function cycloneDxStatements(
  value: Json | undefined,
  components: readonly Members[],
  root: Members,
): readonly VexStatement[] {
  const purls = new Map<Json | undefined, Json | undefined>()
  for (const component of components) purls.set(component['bom-ref'], component['purl'])
  return listOf(value, '`vulnerabilities`', STATEMENTS_LIMIT).flatMap((item) => {
    const vulnerability = toObject(item, 'a vulnerability')
    const analysis = objectOrNothing(vulnerability['analysis'])
    const state = analysis?.['state']
    if (typeof state !== 'string') return []
    const affects = listOf(vulnerability['affects'], '`affects`', AFFECTS_LIMIT)
    const references = listOf(vulnerability['references'], '`references`', AFFECTS_LIMIT)
    const others = references.flatMap((one) => {
      const id = optionalText(toObject(one, 'a reference'), 'id', 'a reference')
      return id === undefined ? [] : [id]
    })
    return [
      {
        ids: [requiredText(vulnerability, 'id', 'a vulnerability'), ...others],
        status: ABSENT.includes(state) ? 'absent' : 'present',
        products: productsOf(affects, purls, root),
      } as const,
    ]
  })
}

function productsOf(
  affects: readonly Json[],
  purls: ReadonlyMap<Json | undefined, Json | undefined>,
  root: Members,
): readonly string[] | undefined {
  const refs = affects.map((item) => requiredText(toObject(item, 'what is affected'), 'ref', 'it'))
  const whole = refs.length === 0 || refs.some((ref) => ref === root['bom-ref'])
  if (whole) return undefined
  return refs.flatMap((ref) => {
    const purl = purls.get(ref) ?? (ref.startsWith('pkg:') ? ref : undefined)
    return typeof purl === 'string' ? [purl] : []
  })
}
