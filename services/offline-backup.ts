import { userInfo } from 'node:os'
import { basename } from 'node:path'

import { backUp, restore, type BackupReport, type RestoreReport } from './backup/index.ts'
import {
  dataPaths,
  masterKeyOptions,
  readOfflineConfig,
  type Config,
  type ServeOptions,
} from './config.ts'
import { loadMasterKey } from './keys/index.ts'
import { PlatformError, systemClock, systemRandom } from './model/index.ts'

export interface BackupRequest extends Pick<ServeOptions, 'data'> {
  readonly out: string
  readonly withoutDamaged?: boolean
  readonly onProgress?: (phase: 'databases' | 'blobs', done: number, total: number) => void
}

/** As `backUp`, of a directory by its path: beside a running service or not. */
export async function backUpDirectory(request: BackupRequest): Promise<BackupReport> {
  const { dataDir } = readOfflineConfig(request)
  const { database, events } = dataPaths(dataDir)
  const databases = { lacre: database, events }
  const around = { clock: systemClock, random: systemRandom }
  return await backUp({ ...request, ...around, dataDir, databases })
}

export interface RestoreRequest extends Pick<ServeOptions, 'data' | 'masterKeyFile' | 'masterKey'> {
  readonly from: string
  /** The last checkpoint kept elsewhere, its text. */
  readonly checkpoint?: string
  readonly newEpoch: boolean
  readonly onProgress?: (doneBytes: number, totalBytes: number) => void
}

/** As `restore`. @throws PlatformError CONFIGURATION where no master key is given, too */
export async function restoreDirectory(request: RestoreRequest): Promise<RestoreReport> {
  const config = readOfflineConfig(request)
  const { dataDir } = config
  const { database, events } = dataPaths(dataDir)
  return await restore({
    ...request,
    dataDir,
    databases: { lacre: basename(database), events: basename(events) },
    clock: systemClock,
    random: systemRandom,
    masterKey: givenMasterKey(config),
    checkpoint: request.checkpoint,
    by: userName(),
  })
}

/** A new one would open nothing. */
function givenMasterKey(config: Pick<Config, 'dataDir' | 'masterKey'>) {
  const given = masterKeyOptions(config)
  if (config.masterKey === undefined)
    throw new PlatformError(
      'CONFIGURATION',
      'give --master-key-file: the master key that sealed the secrets in the backup (`master.key` of the old data directory, where it had none of its own)',
    )
  return loadMasterKey({ dataDir: config.dataDir, random: systemRandom, ...given })
}

function userName(): string {
  try {
    const { username, uid } = userInfo()
    return `${username} (${uid})`
  } catch {
    return `uid ${process.getuid?.() ?? 'unknown'}`
  }
}
