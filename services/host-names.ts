import { PlatformError } from './model/index.ts'

/** As a browser sends it in `Host`. @throws PlatformError CONFIGURATION */
export function parseConsoleHost(text: string): string {
  const host = text.toLowerCase()
  if (URL.canParse(`https://${host}`) && /^[a-z0-9.[\]:-]{1,255}$/.test(host)) return host
  throw new PlatformError(
    'CONFIGURATION',
    `--console-host \`${text}\` is no host as browsers name it: lacre.example.com, or with a port`,
  )
}

/** Where clients reach a service that listens elsewhere. @throws PlatformError CONFIGURATION */
export function parsePublicUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const sound = url !== undefined && /^https?:$/.test(url.protocol) && url.search + url.hash === ''
  if (!sound) throw new PlatformError('CONFIGURATION', `--public-url \`${text}\` is no URL`)
  return text.replace(/\/+$/, '')
}

/**
 * Below it spans are handed over, at `/v1/traces` (OTLP/HTTP).
 * @throws PlatformError CONFIGURATION
 */
export function parseOtlpEndpoint(text: string | undefined): string | undefined {
  if (text === undefined || text === '') return undefined
  const url = URL.canParse(text) ? new URL(text) : undefined
  const sound =
    url !== undefined &&
    /^https?:$/.test(url.protocol) &&
    url.search + url.hash + url.username + url.password === ''
  if (!sound)
    throw new PlatformError(
      'CONFIGURATION',
      `--otlp-endpoint \`${text.slice(0, 200)}\` is no http(s) URL without query and credentials`,
    )
  return text.replace(/\/+$/, '')
}
