import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'

import { openOutsideAt } from './audit/index.ts'
import { Closers, asyncOf } from './closers.ts'
import { dataPaths, masterKeyOptions } from './config.ts'
import { createKeyFile, loadMasterKey, openKeyFile, type Signer } from './keys/index.ts'
import { formatVerifierKey, noteKey } from './ledger/index.ts'
import { PlatformError, sha256, type Clock, type Random } from './model/index.ts'
import { lockDataDirectory } from './store/index.ts'
import type { WitnessServeConfig } from './witness-config.ts'
import { Witness, createWitnessServer, type WitnessLog } from './witness/index.ts'

const PURPOSE = 'witness'
const NAME_LIMIT_CHARS = 200

export interface WitnessSurroundings {
  readonly clock: Clock
  readonly random: Random
  readonly log: WitnessLog
}

export interface RunningWitness extends AsyncDisposable {
  readonly url: string
  /** C2SP's form of its key: what a log is told by `--witness`. */
  readonly verifierKey: string
}

/**
 * The composition root of a witness: its directory, its key, its listener.
 * @throws PlatformError CONFIGURATION, DATA_DIRECTORY_IN_USE, OUT_OF_SPACE
 */
export async function startWitness(
  config: WitnessServeConfig,
  around: WitnessSurroundings,
): Promise<RunningWitness> {
  const { dataDir, host, port, tls, logs } = config
  if (logs.length === 0)
    throw new PlatformError('CONFIGURATION', 'a witness knows at least one log: give --log-key')
  const closers = new Closers()
  try {
    const { name, signer } = await openIdentity(config, around, closers)
    const witness = new Witness({
      name,
      signer,
      clock: around.clock,
      logs,
      // An origin is any text; its digest is a name of a directory.
      memory: (origin) => openOutsideAt(join(dataDir, 'logs', sha256(origin))),
    })
    const server = createWitnessServer(witness, { log: around.log, tls })
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen({ host, port }, resolve)
    })
    closers.add({
      [Symbol.asyncDispose]: () =>
        new Promise((resolve) => {
          server.close(() => resolve())
          server.closeIdleConnections()
        }),
    })
    const { port: listening } = server.address() as AddressInfo
    const scheme = tls === undefined ? 'http' : 'https'
    return {
      url: `${scheme}://${host.includes(':') ? `[${host}]` : host}:${listening}`,
      verifierKey: formatVerifierKey(witness.key),
      [Symbol.asyncDispose]: () => closers[Symbol.asyncDispose](),
    }
  } catch (error) {
    await closers[Symbol.asyncDispose]()
    throw error
  }
}

/**
 * The verifier key of a witness, which is made where it is not there yet.
 * @throws PlatformError CONFIGURATION, DATA_DIRECTORY_IN_USE, OUT_OF_SPACE
 */
export async function witnessKey(
  config: Pick<WitnessServeConfig, 'dataDir' | 'masterKey' | 'name'>,
  around: Pick<WitnessSurroundings, 'random'>,
): Promise<string> {
  await using closers = new Closers()
  const { name, signer } = await openIdentity(config, around, closers)
  return formatVerifierKey(noteKey(name, signer.publicKeyPem, 'cosignature'))
}

/** A witness has one name and one key, for as long as its directory lives. */
async function openIdentity(
  { dataDir, masterKey, name }: Pick<WitnessServeConfig, 'dataDir' | 'masterKey' | 'name'>,
  { random }: Pick<WitnessSurroundings, 'random'>,
  closers: Closers,
): Promise<{ readonly name: string; readonly signer: Signer }> {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  if (existsSync(dataPaths(dataDir).database))
    throw new PlatformError(
      'CONFIGURATION',
      `\`${dataDir}\` is a service's data directory: a witness has one of its own, best on another machine`,
    )
  closers.add(asyncOf(await lockDataDirectory(dataDir)))
  const named = await nameOf(dataDir, name)
  const options = {
    path: join(dataDir, 'witness.key'),
    purpose: PURPOSE,
    algorithm: 'ed25519' as const,
    masterKey: loadMasterKey({ dataDir, random, ...masterKeyOptions({ masterKey }) }),
  }
  return { name: named, signer: openKeyFile(options) ?? createKeyFile(options) }
}

async function nameOf(dataDir: string, wanted: string | undefined): Promise<string> {
  const path = join(dataDir, 'name', 'latest')
  const known = existsSync(path) ? readFileSync(path, 'utf8').trim() : undefined
  if (known !== undefined) {
    if (wanted === undefined || wanted === known) return known
    throw new PlatformError('CONFIGURATION', `this witness is \`${known}\`, not \`${wanted}\``)
  }
  if (wanted === undefined)
    throw new PlatformError('CONFIGURATION', 'a new witness wants a name: witness.example.com/w1')
  if (!/^[^+\s]+$/.test(wanted) || wanted.length > NAME_LIMIT_CHARS)
    throw new PlatformError('CONFIGURATION', `\`${wanted}\` is no name of a witness`)
  await openOutsideAt(join(dataDir, 'name')).write(`${wanted}\n`)
  return wanted
}
