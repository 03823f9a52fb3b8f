import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import {
  backUp,
  restore,
  type BackupReport,
  type RestoreReport,
} from '../../services/backup/index.ts'
import { loadMasterKey } from '../../services/keys/index.ts'
import { systemClock, systemRandom } from '../../services/model/index.ts'

const around = { clock: systemClock, random: systemRandom }

/** Backs a data directory up, in use or not. */
export async function backUpTo(
  dataDir: string,
  out: string,
  options: { readonly withoutDamaged?: boolean } = {},
): Promise<BackupReport> {
  const databases = { lacre: join(dataDir, 'lacre.db'), events: join(dataDir, 'events.db') }
  return await backUp({ dataDir, out, databases, ...around, ...options })
}

export interface RestoreFrom {
  readonly from: string
  readonly dataDir: string
  /** Whose `master.key` and last checkpoint are used. */
  readonly old: string
  readonly checkpoint?: string
  readonly masterKeyFile?: string
  readonly newEpoch?: boolean
}

export async function restoreTo(options: RestoreFrom): Promise<RestoreReport> {
  const { from, dataDir, old } = options
  const file = options.masterKeyFile ?? join(old, 'master.key')
  return await restore({
    from,
    dataDir,
    databases: { lacre: 'lacre.db', events: 'events.db' },
    masterKey: loadMasterKey({ dataDir, random: systemRandom, file }),
    checkpoint: options.checkpoint ?? lastCheckpoint(old),
    newEpoch: options.newEpoch ?? false,
    by: 'a test',
    ...around,
  })
}

export function lastCheckpoint(dataDir: string): string {
  return readFileSync(join(dataDir, 'checkpoints', 'latest'), 'utf8')
}
