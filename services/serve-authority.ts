import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'

import { openOutside } from './audit/index.ts'
import {
  buildAuthorityServer,
  documentFetcher,
  ensureKeys,
  openAuthority,
  parseIssuers,
  rotateKey,
  signingConfig,
  trustedRoot,
  writePlace,
  type AuthorityLog,
  type Issuer,
  type RotatedRole,
} from './authority/index.ts'
import { Closers, asyncOf } from './closers.ts'
import {
  dataPaths,
  masterKeyOptions,
  readAuthorityKeyConfig,
  type AuthorityConfig,
  type AuthorityServeOptions,
} from './config.ts'
import { checkListener } from './http/index.ts'
import { loadMasterKey, openKeys } from './keys/index.ts'
import {
  PlatformError,
  systemClock,
  systemRandom,
  type Clock,
  type Json,
  type Random,
} from './model/index.ts'
import { lockDataDirectory, openReader, openStore } from './store/index.ts'

/** Apart from the service's: one directory is one or the other. */
const DATABASE = 'authority.db'

export interface AuthoritySurroundings {
  readonly clock: Clock
  readonly random: Random
  readonly log: AuthorityLog
}

export interface RunningAuthority extends AsyncDisposable {
  readonly url: string
  readonly notices: readonly string[]
}

/**
 * The composition root of the private authority: its directory, its database, its keys, its listener.
 * @throws PlatformError CONFIGURATION, DATA_DIRECTORY_IN_USE, LEDGER_BROKEN, OUT_OF_SPACE
 */
export async function startAuthority(
  config: AuthorityConfig,
  around: AuthoritySurroundings,
): Promise<RunningAuthority> {
  const { host, port, tls, trustProxy } = config
  // Identity tokens cross the wire: TLS, or this machine only (RULES §7).
  checkListener({ host, port, ...(tls && { tls }), ...(trustProxy && { trustProxy }) })
  const issuers = parseIssuers(config.issuers)
  const closers = new Closers()
  try {
    const room = await openRoom(config, around, closers)
    const authority = closers.add(
      await openAuthority({
        ...room,
        outside: openOutside(room.dataDir),
        issuers,
        fetch: documentFetcher(privateHosts(config, issuers)),
        origin: new URL(config.publicUrl ?? `http://${bracketed(host)}`).hostname,
      }),
    )
    const server = buildAuthorityServer({ authority, random: around.random, log: around.log, tls })
    closers.add({ [Symbol.asyncDispose]: () => server.close() })
    const listening = await server.listen({ host, port })
    const url = tls === undefined ? listening : listening.replace(/^http:/, 'https:')
    const loginIssuers = issuers.filter(({ kind }) => kind === 'email').map((issuer) => issuer.url)
    const place = { url: config.publicUrl ?? url, loginIssuers }
    await room.store.transaction((tx) => writePlace(tx, place))
    const notices = [...authority.notices, ...placeNotices(place.url, authority.log.origin)]
    return { url, notices, [Symbol.asyncDispose]: () => closers[Symbol.asyncDispose]() }
  } catch (error) {
    await closers[Symbol.asyncDispose]()
    throw error
  }
}

async function openRoom(
  config: Pick<AuthorityConfig, 'dataDir' | 'masterKey'>,
  { clock, random }: Pick<AuthoritySurroundings, 'clock' | 'random'>,
  closers: Closers,
) {
  const { dataDir } = config
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  if (existsSync(dataPaths(dataDir).database))
    throw new PlatformError(
      'CONFIGURATION',
      `\`${dataDir}\` is a service's data directory: an authority has one of its own`,
    )
  closers.add(asyncOf(await lockDataDirectory(dataDir)))
  const store = closers.add(await openStore({ path: join(dataDir, DATABASE), kind: 'authority' }))
  const masterKey = loadMasterKey({ dataDir, random, ...masterKeyOptions(config) })
  const keys = await openKeys({ store, masterKey, clock })
  return { store, keys, masterKey, clock, random, dataDir }
}

/** Hosts of issuers that were named as private, and of their keys. */
function privateHosts(config: AuthorityConfig, issuers: readonly Issuer[]): Set<string> {
  const known = new Set(issuers.map(({ url }) => url))
  const stranger = config.privateIssuers.find((url) => !known.has(url))
  if (stranger !== undefined)
    throw new PlatformError('CONFIGURATION', `\`${stranger}\` is no --oidc-issuer`)
  const named = issuers.filter(({ url }) => config.privateIssuers.includes(url))
  return new Set(
    named.flatMap(({ url, jwksUri }) => [url, jwksUri ?? url].map((one) => new URL(one).host)),
  )
}

/** Clients look for the log's origin in its URL (@sigstore/verify, sigstore-go). */
function placeNotices(url: string, origin: string): string[] {
  if (new URL(url).hostname === origin) return []
  return [
    `the log's origin \`${origin}\` is not the host of \`${url}\`: clients may refuse its checkpoints`,
  ]
}

function bracketed(host: string): string {
  return host.includes(':') ? `[${host}]` : host
}

/**
 * What to hand out, also beside the running authority.
 * @throws PlatformError CONFIGURATION
 */
export async function readTrustedRoot(
  dataDir: string,
  document: 'trusted-root' | 'signing-config',
): Promise<Json> {
  await using reader = openReader(join(dataDir, DATABASE))
  return await (document === 'trusted-root' ? trustedRoot(reader) : signingConfig(reader))
}

/**
 * A new key in one role, with the authority stopped.
 * @throws PlatformError CONFIGURATION, DATA_DIRECTORY_IN_USE
 */
export async function rotateAuthority(
  options: Pick<AuthorityServeOptions, 'data' | 'masterKeyFile' | 'masterKey'>,
  role: RotatedRole,
): Promise<number> {
  const closers = new Closers()
  try {
    const config = readAuthorityKeyConfig(options)
    const around = { clock: systemClock, random: systemRandom }
    const room = await openRoom(config, around, closers)
    await ensureKeys(room)
    return (await rotateKey(room, role)).generation
  } finally {
    await closers[Symbol.asyncDispose]()
  }
}
