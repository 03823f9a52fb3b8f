import { readFileSync } from 'node:fs'

import { PlatformError, type Json, type PublisherDocument } from '../../services/model/index.ts'
import {
  parsePublisherDocument,
  publisherFromPem,
  revocationListPem,
  timestampAuthorityFromPem,
} from '../../services/trust/index.ts'
import { isKeyless, keylessDocument, readTrustedRoot, type KeylessOptions } from '../keyless.ts'

/** The options that describe one version of a publisher. */
export interface PublisherOptions extends KeylessOptions {
  readonly key?: readonly string[]
  readonly cert?: readonly string[]
  readonly form?: readonly string[]
  readonly purpose?: readonly string[]
  readonly builder?: readonly string[]
  readonly validityDays?: string
  readonly subject?: readonly string[]
  readonly san?: readonly string[]
  readonly managed?: boolean
  readonly logCheck?: readonly string[]
  readonly timestampAuthority?: readonly string[]
  readonly crl?: readonly string[]
  readonly crlMaxAgeHours?: string
  readonly crlOnFailure?: string
  readonly policy?: readonly string[]
}

const DAY_MS = 86_400_000
const HOUR_MS = 3_600_000

/**
 * The document that the options describe, read here as strictly as the service reads it.
 * @throws PlatformError INVALID_PARAMETER
 */
export function publisherInput(options: PublisherOptions): Json {
  if (options.managed !== true) return publisherDocument(options) as unknown as Json
  const { key, cert, form, purpose, subject, san, validityDays } = options
  if ([key, cert, form, purpose, subject, san].some((one) => one !== undefined))
    throw new PlatformError(
      'INVALID_PARAMETER',
      '--managed takes --validity-days and --log-check alone: its key is made by the service',
    )
  return {
    kind: 'managed',
    ...(validityDays !== undefined && {
      validityPeriod: { value: days(validityDays) / DAY_MS, type: 'DAYS' },
    }),
    ...checks(options),
  }
}

function publisherDocument(options: PublisherOptions): PublisherDocument {
  const { key, cert } = options
  const pems = key ?? cert
  if (isKeyless(options) && pems === undefined) return keylessDocument(options, settings(options))
  if ((key === undefined) === (cert === undefined)) {
    throw new PlatformError(
      'INVALID_PARAMETER',
      'a publisher is given by --key, by --cert or by --certificate-identity',
    )
  }
  const pem = [...(key ?? []), ...(cert ?? [])].map((file) => readFileSync(file, 'utf8')).join('\n')
  const document = publisherFromPem(pem)
  if (key !== undefined && document.kind !== 'key') {
    throw new PlatformError(
      'INVALID_PARAMETER',
      '--key takes public keys; certificates go to --cert',
    )
  }
  return parsePublisherDocument({ ...document, ...settings(options) })
}

function settings(options: PublisherOptions): { readonly [name: string]: Json } {
  const { form, purpose, validityDays, subject, san, timestampAuthority, trustedRoot } = options
  return {
    ...(form === undefined ? {} : { forms: form }),
    ...(purpose === undefined ? {} : { purposes: purpose }),
    ...(options.builder === undefined ? {} : { builders: options.builder }),
    ...(validityDays === undefined ? {} : { signatureValidityMs: days(validityDays) }),
    ...(subject === undefined ? {} : { subjects: subject }),
    ...(timestampAuthority === undefined
      ? {}
      : { timestampAuthorities: timestampAuthority.map(authorityOf) }),
    ...(trustedRoot === undefined ? {} : { trustedRoot: readTrustedRoot(trustedRoot) }),
    ...(san === undefined ? {} : { subjectAltNames: san.map(altName) }),
    ...checks(options),
    ...(options.policy === undefined ? {} : { policies: options.policy }),
    ...revocation(options),
  }
}

function checks({ logCheck }: PublisherOptions): { readonly [name: string]: Json } {
  if (logCheck === undefined) return {}
  return { checks: Object.fromEntries(logCheck.map((check) => [check, 'log'])) }
}

function revocation({ crl, crlMaxAgeHours, crlOnFailure }: PublisherOptions): Record<string, Json> {
  if (crl === undefined) {
    if (crlMaxAgeHours === undefined && crlOnFailure === undefined) return {}
    throw new PlatformError(
      'INVALID_PARAMETER',
      '--crl-max-age-hours and --crl-on-failure go with --crl',
    )
  }
  const lists = crl.map((source) =>
    /^https?:/i.test(source) ? { url: source } : { pem: revocationListPem(readFileSync(source)) },
  )
  return {
    revocation: {
      lists,
      ...(crlMaxAgeHours === undefined ? {} : { maxAgeMs: hours(crlMaxAgeHours) }),
      ...(crlOnFailure === undefined ? {} : { onFailure: crlOnFailure }),
    },
  }
}

function hours(text: string): number {
  if (/^[1-9]\d{0,4}$/.test(text)) return Number(text) * HOUR_MS
  throw new PlatformError('INVALID_PARAMETER', '--crl-max-age-hours takes 1 to 99999')
}

/** Each file is one authority. */
function authorityOf(file: string): Json {
  const { rootsPem, intermediatesPem } = timestampAuthorityFromPem(readFileSync(file, 'latin1'))
  return { rootsPem, intermediatesPem }
}

function days(text: string): number {
  if (/^[1-9]\d{0,4}$/.test(text)) return Number(text) * DAY_MS
  throw new PlatformError('INVALID_PARAMETER', '--validity-days takes 1 to 99999')
}

function altName(text: string): { readonly type: string; readonly value: string } {
  const at = text.indexOf(':')
  if (at > 0) return { type: text.slice(0, at), value: text.slice(at + 1) }
  throw new PlatformError('INVALID_PARAMETER', '--san takes dns:NAME, uri:URI or email:ADDRESS')
}
