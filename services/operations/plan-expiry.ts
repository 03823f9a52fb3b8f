import { X509Certificate } from 'node:crypto'

import {
  openRequests,
  listBreakGlass,
  listFloorExceptions,
  listFreezeWindows,
} from '../catalog/index.ts'
import {
  functionRef,
  parseIsoTime,
  toIsoTime,
  type Facts,
  type FreezeWindow,
  type PublisherDocument,
  type ResourceRef,
  type TrustedPublisher,
} from '../model/index.ts'
import { freezeEnd } from '../policy/index.ts'
import type { Reader } from '../store/index.ts'
import {
  VerificationCache,
  parseCertificate,
  parseTrustedRoot,
  type Certificate,
} from '../trust/index.ts'

/** Something that ends by itself. */
export interface Expiring {
  readonly kind:
    | 'seal'
    | 'key'
    | 'certificate'
    | 'timestamp-authority'
    | 'log'
    | 'approval'
    | 'break-glass'
    | 'floor-exception'
    | 'freeze-window'
  /** The seal's digest, a certificate's subject, a log's address, a window's name; the id of what somebody granted. */
  readonly name: string
  /** FUNCTION:ALIAS that it was granted for, or a window's scope; `null` for what trust rests on. */
  readonly place: string | null
  /** Its publisher: `NAME/VERSION`, as far as it is known. */
  readonly publisher: string | null
  /** RFC 3339. */
  readonly expiresAt: string
  /** Versions behind names that it stands behind; `null` where that is not known. */
  readonly uses: number | null
}

interface Window {
  readonly fromMs: number
  readonly toMs: number
}

/** Collects what expires within a window: seals of what is live, and what publishers are trusted by. */
export class ExpiryWatch {
  readonly #window: Window
  readonly #seals = new Map<string, Expiring & { uses: number }>()

  constructor(window: Window) {
    this.#window = window
  }

  add(facts: Facts): void {
    for (const { verdict } of facts.subjects) {
      for (const { digest, expiresAtMs, publisher, outcome } of verdict.seals) {
        if (outcome !== 'trusted' || expiresAtMs === undefined) continue
        if (!this.#holds(expiresAtMs)) continue
        const known = this.#seals.get(digest) ?? {
          kind: 'seal',
          name: digest,
          place: null,
          publisher: publisher === undefined ? null : `${publisher.name}/${publisher.version}`,
          expiresAt: toIsoTime(expiresAtMs),
          uses: 0,
        }
        known.uses += 1
        this.#seals.set(digest, known)
      }
    }
  }

