import { isUsable, policySetVersion } from '../policy/index.ts'
import { breakGlassSettings } from './break-glass.ts'
import type { BreakGlassSettings, Deps } from './context.ts'

/** Facts, told as they are (DESIGN §8: "reported truthfully"). */
export interface DoctorReport {
  readonly node: string
  readonly platform: string
  readonly place: { readonly account: string; readonly region: string }
  readonly isolation: {
    readonly driver: string
    readonly level: 'full' | 'partial' | 'none'
    /** What the machine does not offer, and so what is not enforced. */
    readonly missing: readonly string[]
    readonly freezer: boolean
  }
  /** By runtime id: the interpreter that serves it, which one stands in, or what to install. */
  readonly runtimes: Readonly<Record<string, string>>
  readonly masterKey: { readonly source: string; readonly id: string }
  /** `name@digest` */
  readonly policySet: string
  readonly breakGlass: BreakGlassSettings
  /** Its number. */
  readonly policySetVersion: number
  /** Where it cannot be used: why, and what follows. */
  readonly policySetFault?: string
  readonly world: number
  readonly ledger: { readonly origin: string; readonly size: number; readonly root: string }
  readonly counts: {
    readonly functions: number
    readonly publishers: number
    readonly revocations: number
    readonly codeSigningConfigs: number
  }
  /** Functions that no code signing config is attached to: under `default` they take unsigned code. */
  readonly functionsWithoutSigning: number
  readonly uncleanShutdown: boolean
}

/** One snapshot of what is in force, and what the runtime found on this machine. */
export async function readDoctor(deps: Deps): Promise<DoctorReport> {
  const { capability } = deps.runtime
  const stored = await deps.store.snapshot(async (reader) => {
    const count = async (
      table: 'function' | 'publisher' | 'revocation' | 'code_signing_config',
    ): Promise<number> => {
      const row = await reader
        .selectFrom(table)
        .select((select) => select.fn.countAll().as('count'))
        .executeTakeFirstOrThrow()
      return Number(row.count)
    }
    const bare = await reader
      .selectFrom('function')
      .select((select) => select.fn.countAll().as('count'))
      .where('code_signing_config_id', 'is', null)
      .executeTakeFirstOrThrow()
    const world = await reader.selectFrom('world').select('counter').executeTakeFirst()
    const head = await reader
      .selectFrom('ledger_head')
      .select(['origin', 'size', 'root'])
      .executeTakeFirst()
    const policies = await deps.policies.deciding(reader)
    return {
      policySet: policySetVersion(policies),
      policySetVersion: policies.version ?? 0,
      ...(!isUsable(policies.set) && {
        policySetFault: `CANNOT BE USED, only leaving is admitted: ${policies.set.fault}`,
      }),
      world: world?.counter ?? 0,
      ledger: head ?? { origin: '', size: 0, root: '' },
      counts: {
        functions: await count('function'),
        publishers: await count('publisher'),
        revocations: await count('revocation'),
        codeSigningConfigs: await count('code_signing_config'),
      },
      functionsWithoutSigning: Number(bare.count),
    }
  })
  return {
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    place: { account: deps.place.account, region: deps.place.region },
    isolation: {
      driver: capability.driver,
      level: capability.isolation,
      missing: capability.missing,
      freezer: capability.freezer,
    },
    runtimes: deps.runtime.describeRuntimes(),
    masterKey: { source: deps.keys.masterKey.source, id: deps.keys.masterKey.id },
    breakGlass: breakGlassSettings(deps),
    ...stored,
    uncleanShutdown: deps.store.uncleanShutdown,
  }
}
