import type { Clock } from './clock.ts'
import type { Random } from './random.ts'

const CROCKFORD = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
const ALPHANUMERIC = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'

/** A ULID (48 bits of time, 80 of chance): 26 characters that sort by time. */
export function ulid(clock: Clock, random: Random): string {
  let time = clock.nowMs()
  let text = ''
  for (let i = 0; i < 10; i += 1) {
    text = CROCKFORD.charAt(time % 32) + text
    time = Math.floor(time / 32)
  }
  for (const byte of random.bytes(16)) text += CROCKFORD.charAt(byte % 32)
  return text
}

export type IdPrefix =
  | 'dec'
  | 'env'
  | 'fn'
  | 'fv'
  | 'job'
  | 'pub'
  | 'usr'
  | 'rev'
  | 'liv'
  | 'flx'
  | 'rxh'
  | 'wkl'
  | 'msg'
  | 'whk'

/** `dec-01J…`: ids of decisions, environments, functions and the like. Decision ids carry 80 random bits beside the time. */
export function newId(prefix: IdPrefix, clock: Clock, random: Random): string {
  return `${prefix}-${ulid(clock, random)}`
}

/** `csc-` and 17 lower-case hex digits, as AWS makes them. */
export function newCodeSigningConfigId(random: Random): string {
  return `csc-${Buffer.from(random.bytes(9)).toString('hex').slice(0, 17)}`
}

/** 10 alphanumeric characters: the version of a publisher (AWS Signer's profileVersion). */
export function newPublisherVersion(random: Random): string {
  let text = ''
  while (text.length < 10) {
    for (const byte of random.bytes(16)) {
      if (byte < 248 && text.length < 10) text += ALPHANUMERIC.charAt(byte % 62)
    }
  }
  return text
}