  /** Soonest first. `granted` is what people granted, with whatever end it has. */
  list(publishers: readonly TrustedPublisher[], granted: readonly GrantEnd[]): Expiring[] {
    const trust = publishers
      .filter(({ status }) => status === 'Active')
      .flatMap(({ name, version, document }) =>
        endsOf(document)
          .filter(({ atMs }) => this.#holds(atMs))
          .map(({ atMs, ...end }) => ({
            ...end,
            place: null,
            publisher: `${name}/${version}`,
            expiresAt: toIsoTime(atMs),
            uses: null,
          })),
      )
    const grants = granted
      .filter(({ atMs }) => this.#holds(atMs))
      .map(({ atMs, ...end }) => ({
        ...end,
        publisher: null,
        expiresAt: toIsoTime(atMs),
        uses: null,
      }))
    return [...this.#seals.values(), ...trust, ...grants].toSorted((a, b) =>
      a.expiresAt < b.expiresAt ? -1 : 1,
    )
  }

  #holds(atMs: number): boolean {
    return atMs > this.#window.fromMs && atMs <= this.#window.toMs
  }
}

const cache = new VerificationCache()

type End = Pick<Expiring, 'kind' | 'name'> & { readonly atMs: number }
type GrantEnd = End & { readonly place: string }

/** What of ours it names: whoever may not read that is not told of it (RULES §10). */
export function objectOf({ kind, name, publisher, place }: Expiring): ResourceRef {
  if (publisher !== null) return { kind: 'Publisher', name: publisher.split('/')[0] ?? '' }
  if (place === null || kind === 'freeze-window') return { kind: 'Object', name }
  const [functionName = '', alias] = place.split(':')
  return functionRef(functionName, alias)
}

function endsOf(document: PublisherDocument): End[] {
  const authorities = (document.timestampAuthorities ?? []).flatMap((one) =>
    [...one.rootsPem, ...one.intermediatesPem].map((pem) =>
      certificate('timestamp-authority', pem),
    ),
  )
  if (document.kind === 'key') {
    const keys = document.keys.flatMap(({ notAfterMs }, at): End[] =>
      notAfterMs === undefined ? [] : [{ kind: 'key', name: `key ${at + 1}`, atMs: notAfterMs }],
    )
    return [...keys, ...authorities]
  }
  if (document.kind === 'oidc') return [...rootEnds(document.trustedRoot), ...authorities]
  if (document.kind !== 'x509') return authorities
  const path = [...document.rootsPem, ...document.intermediatesPem]
  return [...path.map((pem) => certificate('certificate', pem)), ...authorities]
}

/** Of a keyless publisher: the authorities and logs of its trusted root, each by what ends first of it. */
function rootEnds(text: string): End[] {
  const { certificateAuthorities, timestampAuthorities, logs, ctLogs } = parseTrustedRoot(
    text,
    cache,
  )
  return [
    ...certificateAuthorities.map(({ anchor, intermediates, window }) =>
      chainEnd('certificate', [anchor, ...intermediates], window.untilMs),
    ),
    ...timestampAuthorities.map(({ anchors, intermediates, notAfterMs }) =>
      chainEnd('timestamp-authority', [...anchors, ...intermediates], notAfterMs),
    ),
    ...[...logs, ...ctLogs].flatMap(({ baseUrl, window }): End[] =>
      window.untilMs === undefined ? [] : [{ kind: 'log', name: baseUrl, atMs: window.untilMs }],
    ),
  ]
}

function chainEnd(
  kind: 'certificate' | 'timestamp-authority',
  chain: readonly Certificate[],
  untilMs: number | undefined,
): End {
  const atMs = Math.min(untilMs ?? Infinity, ...chain.map(({ notAfterMs }) => notAfterMs))
  return { kind, name: chain.map(({ subjectText }) => subjectText).join(' / '), atMs }
}

/** What people set for a time: approvals that are open, exceptions that are in force, freeze windows that end. */
export async function grantedEnds(reader: Reader, { fromMs, toMs }: Window): Promise<GrantEnd[]> {
  const approvals = await openRequests(reader, undefined, fromMs)
  const glasses = await listBreakGlass(reader, {})
  const floors = await listFloorExceptions(reader, undefined, fromMs)
  const windows = await listFreezeWindows(reader)
  return [
    ...approvals.map((one): GrantEnd => {
      const { id: name, expiresAt } = one
      const atMs = parseIsoTime(expiresAt) ?? fromMs
      return { kind: 'approval', name, place: placeOf(one), atMs }
    }),
    ...glasses.flatMap((one): GrantEnd[] =>
      one.untilMs === null || one.endedAtMs !== null
        ? []
        : [{ kind: 'break-glass', name: one.id, place: placeOf(one), atMs: one.untilMs }],
    ),
    ...floors.map((one): GrantEnd => {
      return { kind: 'floor-exception', name: one.id, place: placeOf(one), atMs: one.expiresAtMs }
    }),
    ...windows.flatMap((window) => windowEnd(window, { fromMs, toMs })),
  ]
}

function placeOf({ functionName, alias }: { functionName: string; alias: string }): string {
  return `${functionName}:${alias}`
}

/** From then on what it held up goes ahead, until it opens again. */
function windowEnd(window: FreezeWindow, { fromMs, toMs }: Window): GrantEnd[] {
  const atMs = freezeEnd(window, { fromMs, toMs })
  const { name, scope: place } = window
  return atMs === undefined ? [] : [{ kind: 'freeze-window', name, place, atMs }]
}

/** Parsed when the publisher was made. */
function certificate(kind: 'certificate' | 'timestamp-authority', pem: string): End {
  const { notAfterMs, subjectText } = parseCertificate(new X509Certificate(pem).raw, cache)
  return { kind, name: subjectText, atMs: notAfterMs }
}

/** Revocation lists are fetched on the way: one that is due by then says nothing of what will be. */
export function withoutLists(publishers: readonly TrustedPublisher[]): TrustedPublisher[] {
  return publishers.map((one) => {
    if (one.document.kind !== 'x509') return one
    const { revocation: _lists, ...document } = one.document
    return { ...one, document }
  })
}
