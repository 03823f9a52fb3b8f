/** What a thread is sent when it is to end by itself. */
const END = 'end'
/** How long a thread that has nothing more to do waits before it ends. */
const QUIET_MS = 200
/** How long it may take to the end of what it is at. */
const BUSY_LIMIT_MS = 5000

/** The side of `Worker` of node:worker_threads that its end takes. */
interface Thread {
  readonly threadId: number
  once(event: 'exit', listener: () => void): unknown
  postMessage(message: unknown): void
  terminate(): Promise<number>
}

/** The side of `parentPort`. */
interface ThreadPort {
  close(): void
}

/**
 * Asks a thread to end, and waits until it has. One that is stopped right after hot code still has a compilation of V8
 * going on beside it, and Node then aborts the whole process (node_platform.cc, "Assertion failed: (data.first) !=
 * nullptr": an isolate leaves the platform before it is disposed of). A quiet thread has none.
 */
export async function endThread(thread: Thread): Promise<void> {
  if (thread.threadId === -1) return
  const exit = new Promise<void>((resolve) => thread.once('exit', resolve))
  thread.postMessage(END)
  const timer = setTimeout(() => void thread.terminate(), BUSY_LIMIT_MS)
  await exit
  clearTimeout(timer)
}

/** The thread's side: whether it was asked to end, which it then does as soon as it is quiet. */
export function endsBy(message: unknown, port: ThreadPort): boolean {
  if (message !== END) return false
  endQuietly(port)
  return true
}

/** For a thread that has done all it was started for. */
export function endQuietly(port: ThreadPort): void {
  setTimeout(() => port.close(), QUIET_MS)
}
