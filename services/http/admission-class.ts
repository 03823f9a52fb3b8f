import type { IncomingMessage } from 'node:http'

/** Kinds of work that have places of their own, so that much of one does not hold up another. */
export const ADMISSION_CLASSES = ['invoke', 'event', 'read', 'follow', 'write', 'leaving'] as const
export type AdmissionClass = (typeof ADMISSION_CLASSES)[number]

type Request = Pick<IncomingMessage, 'method' | 'url' | 'headers'>

/** Told to whoever asks, and cheap: what watches the service sees it work under any load. */
const OPEN = new Set(['/healthz', '/readyz', '/metrics'])
/** A log, whose next lines a reader may wait for. */
const LOG = /^\/api\/v1\/functions\/[^/]+\/logs$/
const INVOCATION = /^\/(?:2015-03-31|2021-11-15)\/functions\/[^/]+\/[a-z-]*invocations\/?$/
/** What takes something out of use, or goes back: concurrency to zero, an alias, what was refused, revoked, disabled; a session. */
const LEAVING =
  /^\/2017-10-31\/functions\/[^/]+\/concurrency\/?$|^\/2015-03-31\/functions\/[^/]+\/aliases\/[^/]+\/?$|^\/api\/v1\/(?:revocations$|freezes\/[^/]+$|.*\/(?:cancel|disable|delete|end|remove|revoke|rollback|withdraw)$)|^\/console\/(?:sign-out|back-channel-logout)$|^\/signing-(?:profiles|jobs)\/[^/]+\/revoke$/

/**
 * What a request is to admission, by its first line and two headers; nothing of it is believed yet. `undefined`: let in
 * always. Leaving (promise P5) has places of its own, so that no deployment and no reader stands in its way.
 */
export function classOf({
  method = 'GET',
  url = '',
  headers,
}: Request): AdmissionClass | undefined {
  const at = url.indexOf('?')
  const path = at === -1 ? url : url.slice(0, at)
  if (method === 'GET' || method === 'HEAD') {
    if (OPEN.has(path)) return undefined
    return LOG.test(path) ? 'follow' : 'read'
  }
  if (method === 'POST' && INVOCATION.test(path)) return invocationClass(headers)
  if (method === 'DELETE' || LEAVING.test(path)) return 'leaving'
  // CloudWatch Logs: the part of it that is answered reads.
  return path === '/' ? 'read' : 'write'
}

/** An event needs no environment before it is acknowledged, and a dry run none at all. */
function invocationClass(headers: Request['headers']): AdmissionClass {
  const type = headers['x-amz-invocation-type']
  if (type === 'Event') return 'event'
  return type === 'DryRun' ? 'read' : 'invoke'
}
