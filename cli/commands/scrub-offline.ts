import { PlatformError, type Json } from '../../services/model/index.ts'
import type { Progress } from '../terminal.ts'

/** Scrubs a directory whose service does not run; `undefined` where it does. @throws PlatformError as `scrubDirectory` */
export async function scrubStopped(
  data: string,
  progress: Progress,
): Promise<{ readonly [name: string]: Json } | undefined> {
  // Imported here: nobody else of the command needs the database.
  const { scrubDirectory } = await import('../../services/main.ts')
  try {
    const report = await scrubDirectory({
      data,
      onProgress: (done, total) => progress.update(done, total),
    })
    return { ...report } as unknown as { readonly [name: string]: Json }
  } catch (error) {
    if (error instanceof PlatformError && error.code === 'DATA_DIRECTORY_IN_USE') return undefined
    throw error
  }
}
