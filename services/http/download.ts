import { once } from 'node:events'

import { PlatformError, parseSha256 } from '../model/index.ts'
import { openDownload, type Deps } from '../operations/index.ts'

import { awsErrorOf, toGovernanceAnswer, toPlatformError } from './error-answer.ts'
import { sendAnswer, type Exchange } from './wire.ts'

export type DownloadDeps = Pick<Deps, 'clock' | 'keys' | 'store' | 'blobs' | 'log'>

/** The whole target, nothing decoded: there is one way to write a link, and it is ours. */
const TARGET =
  /^\/api\/v1\/artifacts\/([0-9a-f]{64})\?Expires=([0-9]{10})&Signature=([0-9a-f]{64})$/
const PIECE_BYTES = 262_144

/**
 * `GET /api/v1/artifacts/{sha256}` by a link of ours (RULES §7): the only request that its query signs. Streamed from
 * the blob; answers the status for the metrics.
 */
export async function serveDownload(
  deps: DownloadDeps,
  exchange: Exchange,
  idleMs: number,
): Promise<number> {
  const { requestId } = exchange
  try {
    const [, digest = '', expires = '', signature = ''] = TARGET.exec(exchange.req.url ?? '') ?? []
    if (digest === '')
      throw new PlatformError(
        'ACCESS_DENIED',
        'an artifact is read by a link of this service alone',
      )
    const permit = { expires: Number(expires), signature }
    using source = await openDownload(deps, parseSha256(digest), permit)
    await stream(exchange, source, idleMs)
    deps.log.info({ requestId, codeSha256: digest }, 'artifact downloaded')
    return 200
  } catch (thrown) {
    const error = toPlatformError(thrown)
    const { status } = awsErrorOf(error)
    if (status >= 500) deps.log.error({ requestId, err: error }, 'download failed')
    else deps.log.info({ requestId, code: error.code }, 'download refused')
    // Half a file with a whole one's length must not look complete.
    if (exchange.res.headersSent) exchange.res.destroy()
    else sendAnswer(exchange, toGovernanceAnswer(error))
    return status
  }
}

type Source = Awaited<ReturnType<typeof openDownload>>

async function stream(exchange: Exchange, source: Source, idleMs: number): Promise<void> {
  const { res, requestId } = exchange
  const gone = new AbortController()
  res.on('close', () => gone.abort())
  // A reader that takes nothing for so long holds a file open for nobody.
  res.setTimeout(idleMs, () => res.destroy())
  res.writeHead(200, {
    'x-amzn-RequestId': requestId,
    'content-type': 'application/zip',
    'content-length': source.sizeBytes,
    'cache-control': 'private, no-store',
    'x-content-type-options': 'nosniff',
  })
  for (let at = 0; at < source.sizeBytes && !res.destroyed; at += PIECE_BYTES) {
    const piece = source.read(at, Math.min(PIECE_BYTES, source.sizeBytes - at))
    if (!res.write(piece)) await once(res, 'drain', { signal: gone.signal }).catch(() => undefined)
  }
  res.end()
}
