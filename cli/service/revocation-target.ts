import { readFileSync } from 'node:fs'

import type { Command } from 'commander'

import { PlatformError } from '../../services/model/index.ts'
import type { JsonObject } from './service.ts'

/** What is revoked, as options say it. */
export interface RevocationOptions {
  readonly version?: string
  readonly certificate?: string
  readonly key?: string
  readonly seal?: string
  readonly effective?: string
}

/** Adds them to a command. */
export function withRevocationTarget(command: Command): Command {
  return command
    .argument('[name]', 'the publisher')
    .option('--version <id>', 'this version of it alone')
    .option('--certificate <pem|sha256>', 'a certificate, whoever signs with it')
    .option('--key <pem|sha256>', 'a public key, whoever holds it')
    .option('--seal <sha256>', 'one seal, by its digest')
    .option('--effective <time>', 'RFC 3339; now where not given, later on only earlier')
}

/** One target, as the service takes it. @throws PlatformError INVALID_PARAMETER */
export function revocationTarget(name: string | undefined, options: RevocationOptions): JsonObject {
  const { version, certificate, key, seal } = options
  const given = [name, certificate, key, seal].filter((one) => one !== undefined)
  if (given.length !== 1 || (version !== undefined && name === undefined)) {
    const message = 'revoke takes NAME [--version V], --certificate, --key or --seal: one of them'
    throw new PlatformError('INVALID_PARAMETER', message)
  }
  if (name !== undefined) {
    return version === undefined
      ? { kind: 'publisher', name }
      : { kind: 'publisher-version', name, version }
  }
  if (seal !== undefined) return { kind: 'seal', sha256: seal }
  const kind = certificate === undefined ? 'key' : 'certificate'
  const what = certificate ?? key ?? ''
  return /^[0-9a-f]{64}$/.test(what)
    ? { kind, sha256: what }
    : { kind, pem: readFileSync(what, 'utf8') }
}
