import {
  intervalsOf,
  type HeldInterval,
  type LiveTerm,
  type TermPosition,
} from '../../live/index.ts'
import { PlatformError, functionRef, layerArn, type Facts, type Place } from '../../model/index.ts'
import type { Reader } from '../../store/index.ts'
import { readsOf } from '../access/readable.ts'
import type { Caller, Deps } from '../context.ts'
import { toMarker } from '../page.ts'
import { decisionsById } from '../decisions.ts'
import { readCells, type HistoryPage } from './asked.ts'
import { parsePackage, type PackageAsked } from './package-name.ts'
import { isAsked, nextPackages, type PackageFound } from './sbom-packages.ts'
import { namedBy, tellInterval, type ToldInterval } from './told.ts'

export type WhereKind = 'digest' | 'publisher' | 'layer' | 'package'

export interface WhereAsked extends HistoryPage {
  readonly kind: WhereKind
  /** A digest in hex or as AWS's base64; a name or ARN of a publisher or layer; a package URL or NAME[@VERSION]. */
  readonly value: string
  /** What is live now alone. */
  readonly open: boolean
}

/** Where it is live, or was. */
export interface Sighting extends ToldInterval {
  /** Of a package alone: what an SBOM says, and whether it counted when the decision was made. */
  readonly packages?: readonly {
    readonly version: string
    readonly purl: string
    readonly attestation: string
    /** `false` where its signer may not attest that, `null` where it came after the decision. */
    readonly counted: boolean | null
  }[]
}

export interface WhereAnswer {
  readonly kind: WhereKind
  readonly value: string
  readonly sightings: readonly Sighting[]
  readonly nextMarker: string | undefined
}

/**
 * Where something is live, or was, with the intervals: an artifact, layer or release by its digest, a publisher whose seal
 * counted, a layer, a package through the SBOMs attested of what was deployed. A page may hold fewer than were asked for.
 * @throws PlatformError INVALID_PARAMETER
 */
export async function readWhere(
  deps: Deps,
  caller: Caller,
  asked: WhereAsked,
): Promise<WhereAnswer> {
  const { kind, value } = asked
  const found = await deps.store.snapshot(async (reader) => {
    const page =
      kind === 'package'
        ? await findPackage(reader, parsePackage(value), asked)
        : await findTerm(reader, termOf(deps.place, kind, value), asked)
    const decisions = await decisionsById(
      reader,
      page.hits.map(({ held }) => held.decisionId),
    )
    return { ...page, decisions }
  })
  const mayRead = readsOf(deps, caller)
  const sightings: Sighting[] = []
  for (const { held, packages } of found.hits) {
    // That it is there is itself what the decision's facts say.
    const objects = namedBy(found.decisions, held.decisionId)
    if (!(await mayRead([functionRef(held.functionName, held.alias), ...objects]))) continue
    const told = tellInterval(found.decisions, held, true)
    if (kind === 'publisher' && told.seals?.publishers.includes(publisherName(value)) !== true)
      continue
    const facts = found.decisions.get(held.decisionId)?.facts
    sightings.push({
      ...told,
      ...(packages && { packages: packages.map((one) => toPackage(one, facts)) }),
    })
  }
  return { kind, value, sightings, nextMarker: found.next }
}

interface Hit {
  readonly held: HeldInterval
  readonly packages?: readonly PackageFound[]
}

interface HitPage {
  readonly hits: readonly Hit[]
  readonly next: string | undefined
}

async function findTerm(
  reader: Reader,
  term: LiveTerm,
  { marker, open, limit }: WhereAsked,
): Promise<HitPage> {
  const [, after] = readPosition(marker)
  const { intervals, next } = await intervalsOf(reader, term, { after, open, limit })
  return { hits: intervals.map((held) => ({ held })), next: next && toPosition('', next) }
}

/** Artifacts looked at for one page. */
const ARTIFACTS_LIMIT = 256

