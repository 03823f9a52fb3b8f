import { connect as connectTls } from 'node:tls'

import {
  PlatformError,
  parseGmtTime,
  parseStrictJson,
  systemClock,
} from '../../services/model/index.ts'
import type { Environment } from '../command.ts'
import { EXIT, exitCodeOf } from '../exit-codes.ts'
import { connect, isObject, type ConnectionOptions, type JsonObject } from '../service/index.ts'
import { readConnection } from '../client/index.ts'
import type { Check } from './check.ts'

/** Signatures are refused beyond 5 minutes (SigV4), schedules and expiries are wrong long before. */
const SKEW_WARNING_MS = 30_000
const TLS_TIMEOUT_MS = 5_000
const CERTIFICATE_WARNING_DAYS = 21
const DAY_MS = 86_400_000

export type ServiceState =
  | { readonly kind: 'answers'; readonly report: JsonObject; readonly checks: readonly Check[] }
  | { readonly kind: 'silent'; readonly why: string; readonly checks: readonly Check[] }

/** A service that does not answer is a finding here; one that refuses us is a failure, but for the sake of a clock. */
export async function askService(
  options: ConnectionOptions,
  environment: Environment,
): Promise<ServiceState> {
  try {
    const service = connect(options, environment)
    const endpoint = readConnection(options, environment).endpoint
    const askedMs = systemClock.nowMs()
    const { body, headers } = await service.send({ method: 'GET', path: '/api/v1/doctor' })
    const report = parseStrictJson(body)
    if (!isObject(report)) throw new PlatformError('UNAVAILABLE', 'what answers there is not Lacre')
    const checks = [checkClock(headers['date'], askedMs), await checkTls(endpoint)]
    return { kind: 'answers', report, checks }
  } catch (error) {
    if (!isSilence(error)) throw error
    const why = error instanceof Error ? error.message : String(error)
    const late = error instanceof PlatformError && error.code === 'SIGNATURE_EXPIRED'
    const clock: Check = { name: 'clock', status: 'failed', found: why, fix: CLOCK_FIX }
    return { kind: 'silent', why, checks: late ? [clock] : [] }
  }
}

const CLOCK_FIX = 'set the clock of this machine or of the service: timedatectl set-ntp true'

function isSilence(error: unknown): boolean {
  if (!(error instanceof PlatformError)) return error instanceof Error && 'code' in error
  const unreachable = exitCodeOf(error.code) === EXIT.unreachable
  return unreachable || error.code === 'CONFIGURATION' || error.code === 'SIGNATURE_EXPIRED'
}

/** Against the service's own `Date`, which is whole seconds. */
export function checkClock(date: string | undefined, nowMs: number): Check {
  const theirsMs = parseGmtTime(date ?? '')
  if (theirsMs === undefined)
    return { name: 'clock', status: 'warning', found: 'the service tells no time' }
  const skewMs = Math.abs(nowMs - theirsMs)
  const found = `${Math.floor(skewMs / 1_000)} s off the service's`
  return skewMs > SKEW_WARNING_MS
    ? { name: 'clock', status: 'warning', found, fix: CLOCK_FIX }
    : { name: 'clock', status: 'ok', found }
}

const LOOPBACK = /^(127\.|localhost$|\[::1\]$)/

/** Plain HTTP is for this machine alone; a certificate is looked at as any client would. */
async function checkTls(endpoint: URL): Promise<Check> {
  const { protocol, hostname, port } = endpoint
  if (protocol === 'http:')
    return LOOPBACK.test(hostname)
      ? { name: 'tls', status: 'ok', found: 'none, on this machine alone' }
      : {
          name: 'tls',
          status: 'failed',
          found: `plain HTTP to ${hostname}`,
          fix: 'serve --tls-cert F --tls-key F',
        }
  const socket = connectTls({ host: hostname, port: Number(port || 443), servername: hostname })
  try {
    const validTo = await new Promise<string>((resolve, reject) => {
      socket.setTimeout(TLS_TIMEOUT_MS, () => reject(new Error('no answer')))
      socket.once('error', reject)
      socket.once('secureConnect', () => resolve(socket.getPeerCertificate().valid_to))
    })
    const days = Math.floor(((parseGmtTime(validTo) ?? 0) - systemClock.nowMs()) / DAY_MS)
    const found = `certificate good for ${days} days`
    return days < CERTIFICATE_WARNING_DAYS
      ? { name: 'tls', status: 'warning', found, fix: 'renew it' }
      : { name: 'tls', status: 'ok', found }
  } catch (error) {
    return {
      name: 'tls',
      status: 'failed',
      found: error instanceof Error ? error.message : 'failed',
    }
  } finally {
    socket.destroy()
  }
}
