import { PlatformError } from '../services/model/index.ts'

const UNITS: Readonly<Record<string, number>> = {
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}

/** `30s`, `15m`, `4h`, `7d` in milliseconds. @throws PlatformError INVALID_PARAMETER */
export function parseSpan(option: string, text: string): number {
  const [, count, unit = ''] = /^([1-9][0-9]{0,6})([smhd])$/.exec(text) ?? []
  const ms = UNITS[unit]
  if (count !== undefined && ms !== undefined) return Number(count) * ms
  throw new PlatformError('INVALID_PARAMETER', `${option} takes a time like 30m or 4h`)
}

/** `0.1` or `10%` as a share. @throws PlatformError INVALID_PARAMETER */
export function parseWeight(text: string): number {
  const [, number, percent] = /^([0-9]{1,3}(?:\.[0-9]{1,6})?)(%)?$/.exec(text) ?? []
  const weight = Number(number) / (percent === undefined ? 1 : 100)
  if (weight > 0 && weight <= 1) return weight
  throw new PlatformError('INVALID_PARAMETER', '--weight takes a share like 0.1, 10% or 1')
}
