import { existsSync } from 'node:fs'

import { openAudit, recordKey } from './audit/index.ts'
import {
  findPolicySet,
  findPolicySetInForce,
  keepPolicyDocument,
  listPolicySets,
  type PolicySetRecord,
} from './catalog/index.ts'
import { Closers, asyncOf } from './closers.ts'
import { dataPaths, masterKeyOptions, type Config } from './config.ts'
import { loadMasterKey, openKeys } from './keys/index.ts'
import { LiveSet } from './live/index.ts'
import {
  PlatformError,
  parsePlace,
  systemPrincipal,
  type Clock,
  type Place,
  type PolicyKind,
  type Random,
} from './model/index.ts'
import { Policies, policyNote, recordPolicyOffline, type Log } from './operations/index.ts'
import {
  compilePolicySet,
  isUsable,
  toSetDocument,
  type PolicySet,
  type PolicySetSource,
} from './policy/index.ts'
import { shippedPolicies } from './shipped-policies.ts'
import { lockDataDirectory, openStore, type Reader, type Store } from './store/index.ts'

export interface OfflineRollback extends Pick<Config, 'dataDir' | 'masterKey'> {
  readonly kind: PolicyKind
  /** Without one the last set before the one in force that can be used; of authorization else the one that is shipped. */
  readonly version: number | undefined
  /** The version that has to be in force. */
  readonly ifVersion: number | undefined
}

export interface RolledBack {
  readonly kind: PolicyKind
  readonly from: number
  readonly version: number
  /** Absent where no version could be used, and the set that comes with the program was taken. */
  readonly ofVersion: number | undefined
  readonly name: string
  readonly digest: string
}

/**
 * The last resort where the policies let nobody mend them: puts an earlier set in force with the service stopped. No
 * policy is asked; whoever can write the data directory can do this, and the ledger says that it was done so.
 * @throws PlatformError DATA_DIRECTORY_IN_USE while the service runs, CONFIGURATION where there is no service's data,
 * RESOURCE_NOT_FOUND where no such set is kept, RESOURCE_CONFLICT where it cannot be used, LEDGER_BROKEN
 */
export async function rollbackOffline(
  options: OfflineRollback,
  around: { readonly clock: Clock; readonly random: Random; readonly log: Log },
): Promise<RolledBack> {
  const { dataDir, kind } = options
  const { clock, random, log } = around
  const { database } = dataPaths(dataDir)
  if (!existsSync(database))
    throw new PlatformError('CONFIGURATION', `\`${dataDir}\` is no data directory of a service`)
  await using closers = new Closers()
  closers.add(asyncOf(await lockDataDirectory(dataDir)))
  const store = closers.add(await openStore({ path: database }))
  const place = await placeOf(store)
  const masterKey = loadMasterKey({ dataDir, random, ...masterKeyOptions(options) })
  const keys = await openKeys({ store, masterKey, clock, record: recordKey })
  // The ledger is there, and keeps the origin that it has.
  const origin = `lacre/${place.account}/${place.region}/${random.uuid()}`
  const audit = closers.add(await openAudit({ store, keys, clock, log, dataDir, origin }))
  const policies = closers.add(new Policies(shippedPolicies()))
  const live = new LiveSet({ store, place })
  const { now, target } = await store.snapshot((reader) => choose(reader, policies, options))
  const record: PolicySetRecord = {
    ...(target.how === 'shipped' ? await keepShipped(store, target) : target),
    kind,
    version: now.version + 1,
    schemaSha256: policies.schemaSha256(kind),
    appliedAtMs: clock.nowMs(),
    principalId: systemPrincipal.id,
    decisionId: undefined,
  }
  const note = { ...policyNote(record), offline: true }
  await recordPolicyOffline({ store, audit, live, clock, policies }, record, note)
  const { version, name, digest, ofVersion } = record
  return { kind, from: now.version, version, ofVersion, name, digest }
}

type Row = Pick<PolicySetRecord, 'name' | 'digest' | 'document' | 'how' | 'ofVersion'>

interface ShippedSet {
  readonly how: 'shipped'
  readonly name: string
  readonly digest: string
  readonly source: PolicySetSource
}

interface Chosen {
  readonly now: PolicySetRecord
  readonly target: (Row & { readonly how: 'rolled-back' }) | ShippedSet
}

/** Beside the text that is damaged. */
async function keepShipped(store: Store, { source, ...row }: ShippedSet): Promise<Row> {
  const document = await store.transaction((tx) => keepPolicyDocument(tx, toSetDocument(source)))
  return { ...row, document, ofVersion: undefined }
}

function toEarlier(
  { name, document, version }: PolicySetRecord,
  { digest }: PolicySet,
): Row & { readonly how: 'rolled-back' } {
  return { name, document, digest, how: 'rolled-back', ofVersion: version }
}

async function choose(
  reader: Reader,
  policies: Policies,
  { kind, version, ifVersion }: Pick<OfflineRollback, 'kind' | 'version' | 'ifVersion'>,
): Promise<Chosen> {
  const now = await findPolicySetInForce(reader, kind)
  if (now === undefined)
    throw new PlatformError('RESOURCE_NOT_FOUND', 'no policy set was ever put in force here')
  if (ifVersion !== undefined && now.version !== ifVersion)
    throw new PlatformError(
      'PRECONDITION_FAILED',
      `version ${now.version} is in force, not version ${ifVersion}`,
    )
  if (version !== undefined) {
    const record = await findPolicySet(reader, kind, version)
    if (record === undefined)
      throw new PlatformError('RESOURCE_NOT_FOUND', `there is no version ${version}`)
    const set = await policies.load(reader, record)
    if (!isUsable(set))
      throw new PlatformError(
        'RESOURCE_CONFLICT',
        `version ${version} cannot be used: ${set.fault}`,
      )
    return { now, target: toEarlier(record, set) }
  }
  for (let before = now.version; ;) {
    const [record] = await listPolicySets(reader, kind, { limit: 1, before })
    if (record === undefined) return { now, target: await toShipped(reader, policies, now) }
    const set = await policies.load(reader, record)
    const isOther = record.document !== now.document || record.name !== now.name
    if (isOther && isUsable(set)) return { now, target: toEarlier(record, set) }
    before = record.version
  }
}

/** No start puts an authorization set in the place of one that is kept, so this has to. */
async function toShipped(
  reader: Reader,
  policies: Policies,
  now: PolicySetRecord,
): Promise<ShippedSet> {
  const { sets, schema, validated } = policies.shipped(now.kind)
  const [first] = sets
  if (now.kind === 'admission' || first === undefined)
    throw new PlatformError(
      'RESOURCE_CONFLICT',
      'no earlier policy set can be used: start the service with --policy-set default',
    )
  const [name, source] = first
  const { digest } = compilePolicySet(source.files, schema, validated.get(name))
  if (now.digest === digest && isUsable(await policies.load(reader, now)))
    throw new PlatformError('RESOURCE_CONFLICT', `\`${name}\` is in force, and nothing before it`)
  return { how: 'shipped', name, digest, source }
}

async function placeOf(store: Store): Promise<Place> {
  const row = await store.reader
    .selectFrom('setting')
    .select('value')
    .where('name', '=', 'place')
    .executeTakeFirst()
  const [account, region] = row?.value.split('/') ?? []
  if (account === undefined || region === undefined)
    throw new PlatformError('CONFIGURATION', 'the service was never started on this data directory')
  return parsePlace(account, region)
}
