import type { Sha256 } from '../../model/index.ts'
import type { SbomPackage } from '../../seal/index.ts'
import type { Reader, Writer } from '../../store/index.ts'
import { parsePurl, type PackageAsked } from './package-name.ts'

/** Rows in one statement. */
const ROWS_AT_ONCE = 200

/** Which packages an attested SBOM names, in the transaction that keeps it. */
export async function insertPackages(
  tx: Writer,
  of: { readonly artifact: Sha256; readonly attestation: Sha256 },
  packages: readonly SbomPackage[],
): Promise<void> {
  const rows = packages.flatMap(({ name, version = '', purl = '' }) =>
    [...namesOf(name, purl)].map((one) => ({
      package: one,
      artifact_sha256: of.artifact,
      attestation: of.attestation,
      version,
      purl,
    })),
  )
  for (let at = 0; at < rows.length; at += ROWS_AT_ONCE)
    await tx
      .insertInto('sbom_package')
      .values(rows.slice(at, at + ROWS_AT_ONCE))
      .onConflict((conflict) => conflict.doNothing())
      .execute()
}

/** Its name, and the one with the namespace in front where its package URL tells it. */
function namesOf(name: string, purl: string): Set<string> {
  const full = parsePurl(purl)?.name
  return new Set([name, ...(full === undefined ? [] : [full])].map((one) => one.toLowerCase()))
}

/** An SBOM's word that a package is in an artifact. */
export interface PackageFound {
  readonly artifact: string
  readonly attestation: string
  readonly version: string
  readonly purl: string
}

/** In one artifact: that after another one, by digest. Empty at the end. */
export async function nextPackages(
  reader: Reader,
  asked: PackageAsked,
  position: { readonly after?: string | undefined; readonly at?: string | undefined },
): Promise<PackageFound[]> {
  let next = reader
    .selectFrom('sbom_package')
    .select('artifact_sha256')
    .where('package', '=', asked.name)
    .orderBy('artifact_sha256')
    .limit(1)
  if (position.at !== undefined) next = next.where('artifact_sha256', '>=', position.at)
  if (position.after !== undefined) next = next.where('artifact_sha256', '>', position.after)
  const artifact = (await next.executeTakeFirst())?.artifact_sha256
  if (artifact === undefined) return []
  const rows = await reader
    .selectFrom('sbom_package')
    .select(['attestation', 'version', 'purl'])
    .where('package', '=', asked.name)
    .where('artifact_sha256', '=', artifact)
    .orderBy('attestation')
    .execute()
  return rows.map((row) => ({ artifact, ...row }))
}

export function isAsked(asked: PackageAsked, { version, purl }: PackageFound): boolean {
  const url = parsePurl(purl)
  if (asked.type !== undefined && url?.type !== asked.type) return false
  return asked.version === undefined || version === asked.version || url?.version === asked.version
}
