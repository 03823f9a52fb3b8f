import { malformed, TAG, toTimeMs, type Der } from '../seal/index.ts'

/**
 * As `toTimeMs`, and years before 2050 as GeneralizedTime too: issuers must not write them so, readers must take them
 * (RFC 5280 §4.1.2.5).
 * @throws PlatformError INVALID_SEAL
 */
export function toValidityMs(value: Der | undefined): number {
  return toTimeMs(value === undefined ? undefined : asUtcTime(value))
}

/** Whether the time is written as issuers must. */
export function isProperTime(value: Der): boolean {
  return asUtcTime(value) === value
}

/** A GeneralizedTime of 1950 to 2049 as the UTCTime that it should have been. */
function asUtcTime(value: Der): Der {
  const text = Buffer.from(value.content).toString('latin1')
  const early = value.tag === TAG.generalizedTime && /^(?:19[5-9]|20[0-4])\d{11}Z$/.test(text)
  return early ? { ...value, tag: TAG.utcTime, content: Buffer.from(text.slice(2)) } : value
}

/** An invalidity date, GeneralizedTime whatever the year (RFC 5280 §5.3.2). @throws PlatformError INVALID_SEAL */
export function toInvalidityMs(value: Der): number {
  if (value.tag !== TAG.generalizedTime)
    throw malformed('der-time', 'a time is not a GeneralizedTime')
  return toValidityMs(value)
}
