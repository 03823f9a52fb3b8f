import { readFileSync } from 'node:fs'

import { PlatformError, type Json, type PublisherDocument } from '../../services/model/index.ts'
import {
  parsePublisherDocument,
  publisherFromPem,
  timestampAuthorityFromPem,
} from '../../services/trust/index.ts'

/** The options that describe one version of a publisher. */
export interface PublisherOptions {
  readonly key?: readonly string[]
  readonly cert?: readonly string[]
  readonly form?: readonly string[]
  readonly purpose?: readonly string[]
  readonly validityDays?: string
  readonly subject?: readonly string[]
  readonly san?: readonly string[]
  readonly timestampAuthority?: readonly string[]
}

const DAY_MS = 86_400_000

/**
 * The document that the options describe, read here as strictly as the service reads it.
 * @throws PlatformError INVALID_PARAMETER
 */
export function publisherDocument(options: PublisherOptions): PublisherDocument {
  const { key, cert } = options
  if ((key === undefined) === (cert === undefined)) {
    throw new PlatformError('INVALID_PARAMETER', 'a publisher is given by --key or by --cert')
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
  const { form, purpose, validityDays, subject, san, timestampAuthority } = options
  return {
    ...(form === undefined ? {} : { forms: form }),
    ...(purpose === undefined ? {} : { purposes: purpose }),
    ...(validityDays === undefined ? {} : { signatureValidityMs: days(validityDays) }),
    ...(subject === undefined ? {} : { subjects: subject }),
    ...(timestampAuthority === undefined
      ? {}
      : { timestampAuthorities: timestampAuthority.map(authorityOf) }),
    ...(san === undefined ? {} : { subjectAltNames: san.map(altName) }),
  }
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
