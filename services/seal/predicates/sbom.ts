import type { Json } from '../../model/index.ts'
import { toObject, toText, type Members } from '../members.ts'
import { malformed } from '../refusal.ts'
import type { SbomClaim, SbomPackage, VexStatement } from './claim.ts'
import { cycloneDxStatements } from './cyclonedx-vex.ts'
import { listOf, objectOf, optional, optionalText, requiredText } from './read.ts'

/** Components of one SBOM that are read; a bill with more is refused. */
const COMPONENTS_LIMIT = 50_000
const LICENCES_OF_ONE_LIMIT = 256
const REFERENCES_LIMIT = 1_000

/** CycloneDX 1.2 to 1.7 in JSON: the members used are the same in all. @throws PlatformError INVALID_SEAL */
export function parseCycloneDx(predicate: Json): {
  readonly packages: readonly SbomPackage[]
  readonly vex: readonly VexStatement[]
} {
  const document = toObject(predicate, 'the CycloneDX document')
  if (document['bomFormat'] !== 'CycloneDX')
    throw malformed('bom-format', '`bomFormat` of the document is not `CycloneDX`')
  const version = toText(document['specVersion'], '`specVersion`')
  if (!/^1\.[2-7]$/.test(version))
    throw malformed('bom-version', 'the CycloneDX document is not of the versions 1.2 to 1.7')
  const components = allComponents(document['components'])
  const metadata = objectOf(document['metadata'], '`metadata`')
  const root = objectOf(metadata['component'], 'the component of the document')
  return {
    packages: components.map(cycloneDxPackage),
    vex: cycloneDxStatements(document['vulnerabilities'], components, root),
  }
}

/** Components nest; they are counted wherever they stand. */
function allComponents(value: Json | undefined): readonly Members[] {
  const found: Members[] = []
  const left: Json[] = [...listOf(value, '`components`', COMPONENTS_LIMIT)]
  for (let item = left.pop(); item !== undefined; item = left.pop()) {
    const component = toObject(item, 'a component')
    found.push(component)
    if (found.length + left.length > COMPONENTS_LIMIT)
      throw malformed('too-many', `the SBOM has more than ${COMPONENTS_LIMIT} components`)
    left.push(...listOf(component['components'], '`components`', COMPONENTS_LIMIT))
  }
  return found.reverse()
}

function cycloneDxPackage(component: Members): SbomPackage {
  const licences = listOf(component['licenses'], '`licenses`', LICENCES_OF_ONE_LIMIT)
  return {
    name: requiredText(component, 'name', 'a component'),
    ...optional('version', optionalText(component, 'version', 'a component')),
    ...optional('purl', optionalText(component, 'purl', 'a component')),
    licences: licences.flatMap((item) => {
      const choice = toObject(item, 'a licence')
      const licence = objectOf(choice['license'], 'a licence')
      const text =
        optionalText(choice, 'expression', 'a licence') ??
        optionalText(licence, 'id', 'a licence') ??
        optionalText(licence, 'name', 'a licence')
      return text === undefined ? [] : [text]
    }),
  }
}

/** SPDX 2.x in JSON. @throws PlatformError INVALID_SEAL */
export function parseSpdx(predicate: Json): readonly SbomPackage[] {
  const document = toObject(predicate, 'the SPDX document')
  const version = document['spdxVersion']
  if (typeof version !== 'string' || !/^SPDX-2\.[0-3]$/.test(version))
    throw malformed('bom-version', '`spdxVersion` of the document is not SPDX-2.0 to SPDX-2.3')
  return listOf(document['packages'], '`packages`', COMPONENTS_LIMIT).map((item) =>
    spdxPackage(toObject(item, 'a package')),
  )
}

function spdxPackage(item: Members): SbomPackage {
  const references = listOf(item['externalRefs'], '`externalRefs`', REFERENCES_LIMIT)
  const purl = references
    .map((one) => toObject(one, 'an external reference'))
    .find(({ referenceType }) => referenceType === 'purl')
  const licences = ['licenseConcluded', 'licenseDeclared'].flatMap((name) => {
    const text = optionalText(item, name, 'a package')
    return text === undefined || text === 'NOASSERTION' || text === 'NONE' ? [] : [text]
  })
  return {
    name: requiredText(item, 'name', 'a package'),
    ...optional('version', optionalText(item, 'versionInfo', 'a package')),
    ...optional('purl', purl && optionalText(purl, 'referenceLocator', 'a reference')),
    licences: [...new Set(licences)],
  }
}

/** An SBOM in the few facts that a decision carries. */
export function summarizeSbom(
  format: SbomClaim['format'],
  packages: readonly SbomPackage[],
  vex: readonly VexStatement[],
): SbomClaim {
  return {
    kind: 'sbom',
    format,
    components: packages.length,
    licences: [...new Set(packages.flatMap(({ licences }) => licences))].toSorted(),
    unlicensed: packages.filter(({ licences }) => licences.length === 0).length,
    vex,
  }
}
