import { entryContent, openArtifact, treeDigest } from '../../../services/artifact/index.ts'
import { bufferSource, sha256 } from '../../../services/model/index.ts'
import { collectSeals, readAwsSignature } from '../../../services/trust/index.ts'
import { bundleSeal, sealedZip } from '../../support/zip-seals.ts'
import { buildZip } from '../../support/zip-builder.ts'
import { keyPair } from '../../support/pki.ts'
import { mutateBytes } from '../mutation/bytes.ts'
import { mutateZip, randomPackage } from '../mutation/zip.ts'
import { Seeded } from '../seeded.ts'
import { zips } from '../vectors.ts'
import { WrongAnswer, outcome, type Target } from './target.ts'

const OWN_SEEDS = 12
/** Larger ones only make a run slow. */
const SEED_LIMIT_BYTES = 65_536

/** Packages, as an upload is opened. */
export const zip: Target = {
  async seeds(vectors) {
    const chance = new Seeded(1)
    const own: Buffer[] = []
    const { privateKey } = keyPair('ed25519', 'fuzz')
    for (let left = OWN_SEEDS; left > 0; left -= 1) {
      const bytes = buildZip(randomPackage(chance))
      own.push(bytes, await sealedZip(bytes, await bundleSeal(bytes, privateKey)))
    }
    const rows = vectors === undefined ? [] : await zips(vectors)
    return [...own, ...rows.map(({ bytes }) => bytes)].filter(
      ({ length }) => length <= SEED_LIMIT_BYTES,
    )
  },
  mutate(input, chance, others) {
    if (chance.integer(0, 2) > 0) return mutateBytes(input, chance, others)
    return mutateZip(randomPackage(chance), chance, [input])
  },
  run: (input) =>
    outcome(async () => {
      const artifact = await openArtifact(bufferSource(input))
      const read = []
      for (const entry of artifact.entries) {
        const chunks: Uint8Array[] = []
        for await (const chunk of entryContent(artifact, entry)) chunks.push(chunk)
        const content = Buffer.concat(chunks)
        const known = entry.kind === 'directory' ? entry.sha256 : sha256(content)
        read.push({ ...entry, sizeBytes: content.length, sha256: known })
      }
      if (treeDigest(read) !== artifact.tree) throw new WrongAnswer('read again it is another tree')
      await readAwsSignature(artifact)
      return `opened, ${await outcome(() => collectSeals(artifact, []))}`
    }),
}
