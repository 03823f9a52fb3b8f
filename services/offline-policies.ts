import { existsSync } from 'node:fs'

import { openAudit, recordKey } from './audit/index.ts'
import {
  findPolicySet,
  findPolicySetInForce,
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
import { isUsable } from './policy/index.ts'
import { shippedPolicies } from './shipped-policies.ts'
import { lockDataDirectory, openStore, type Reader, type Store } from './store/index.ts'

export interface OfflineRollback extends Pick<Config, 'dataDir' | 'masterKey'> {
  readonly kind: PolicyKind
  /** Without one the last set before the one in force that can be used. */
  readonly version: number | undefined
  /** The version that has to be in force. */
  readonly ifVersion: number | undefined
}

export interface RolledBack {
  readonly kind: PolicyKind
  readonly from: number
  readonly version: number
  readonly ofVersion: number
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
  const { record: of, digest } = target
  const record: PolicySetRecord = {
    ...of,
    version: now.version + 1,
    digest,
    schemaSha256: policies.schemaSha256(kind),
    how: 'rolled-back',
    ofVersion: of.version,
    appliedAtMs: clock.nowMs(),
    principalId: systemPrincipal.id,
    decisionId: undefined,
  }
  const note = { ...policyNote(record), offline: true }
  await recordPolicyOffline({ store, audit, live, clock, policies }, record, note)
  const { version, name } = record
  return { kind, from: now.version, version, ofVersion: of.version, name, digest }
}

interface Chosen {
  readonly now: PolicySetRecord
  readonly target: { readonly record: PolicySetRecord; readonly digest: string }
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
    return { now, target: { record, digest: set.digest } }
  }
  for (let before = now.version; ;) {
    const [record] = await listPolicySets(reader, kind, { limit: 1, before })
    if (record === undefined)
      throw new PlatformError(
        'RESOURCE_CONFLICT',
        'no earlier policy set can be used: start the service with --policy-set default',
      )
    const set = await policies.load(reader, record)
    const isOther = record.document !== now.document || record.name !== now.name
    if (isOther && isUsable(set)) return { now, target: { record, digest: set.digest } }
    before = record.version
  }
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
