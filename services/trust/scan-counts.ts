import type { Sha256 } from '../model/index.ts'
import type { VexStatement, Vulnerability } from '../seal/index.ts'

interface ScanCounts {
  readonly critical: number
  readonly high: number
  readonly medium: number
  readonly low: number
  readonly unknown: number
  readonly lowered: number
}

/** Of several reports the worst of each count, after what VEX takes away from each. */
export function countScans(
  reports: readonly (readonly Vulnerability[])[],
  vex: readonly VexStatement[],
  artifact: Sha256,
): ScanCounts {
  const statements = byId(vex)
  const counted = reports.map((found) => {
    const left = found.filter((one) => !isLowered(one, statements, artifact))
    const count = (severity: Vulnerability['severity']): number =>
      left.filter((one) => one.severity === severity).length
    return {
      critical: count('critical'),
      high: count('high'),
      medium: count('medium'),
      low: count('low'),
      unknown: count('unknown'),
      lowered: found.length - left.length,
    }
  })
  const worst = (name: keyof ScanCounts): number => Math.max(0, ...counted.map((one) => one[name]))
  return {
    critical: worst('critical'),
    high: worst('high'),
    medium: worst('medium'),
    low: worst('low'),
    unknown: worst('unknown'),
    lowered: worst('lowered'),
  }
}

function byId(vex: readonly VexStatement[]): ReadonlyMap<string, readonly VexStatement[]> {
  const found = new Map<string, VexStatement[]>()
  for (const statement of vex) {
    for (const id of statement.ids) {
      const others = found.get(id)
      if (others === undefined) found.set(id, [statement])
      else others.push(statement)
    }
  }
  return found
}

/** Somebody says it is not there, of this artifact or this very package, and nobody that it is. */
function isLowered(
  { id, purl }: Vulnerability,
  statements: ReadonlyMap<string, readonly VexStatement[]>,
  artifact: Sha256,
): boolean {
  const said = (statements.get(id) ?? []).filter(
    ({ products }) =>
      products === undefined ||
      products.includes(`sha256:${artifact}`) ||
      (purl !== undefined && products.includes(purl)),
  )
  return said.length > 0 && said.every(({ status }) => status === 'absent')
}
