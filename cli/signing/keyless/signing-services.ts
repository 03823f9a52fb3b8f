import { PlatformError } from '../../../services/model/index.ts'
import { readSmallFile } from '../read-file.ts'
import { toServiceUrl } from './exchange.ts'
import { ENTRY_TYPES, type EntryType } from './log-requests.ts'
import { parseSigningConfig, selectServices, type SigningConfig } from './signing-config.ts'
import type { TransparencyLog } from './transparency-log.ts'

/** As the command line has them, with cosign's names. */
export interface ServiceOptions {
  readonly fulcioUrl?: string
  readonly rekorUrl?: readonly string[]
  readonly rekorApiVersion?: '1' | '2'
  readonly rekorEntryType?: EntryType
  readonly timestampServerUrl?: readonly string[]
  readonly oidcIssuer?: string
  readonly signingConfig?: string
}

/** Whom to ask for what. Nobody is asked who is not named. */
export interface SigningServices {
  readonly fulcio: URL | undefined
  readonly issuer: URL | undefined
  readonly logs: readonly TransparencyLog[]
  readonly entryType: EntryType
  readonly timestampServers: readonly string[]
}

const FULCIO_VERSIONS = [1]
const ISSUER_VERSIONS = [1]
const LOG_VERSIONS = [1, 2]
const TIMESTAMP_VERSIONS = [1]

/**
 * What the options name, and for what they do not name what the signing config chooses.
 * @throws PlatformError INVALID_PARAMETER
 */
export function chooseServices(options: ServiceOptions, nowMs: number): SigningServices {
  const { fulcioUrl, rekorUrl, oidcIssuer, timestampServerUrl, signingConfig } = options
  const config =
    signingConfig === undefined ? undefined : parseSigningConfig(readSmallFile(signingConfig))
  const configured = config === undefined ? undefined : fromConfig(config, nowMs)
  const apiVersion = options.rekorApiVersion === '2' ? 2 : 1
  const named = rekorUrl?.map(
    (url) => ({ url: toServiceUrl(url, '--rekor-url'), apiVersion }) as const,
  )
  return {
    fulcio: fulcioUrl === undefined ? configured?.fulcio : toServiceUrl(fulcioUrl, '--fulcio-url'),
    issuer:
      oidcIssuer === undefined ? configured?.issuer : toServiceUrl(oidcIssuer, '--oidc-issuer'),
    logs: named ?? configured?.logs ?? [],
    entryType: options.rekorEntryType ?? ENTRY_TYPES[0],
    timestampServers: timestampServerUrl ?? configured?.timestampServers ?? [],
  }
}

function fromConfig(config: SigningConfig, nowMs: number): Omit<SigningServices, 'entryType'> {
  const one = { kind: 'any' } as const
  const [fulcio] = selectServices('certificate authorities', config.certificateAuthorities, {
    selector: one,
    versions: FULCIO_VERSIONS,
    nowMs,
  })
  const [issuer] = selectServices('issuers', config.issuers, {
    selector: one,
    versions: ISSUER_VERSIONS,
    nowMs,
  })
  const logs = selectServices('logs', config.logs, {
    selector: config.logSelector,
    versions: LOG_VERSIONS,
    nowMs,
  })
  const stamps = selectServices('timestamp authorities', config.timestampAuthorities, {
    selector: config.timestampSelector,
    versions: TIMESTAMP_VERSIONS,
    nowMs,
  })
  return {
    fulcio: fulcio && new URL(fulcio.url),
    issuer: issuer && new URL(issuer.url),
    logs: logs.map(({ url, majorApiVersion }) => ({
      url: new URL(url),
      apiVersion: majorApiVersion === 2 ? 2 : 1,
    })),
    timestampServers: stamps.map(({ url }) => url),
  }
}

/** @throws PlatformError INVALID_PARAMETER where no authority is named */
export function needFulcio({ fulcio }: SigningServices): URL {
  if (fulcio === undefined)
    throw new PlatformError(
      'INVALID_PARAMETER',
      'keyless signing wants a certificate authority: give --fulcio-url URL or --signing-config FILE; no public service is asked unless it is named',
    )
  return fulcio
}
