import { readFileSync } from 'node:fs'

import type { Command } from 'commander'

import { PlatformError, type Json } from '../../services/model/index.ts'
import { makeSuccession } from '../signing/index.ts'
import { withConnection } from './connect.ts'
import type { PublisherOptions } from './publisher-input.ts'
import type { JsonObject } from './service.ts'

const several = (value: string, before: string[] | undefined): string[] => [
  ...(before ?? []),
  value,
]

/** Adds the options that describe one version of a publisher. */
export function withPublisherOptions(command: Command): Command {
  return withConnection(command)
    .option('--key <pem>', 'a public key; may be repeated (rotation)', several)
    .option('--cert <pem>', 'a root or an authority below it; may be repeated', several)
    .option('--managed', 'a key that the service makes and keeps')
    .option('--form <form>', 'statement, message or cms; may be repeated', several)
    .option('--purpose <purpose>', 'seal, vouch, attest:TYPE; may be repeated', several)
    .option('--builder <id>', 'its provenance counts for this `builder.id`; repeatable', several)
    .option('--validity-days <days>', 'how long a signature stays good')
    .option('--crl <file|url>', 'a revocation list of the authorities; may be repeated', several)
    .option('--crl-max-age-hours <n>', 'how long a list counts, where its issuer says longer')
    .option('--crl-on-failure <what>', 'closed (refuse, the default) or open, where no list tells')
    .option('--policy <oid>', 'a certificate policy the path must hold; may be repeated', several)
    .option('--subject <name>', 'exact RFC 4514 subject; may be repeated', several)
    .option(
      '--timestamp-authority <pem>',
      'certificates of an RFC 3161 authority; may be repeated',
      several,
    )
    .option('--certificate-identity <identity>', 'keyless: the signer, or a glob of signers')
    .option('--certificate-oidc-issuer <url>', 'keyless: who vouches for the signer, exactly')
    .option('--trusted-root <json>', 'Sigstore TrustedRoot whose logs, times and authorities count')
    .option('--claim <name=value>', 'keyless: what must be certified; may be repeated', several)
    .option('--san <type:value>', 'dns:, uri: or email: name; may be repeated', several)
    .option(
      '--log-check <check>',
      'authenticity, timestamp, expiry or revocation: warn only',
      several,
    )
}

/** With one new key the old one's successor is clear; with several it is not. */
export async function withLineage(
  document: Json,
  { key, succeeds }: PublisherOptions & { readonly succeeds?: string },
): Promise<Json> {
  if (succeeds === undefined) return document
  const [file, ...more] = key ?? []
  if (file === undefined || more.length > 0)
    throw new PlatformError('INVALID_PARAMETER', '--succeeds wants exactly one --key')
  const succession = await makeSuccession(succeeds, readFileSync(file, 'utf8'))
  return { ...(document as JsonObject), lineage: [{ ...succession }] } as Json
}
