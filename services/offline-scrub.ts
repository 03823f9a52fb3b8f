import { existsSync } from 'node:fs'
import { basename } from 'node:path'

import { verifyDirectory } from './audit/index.ts'
import { BlobDirectory, openBlobs } from './blobs/index.ts'
import { namedBlobs } from './catalog/index.ts'
import { dataPaths, readOfflineConfig, type ServeOptions } from './config.ts'
import { PlatformError, type Sha256 } from './model/index.ts'
import { scrub, type ScrubReport } from './operations/index.ts'
import { findChangedTrees } from './runtime/index.ts'
import { lockDataDirectory, openReader } from './store/index.ts'

export interface OfflineScrub extends Pick<ServeOptions, 'data'> {
  readonly onProgress?: (doneBytes: number, totalBytes: number) => void
}

/**
 * Scrubs the data directory of a service that does not run, and moves damaged blobs to `quarantine/`; the service's next scrub
 * finds them missing.
 * @throws PlatformError DATA_DIRECTORY_IN_USE while it runs, CONFIGURATION where there is no service's data
 */
export async function scrubDirectory(
  options: OfflineScrub,
): Promise<ScrubReport & { readonly quarantined: readonly Sha256[] }> {
  const { dataDir } = readOfflineConfig(options)
  const { database } = dataPaths(dataDir)
  if (!existsSync(database))
    throw new PlatformError('CONFIGURATION', `\`${dataDir}\` is no data directory of a service`)
  using _lock = await lockDataDirectory(dataDir)
  await using db = openReader(database)
  const blobs = new BlobDirectory(dataDir)
  const progress = { doneBytes: 0, totalBytes: 0 }
  const work = {
    examine: (digest: Sha256) => {
      options.onProgress?.(progress.doneBytes, progress.totalBytes)
      return blobs.examine(digest)
    },
    changedTrees: () => Promise.resolve().then(() => findChangedTrees(dataDir)),
    verifyLedger: () => verifyDirectory({ dataDir, database: basename(database) }),
  }
  const report = await scrub(work, { blobs, named: await namedBlobs(db), progress })
  const store = openBlobs(dataDir)
  for (const digest of report.damaged) {
    using claim = store.claim(digest)
    await claim?.setAside()
  }
  return { ...report, quarantined: report.damaged }
}