/** Artifact by artifact, whatever of it was live; the marker names the artifact that it stopped in. */
async function findPackage(
  reader: Reader,
  asked: PackageAsked,
  { marker, open, limit }: WhereAsked,
): Promise<HitPage> {
  const hits: Hit[] = []
  const [at, position] = readPosition(marker)
  let after = position
  let found = await nextPackages(reader, asked, { at: at === '' ? undefined : at })
  for (let looked = 0; looked < ARTIFACTS_LIMIT; looked += 1) {
    const [first] = found
    if (first === undefined) return { hits, next: undefined }
    const packages = found.filter((one) => isAsked(asked, one))
    if (packages.length > 0) {
      const term = { kind: 'digest', sha256: first.artifact } as const
      const room = limit - hits.length
      const page = await intervalsOf(reader, term, {
        after: first.artifact === at ? after : undefined,
        open,
        limit: room,
      })
      hits.push(...page.intervals.map((held) => ({ held, packages })))
      if (page.next !== undefined) return { hits, next: toPosition(first.artifact, page.next) }
    }
    after = undefined
    found = await nextPackages(reader, asked, { after: first.artifact })
  }
  const next = found[0] && toPosition(found[0].artifact, undefined)
  return { hits, next }
}

function toPackage(
  { version, purl, attestation }: PackageFound,
  facts: Facts | undefined,
): NonNullable<Sighting['packages']>[number] {
  const report = facts?.subjects
    .flatMap(({ attestations }) => attestations?.reports ?? [])
    .find(({ digest }) => digest === attestation)
  return {
    version,
    purl,
    attestation,
    counted: report === undefined ? null : report.outcome === 'counts',
  }
}

/** @throws PlatformError INVALID_PARAMETER */
function termOf(place: Place, kind: Exclude<WhereKind, 'package'>, value: string): LiveTerm {
  switch (kind) {
    case 'digest':
      return { kind, sha256: digestOf(value) }
    case 'layer':
      return { kind, arn: layerOf(place, value) }
    case 'publisher':
      return { kind, name: publisherName(value) }
  }
}

function digestOf(value: string): string {
  const hex = /^[A-Za-z0-9+/]{43}=$/.test(value)
    ? Buffer.from(value, 'base64').toString('hex')
    : value.replace(/^sha256:/, '').toLowerCase()
  if (/^[0-9a-f]{64}$/.test(hex)) return hex
  throw invalid(value, 'a SHA-256: 64 hex digits, or base64 as in CodeSha256')
}

function layerOf(place: Place, value: string): string {
  if (/^arn:[a-zA-Z0-9-]+:lambda:[a-zA-Z0-9-]+:\d{12}:layer:[a-zA-Z0-9-_]+(?::\d+)?$/.test(value))
    return value
  const [, name, version] = /^([a-zA-Z0-9-_]{1,140})(?::(\d+))?$/.exec(value) ?? []
  if (name === undefined) throw invalid(value, 'a layer: its ARN, NAME or NAME:VERSION')
  return version === undefined ? layerArn(place, name) : `${layerArn(place, name)}:${version}`
}

/** Publishers' names are never given twice. */
function publisherName(value: string): string {
  const [, name] =
    /^(?:arn:[a-z-]+:signer:[a-z0-9-]+:\d{12}:\/signing-profiles\/)?(\w{2,64})(?:\/\w{10})?$/.exec(
      value,
    ) ?? []
  if (name === undefined) throw invalid(value, 'a publisher: its name, or the ARN of its profile')
  return name
}

function invalid(value: string, what: string): PlatformError {
  return new PlatformError('INVALID_PARAMETER', `\`${value.slice(0, 80)}\` is not ${what}`)
}

const BEFORE_ALL = { functionName: '', release: '', fromMs: 0, id: 0 }

/** The artifact of a package, '' of others; and the interval in it after which the page begins. */
function toPosition(artifact: string, after: TermPosition | undefined): string {
  const { functionName, release, fromMs, id } = after ?? BEFORE_ALL
  return toMarker(JSON.stringify([artifact, functionName, release, fromMs, id]))
}

/** @throws PlatformError INVALID_PARAMETER */
function readPosition(
  marker: string | undefined,
): readonly [artifact: string, after: TermPosition | undefined] {
  const cells = readCells(marker, 'sssnn')
  if (cells === undefined) return ['', undefined]
  const [artifact, functionName, release, fromMs, id] = cells
  if (functionName === '') return [String(artifact), undefined]
  return [
    String(artifact),
    {
      functionName: String(functionName),
      release: String(release),
      fromMs: Number(fromMs),
      id: Number(id),
    },
  ]
}
