import { openSource, toDiskError } from '../../blobs/index.ts'
import { PlatformError, type ErrorCode, type Sha256 } from '../../model/index.ts'

import { findConflict, rehashTree, stampTree, unpack, type TreeStamp } from './trees.ts'

/** What is done off the event loop: a 250 MB package must not be felt by callers (DESIGN §8). */
export type Task =
  | {
      readonly kind: 'unpack'
      readonly blobPath: string
      readonly codeSha256: Sha256
      readonly tree: Sha256
      readonly dir: string
    }
  | { readonly kind: 'rehash'; readonly dir: string }
  | { readonly kind: 'stamp'; readonly dir: string }
  | { readonly kind: 'conflict'; readonly dirs: readonly string[] }

export interface TaskResult {
  readonly tree?: Sha256
  readonly stamp?: TreeStamp
  readonly conflict?: string
}

export interface TaskFailure {
  readonly code: ErrorCode
  readonly message: string
  readonly detail: Readonly<Record<string, unknown>>
}

export async function perform(task: Task): Promise<TaskResult> {
  switch (task.kind) {
    case 'unpack': {
      using source = openSource(task.blobPath)
      await unpack(source, task, task.dir)
      return { stamp: stampTree(task.dir) }
    }
    case 'rehash': {
      // Stamped before it is hashed: a change in between shows as another stamp.
      const stamp = stampTree(task.dir)
      return { tree: rehashTree(task.dir), stamp }
    }
    case 'stamp':
      return { stamp: stampTree(task.dir) }
    case 'conflict':
      return { conflict: findConflict(task.dirs) }
  }
}

/**
 * Errors lose their class on the way between threads; code and detail are what counts. What the disk does not do now it may do
 * later, and says nothing of the package.
 */
export function toFailure(cause: unknown): TaskFailure {
  const error = toDiskError(cause)
  if (error instanceof PlatformError) {
    return { code: error.code, message: error.message, detail: error.detail }
  }
  const { message, code } = error as NodeJS.ErrnoException
  return { code: 'ACTIVATION_FAILED', message, detail: { errno: code } }
}
