import { IssuerKeys, type FetchDocument } from '../auth/index.ts'
import type { Clock, Random } from '../model/index.ts'
import type { Keys, MasterKey } from '../keys/index.ts'
import type { Store } from '../store/index.ts'
import { Certificates } from './fulcio/certificates.ts'
import type { Issuer } from './fulcio/issuers.ts'
import { activeKey, ensureKeys, listKeys, renewalNotice, type KeyRoom } from './identity.ts'
import { openLog, type OutsideCheckpoint, type TransparencyLog } from './log/log.ts'
import { Timestamps } from './timestamp/timestamps.ts'
import { PlatformError } from '../model/index.ts'

export interface AuthorityOptions {
  readonly store: Store
  readonly keys: Keys
  readonly masterKey: MasterKey
  readonly clock: Clock
  readonly random: Random
  readonly dataDir: string
  readonly outside: OutsideCheckpoint
  readonly issuers: readonly Issuer[]
  readonly fetch: FetchDocument
  /** The name of a log that is made now. */
  readonly origin: string
}

/** A private Sigstore: certificates, timestamps and a log, each with a key of its own. */
export interface Authority extends AsyncDisposable {
  readonly issuers: readonly Issuer[]
  readonly certificates: Certificates
  readonly timestamps: Timestamps
  /** The timestamping chain, PEM. */
  readonly timestampChain: readonly Uint8Array[]
  readonly log: TransparencyLog
  readonly notices: readonly string[]
}

/**
 * Opens the authority, or makes it: keys, certificates and log.
 * @throws PlatformError CONFIGURATION, LEDGER_BROKEN, OUT_OF_SPACE
 */
export async function openAuthority(options: AuthorityOptions): Promise<Authority> {
  const room: KeyRoom = options
  await ensureKeys(room)
  const [root] = (await listKeys(options.store.reader)).filter(({ role }) => role === 'root')
  if (root === undefined) throw new PlatformError('INTERNAL', 'the authority has no root')
  const ca = await activeKey(room, 'ca')
  const ct = await activeKey(room, 'ct')
  const tsa = await activeKey(room, 'tsa')
  const { signer } = await activeKey(room, 'log')
  const { store, clock, random, issuers, outside, origin } = options
  const log = await openLog({ store, signer, outside, origin })
  const keys = new IssuerKeys(options.fetch, clock)
  return {
    issuers,
    certificates: new Certificates({ store, clock, random, issuers, keys, ca, ct, root }),
    timestamps: new Timestamps({ clock, random, key: tsa }),
    timestampChain: [tsa.certificate, root.certificate].filter((one) => one !== undefined),
    log,
    notices: [ca, tsa]
      .map((key) => renewalNotice(key, clock.nowMs()))
      .filter((notice) => notice !== undefined),
    [Symbol.asyncDispose]: () => log[Symbol.asyncDispose](),
  }
}
