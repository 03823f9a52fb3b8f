import { setTimeout as sleep } from 'node:timers/promises'

import { verifyDirectory, type VerifyDirectoryOptions } from '../audit/index.ts'
import { BlobDirectory, type Pace } from '../blobs/index.ts'
import type { Sha256 } from '../model/index.ts'
import { serveTasks } from './serve-tasks.ts'

/** One blob to be read, and how fast at most; as fast as it goes where null. */
export interface ExamineTask {
  readonly dataDir: string
  readonly digest: Sha256
  readonly bytesPerSecond: number | null
}

serveTasks({
  ledger: (task: VerifyDirectoryOptions) => verifyDirectory(task),
  examine: (task: ExamineTask) =>
    new BlobDirectory(task.dataDir).examine(task.digest, paceOf(task.bytesPerSecond)),
})

function paceOf(bytesPerSecond: number | null): Pace {
  if (bytesPerSecond === null) return () => Promise.resolve()
  return async (bytes) => await sleep((bytes / bytesPerSecond) * 1_000)
}
