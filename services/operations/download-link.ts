import { timingSafeEqual } from 'node:crypto'

import { findArtifact } from '../catalog/index.ts'
import type { BlobSource } from '../blobs/index.ts'
import { PlatformError, type Sha256 } from '../model/index.ts'
import type { Deps } from './context.ts'

/** Its own key: one key, one purpose (RULES §9). */
const PURPOSE = 'download-link'
/** RULES §7; AWS's presigned locations live as long. */
const LIFE_SECONDS = 600

/** What a link carries beside the digest it is bound to. */
export interface DownloadPermit {
  /** Unix time in seconds. */
  readonly expires: number
  /** HMAC-SHA-256 over digest and expiry, hex. */
  readonly signature: string
}

/** Lets whoever has it read the bytes of one digest for ten minutes, and nothing else. */
export function permitDownload(deps: Pick<Deps, 'clock' | 'keys'>, digest: Sha256): DownloadPermit {
  const expires = Math.floor(deps.clock.nowMs() / 1_000) + LIFE_SECONDS
  return { expires, signature: sign(deps, digest, expires) }
}

/**
 * The bytes that a permit gives. Signature first: what is not ours is told nothing, not even that it is late.
 * @throws PlatformError ACCESS_DENIED, RESOURCE_NOT_FOUND
 */
export async function openDownload(
  deps: Pick<Deps, 'clock' | 'keys' | 'store' | 'blobs'>,
  digest: Sha256,
  permit: DownloadPermit,
): Promise<BlobSource> {
  const expected = Buffer.from(sign(deps, digest, permit.expires))
  const given = Buffer.from(permit.signature)
  if (given.byteLength !== expected.byteLength || !timingSafeEqual(given, expected))
    throw new PlatformError('ACCESS_DENIED', 'the link is none that this service gave')
  if (deps.clock.nowMs() >= permit.expires * 1_000)
    throw new PlatformError('ACCESS_DENIED', 'the link has expired')
  if ((await findArtifact(deps.store.reader, digest)) === undefined)
    throw new PlatformError('RESOURCE_NOT_FOUND', 'there is no such artifact')
  return deps.blobs.open(digest)
}

function sign(deps: Pick<Deps, 'keys'>, digest: Sha256, expires: number): string {
  return deps.keys.hmac(PURPOSE, `lacre download v1\0${digest}\0${expires}`)
}
