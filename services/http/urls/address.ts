import type { Place } from '../../model/index.ts'

/** Where function URLs are reached: `http://localhost:9773`. Every URL is a host name below it. */
export interface UrlBase {
  readonly protocol: 'http' | 'https'
  /** Lower-case, without a port. */
  readonly hostname: string
  /** With the port where it is not the scheme's own. */
  readonly host: string
}

/** The form AWS's own URLs have; what is answered where nothing listens. */
export const AWS_URL_BASE = 'https://on.aws'

/** @throws TypeError where it is no `http(s)://host[:port]` */
export function parseUrlBase(text: string): UrlBase {
  const url = new URL(text)
  const protocol = url.protocol === 'http:' ? 'http' : 'https'
  const plain = url.pathname === '/' && url.search + url.hash + url.username + url.password === ''
  if (!/^https?:$/.test(url.protocol) || !plain || url.hostname === '')
    throw new TypeError(`\`${text}\` is no base of function URLs`)
  return { protocol, hostname: url.hostname, host: url.host }
}

/** `https://<id>.lambda-url.<region>.on.aws/` under the base `https://on.aws` (SPEC A14). */
export function functionUrlOf(base: string, place: Pick<Place, 'region'>, id: string): string {
  const { protocol, host } = parseUrlBase(base)
  return `${protocol}://${id}.lambda-url.${place.region}.${host}/`
}

/** Which function URL a request is for, and what of its target is the function's. */
export interface UrlAddress {
  readonly id: string
  /** As on the wire, percent-encodings kept (SPEC A21, trap 12). */
  readonly rawPath: string
  readonly rawQuery: string
  readonly domainName: string
  /** What stands before the path where the URL was named by it: `/lambda-url/<id>`; else empty. */
  readonly prefix: string
}

const ID = '[a-z0-9]{32}'
/** `[0-9a-z]` and a dot after a label; a port is not part of the name. */
const PATH_FORM = new RegExp(`^/lambda-url/(${ID})(/[^?]*)?(?:\\?(.*))?$`, 's')

/**
 * By host name, or where that is no URL's by the first two segments of the path (RULES §10: on this listener alone).
 * `undefined` where it names no URL.
 */
export function readAddress(
  request: { readonly host: string; readonly target: string },
  served: { readonly region: string; readonly hostname: string },
): UrlAddress | undefined {
  const name = hostnameOf(request.host)
  if (name === undefined) return undefined
  const byHost = idOfHost(name, served)
  if (byHost !== undefined) {
    const at = request.target.indexOf('?')
    const rawPath = at === -1 ? request.target : request.target.slice(0, at)
    const rawQuery = at === -1 ? '' : request.target.slice(at + 1)
    return { id: byHost, rawPath, rawQuery, domainName: name, prefix: '' }
  }
  const match = PATH_FORM.exec(request.target)
  const id = match?.[1]
  if (id === undefined) return undefined
  return {
    id,
    rawPath: match?.[2] ?? '/',
    rawQuery: match?.[3] ?? '',
    domainName: name,
    prefix: `/lambda-url/${id}`,
  }
}

/** Names compare without case; one that is not a name at all is none. */
function hostnameOf(host: string): string | undefined {
  return /^([a-z0-9.-]{1,253}|\[[0-9a-f:.]{2,45}\])(?::\d{1,5})?$/.exec(host.toLowerCase())?.[1]
}

/** `<id>.lambda-url.<region>.<base>`, exactly; `localhost` is always a base. */
function idOfHost(
  name: string,
  { region, hostname }: { readonly region: string; readonly hostname: string },
): string | undefined {
  for (const base of [hostname, 'localhost']) {
    const rest = `.lambda-url.${region}.${base}`
    if (!name.endsWith(rest)) continue
    const id = name.slice(0, -rest.length)
    if (new RegExp(`^${ID}$`).test(id)) return id
  }
  return undefined
}
