import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { openBlobs } from './blobs/index.ts'
import { PlatformError, parsePlace, systemClock, systemRandom } from './model/index.ts'
import { openRuntime, type Capability } from './runtime/index.ts'

/** What functions would run in on this machine, and which of all runtimes an interpreter serves. */
export interface IsolationFound extends Capability {
  readonly runtimes: { readonly all: readonly string[]; readonly served: readonly string[] }
}

/**
 * Starts the spawner as a service does and has its drivers probe, by running something in a sandbox and holding it to a
 * limit; nothing of it is left.
 * @throws PlatformError CONFIGURATION where nothing can be started
 */
export async function probeIsolation(): Promise<IsolationFound> {
  const dataDir = await mkdtemp(join(tmpdir(), 'lacre-doctor-'))
  try {
    const silent = (): void => undefined
    await using runtime = await openRuntime({
      dataDir,
      blobs: openBlobs(dataDir),
      clock: systemClock,
      random: systemRandom,
      isolation: 'auto',
      requireIsolation: false,
      place: parsePlace('000000000000', 'us-east-1'),
      maxEnvironments: 1,
      log: { debug: silent, info: silent, warn: silent, error: silent },
      logs: { writerFor: () => silent },
    })
    const all = Object.keys(runtime.describeRuntimes())
    const served = all.filter((id) => runtime.resolveRuntime(id).kind === 'ok')
    return { ...runtime.capability, runtimes: { all, served } }
  } catch (cause) {
    if (cause instanceof PlatformError) throw cause
    throw new PlatformError('CONFIGURATION', 'no function can be started here', { cause })
  } finally {
    await rm(dataDir, { recursive: true, force: true, maxRetries: 5 })
  }
}
