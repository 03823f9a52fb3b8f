import { openArtifact, unsealedSource } from '../artifact/index.ts'
import { bufferSource, sha256, type ByteSource } from '../model/index.ts'
import { attestationPath, cell, sealPath, type EvidenceContents } from './contents.ts'
import type { Findings } from './findings.ts'

/** The code itself, where it is inside: held to its digest, its seals and attestations to their rows. */
export async function openArtifacts(
  contents: EvidenceContents,
  artifacts: ReadonlyMap<string, Buffer>,
  findings: Findings,
): Promise<Map<string, ByteSource>> {
  checkSealFiles(contents, findings)
  const open = new Map<string, ByteSource>()
  const rows = contents.rows.filter(({ table }) => table === 'artifact')
  for (const [digest, bytes] of artifacts) {
    const row = rows.find((one) => one.row['code_sha256'] === digest)?.row
    try {
      const artifact = await openArtifact(bufferSource(bytes))
      if (row === undefined || artifact.codeSha256 !== digest)
        throw new Error('its bytes are not those of the log')
      if (artifact.sha256 !== row['sha256'] || artifact.tree !== row['tree'])
        throw new Error('its content is not the one of the log')
      open.set(digest, unsealedSource(artifact))
    } catch (error) {
      findings.add('artifact', `artifact ${digest}: ${error instanceof Error ? error.message : ''}`)
    }
  }
  if (!contents.head.artifacts && artifacts.size > 0)
    findings.add('extra', 'artifacts are inside, and the manifest says that none are')
  if (contents.head.artifacts)
    for (const { row } of rows)
      if (!artifacts.has(cell(row, 'code_sha256')))
        findings.add('missing', `artifact ${cell(row, 'code_sha256')} is not inside`)
  return open
}

/** Detached seals and attestations lie there for a row that is in the log, and each such row has its file. */
function checkSealFiles({ rows, seals, attestations }: EvidenceContents, findings: Findings): void {
  const wanted = new Map<string, string>()
  for (const { table, row } of rows) {
    if (table === 'detached_seal') {
      const of = cell(row, 'artifact_sha256')
      const format = row['format'] === 'cms' ? 'cms' : 'bundle'
      const path = sealPath({ of, place: 'detached', format }, cell(row, 'seal_digest'))
      wanted.set(path, sha256(Buffer.from(cell(row, 'body'), 'base64')))
    }
    if (table === 'attestation')
      wanted.set(
        attestationPath(cell(row, 'artifact_sha256'), cell(row, 'digest')),
        cell(row, 'document'),
      )
  }
  for (const { path, place, bytes } of [...seals, ...attestations]) {
    const digest = wanted.get(path)
    if (place === 'detached' && digest !== sha256(bytes))
      findings.add('seal', `\`${path}\` is not what a row of the log says`)
    wanted.delete(path)
  }
  for (const path of wanted.keys()) findings.add('missing', `\`${path}\` is not inside`)
}
