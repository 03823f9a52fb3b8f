import {
  activeStatus,
  findNewestPublished,
  insertVersion,
  pendingStatus,
  publishDigest,
  takeVersionNumber,
  type NewVersion,
  type TouchedRow,
  type VersionRecord,
} from '../catalog/index.ts'
import { newId } from '../model/index.ts'
import type { Reader, Writer } from '../store/index.ts'
import { enqueueActivation } from './activate.ts'
import type { Deps } from './context.ts'

/** The version that already is what would be published now: publishing again answers it (SPEC A3). */
export async function findPublished(
  reader: Reader,
  latest: Pick<VersionRecord, 'functionId' | 'configuration' | 'codeSha256' | 'layers'>,
): Promise<VersionRecord | undefined> {
  const newest = await findNewestPublished(reader, latest.functionId)
  return newest?.configuration.PublishedFrom === publishDigest(latest) ? newest : undefined
}

export interface Publication {
  /** What is copied: a state of `$LATEST`. */
  readonly from: NewVersion & { readonly functionName: string }
  readonly decisionId: string
  readonly description?: string | undefined
  /** Whether code and layers are prepared already; otherwise the version is Pending until they are. */
  readonly prepared: boolean
  readonly atMs: number
}

/** Writes the next version of the function. */
export async function publish(
  deps: Deps,
  tx: Writer,
  publication: Publication,
): Promise<{ readonly id: string; readonly touched: readonly TouchedRow[] }> {
  const { from, atMs, prepared } = publication
  const number = await takeVersionNumber(tx, from.functionName)
  const id = newId('fv', deps.clock, deps.random)
  const row = await insertVersion(tx, {
    ...from,
    ...(prepared ? activeStatus : pendingStatus),
    id,
    version: number.version,
    configuration: {
      ...from.configuration,
      Description: publication.description ?? from.configuration.Description,
      PublishedFrom: publishDigest(from),
    },
    decisionId: publication.decisionId,
    revisionId: deps.random.uuid(),
    lastModifiedMs: atMs,
  })
  if (!prepared) await enqueueActivation(deps, tx, id, atMs)
  return { id, touched: [number.touched, row] }
}
