import { BlobDirectory } from '../blobs/index.ts'
import { PlatformError, type Facts, type Place } from '../model/index.ts'
import { openReader, type Reader } from '../store/index.ts'
import { dueReactions, type DueAsked } from './live-due.ts'
import { LiveJudge, type PassAsked, type PassFound } from './live-judge.ts'
import { Policies, type ShippedKinds } from './policies-in-force.ts'
import { serveTasks } from './serve-tasks.ts'
import { ThreadJudge } from './thread-judge.ts'

/** What the thread needs of the service: places, and what it cannot read from the database. */
export interface OpenAsked {
  readonly database: string
  readonly dataDir: string
  readonly place: Place
  readonly isolation: Facts['isolation']
  readonly shipped: ShippedKinds
}

/** The live set judged off the event loop, on a handle of its own (DESIGN §8). */
let opened: { readonly reader: Reader; readonly judge: LiveJudge } | undefined

serveTasks({
  open,
  pass,
  changes: (asked: { readonly from: number; readonly count: number }) =>
    thread().judge.changes(asked),
  one: (asked: Omit<PassAsked, 'whole'> & { readonly liveId: number }) =>
    inSnapshot((reader, judge) => judge.one(reader, asked)),
  due: (asked: DueAsked) => inSnapshot((reader) => dueReactions(reader, asked)),
})

/** Once; whoever asks again asks in vain, so that what is remembered stays. */
function open({ database, dataDir, place, isolation, shipped }: OpenAsked): void {
  if (opened !== undefined) return
  const policies = new Policies(shipped)
  const examiner = new ThreadJudge(new BlobDirectory(dataDir))
  const judge = new LiveJudge({ place, isolation, policies, examiner })
  opened = { reader: openReader(database), judge }
}

function thread(): NonNullable<typeof opened> {
  if (opened !== undefined) return opened
  throw new PlatformError('UNAVAILABLE', 'the thread was replaced and is not open yet')
}

/** `changes` are asked for meanwhile: those of the look before are over as soon as this one is asked for. */
async function pass(asked: PassAsked): Promise<PassFound> {
  const { judge } = thread()
  judge.begin()
  try {
    return await inSnapshot((reader) => judge.pass(reader, asked))
  } finally {
    judge.end()
  }
}

async function inSnapshot<T>(work: (reader: Reader, judge: LiveJudge) => Promise<T>): Promise<T> {
  const { reader, judge } = thread()
  return await reader.transaction().execute((snapshot) => work(snapshot, judge))
}
