import fc from 'fast-check'
import { expect, test } from 'vitest'

import { openArtifact, unsealedSource } from '../../services/artifact/index.ts'
import { bufferSource, PlatformError, type TrustedPublisher } from '../../services/model/index.ts'
import { collectSeals, judge, VerificationCache } from '../../services/trust/index.ts'
import {
  AT_MS,
  identityOf,
  intermediate,
  issue,
  keyPair,
  openZip,
  publicPem,
  publisher,
  readAll,
  root,
  sealOf,
  withSeals,
} from '../support/pki.ts'

/** Verdict, or the typed refusal before it; anything else is thrown on. */
async function outcomeOf(
  bytes: Uint8Array,
  publishers: readonly TrustedPublisher[],
  cache: VerificationCache,
): Promise<string> {
  try {
    const artifact = await openArtifact(bufferSource(bytes))
    return judge(
      {
        artifact,
        unsealed: unsealedSource(artifact),
        sealed: artifact.source,
        kind: 'function',
        name: 'checkout',
        account: '000000000000',
        seals: collectSeals(artifact, []),
        publishers,
        revocations: [],
        atMs: AT_MS,
      },
      cache,
    ).kind
  } catch (error) {
    if (error instanceof PlatformError && ['INVALID_ARTIFACT', 'INVALID_SEAL'].includes(error.code))
      return error.code
    throw error
  }
}

const zip = await openZip()
const key = keyPair()
const ca = root()
const issuing = intermediate(ca)
const chain = identityOf(issue({ issuer: issuing }), [issuing])
const byChain = publisher(ca.pem)
const anyForm = {
  ...byChain,
  document: { ...byChain.document, forms: ['cms', 'statement'] },
} as TrustedPublisher
const sealed = {
  'a statement by a key': await withSeals(zip, [await sealOf(zip, identityOf(key))]),
  'a CMS with its chain': await withSeals(zip, [await sealOf(zip, chain)]),
  'a statement with its chain': await withSeals(zip, [
    await sealOf(zip, chain, { format: 'bundle' }),
  ]),
}
const publishers = [publisher(publicPem(key), { name: 'key' }), anyForm]

test.each(Object.entries(sealed))(
  'does not trust a zip sealed by %s with any one byte changed',
  async (_title, artifact) => {
    const cache = new VerificationCache()
    const bytes = readAll(artifact.source)
    expect(await outcomeOf(bytes, publishers, cache)).toBe('trusted')

    const survivors: string[] = []
    for (let at = 0; at < bytes.byteLength; at += 1) {
      for (const mask of [1 << (at % 8), 0x20]) {
        const changed = Uint8Array.from(bytes)
        changed[at] = (changed[at] ?? 0) ^ mask
        if ((await outcomeOf(changed, publishers, cache)) === 'trusted')
          survivors.push(`${at} ^ ${mask}`)
      }
    }

    expect(survivors).toEqual([])
  },
)

test.each(Object.entries(sealed))(
  'does not trust a zip sealed by %s with bytes put in, taken out or doubled',
  async (_title, artifact) => {
    const cache = new VerificationCache()
    const bytes = Buffer.from(readAll(artifact.source))
    const at = fc.nat(bytes.byteLength - 1)

    await fc.assert(
      fc.asyncProperty(at, at, fc.uint8Array({ maxLength: 4 }), async (one, two, put) => {
        const [from, to] = one < two ? [one, two] : [two, one]
        const changed = Buffer.concat([bytes.subarray(0, from), put, bytes.subarray(to)])
        if (changed.equals(bytes)) return
        expect(await outcomeOf(changed, publishers, cache)).not.toBe('trusted')
      }),
      { numRuns: 300 },
    )
  },
)
