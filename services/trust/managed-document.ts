import {
  PlatformError,
  type KeySuccession,
  type ManagedPublisherDocument,
  type ValidityPeriod,
} from '../model/index.ts'
import { parseChecks } from './checks.ts'
import { parseLineage } from './lineage.ts'

const PLATFORM = 'AWSLambda-SHA384-ECDSA'
const DAY_MS = 86_400_000
/** A month counts 30 days and a year 365: never longer than the calendar's. */
const DAYS: Readonly<Record<ValidityPeriod['type'], number>> = { DAYS: 1, MONTHS: 30, YEARS: 365 }
/** AWS Signer: a signature is good for at most 135 months, which is also what it is where nothing is said. */
const DEFAULT_VALIDITY: ValidityPeriod = { value: 135, type: 'MONTHS' }
const VALIDITY_LIMIT_DAYS = 135 * 31

/** What a caller may say of a managed publisher: all but its key. */
export type ManagedSettings = Pick<
  ManagedPublisherDocument,
  'kind' | 'purposes' | 'validityPeriod' | 'checks'
>

/** @throws PlatformError INVALID_PARAMETER */
export function parseManagedSettings(value: Readonly<Record<string, unknown>>): ManagedSettings {
  const known = ['kind', 'purposes', 'validityPeriod', 'checks']
  const unknown = Object.keys(value).find((name) => !known.includes(name))
  if (unknown !== undefined)
    throw refuse(`a managed publisher has no member \`${unknown.slice(0, 80)}\` to be given`)
  const { purposes = ['seal'] } = value
  // It signs the service's own seals alone; who answers for others must hold a key himself.
  if (!Array.isArray(purposes) || purposes.length !== 1 || purposes[0] !== 'seal')
    throw refuse('a managed publisher has the purpose `seal` alone')
  return {
    kind: 'managed',
    purposes: ['seal'],
    validityPeriod: parsePeriod(value['validityPeriod']),
    ...parseChecks(value['checks']),
  }
}

function parsePeriod(value: unknown): ValidityPeriod {
  if (value === undefined) return DEFAULT_VALIDITY
  const { value: count, type } = (value ?? {}) as { value?: unknown; type?: unknown }
  if (type !== 'DAYS' && type !== 'MONTHS' && type !== 'YEARS')
    throw refuse('the type of a validity period is DAYS, MONTHS or YEARS')
  const whole = typeof count === 'number' && Number.isSafeInteger(count) && count > 0
  if (!whole || count * DAYS[type] > VALIDITY_LIMIT_DAYS)
    throw refuse('a validity period is at least 1 day and at most 135 months')
  return { value: count, type }
}

/** The document of a managed publisher with the key that the service made for it. */
export function managedDocument(
  settings: ManagedSettings,
  key: { readonly publicKeyPem: string; readonly succession: KeySuccession | undefined },
): ManagedPublisherDocument {
  const { value, type } = settings.validityPeriod
  return {
    ...settings,
    forms: ['statement'],
    publicKeyPem: key.publicKeyPem,
    platformId: PLATFORM,
    signatureValidityMs: value * DAYS[type] * DAY_MS,
    ...parseLineage(key.succession === undefined ? undefined : [key.succession]),
  }
}

function refuse(message: string): PlatformError {
  return new PlatformError('INVALID_PARAMETER', message)
}
