import { X509Certificate } from 'node:crypto'

import { approvalFacts, listBreakGlass, listFloorExceptions } from '../catalog/index.ts'
import {
  parseIsoTime,
  toIsoTime,
  type Facts,
  type PublisherDocument,
  type TrustedPublisher,
} from '../model/index.ts'
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
  /** The seal's digest, a certificate's subject, a log's address; the id of what somebody granted. */
  readonly name: string
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
  list(publishers: readonly TrustedPublisher[], granted: readonly End[]): Expiring[] {
    const trust = publishers
      .filter(({ status }) => status === 'Active')
      .flatMap(({ name, version, document }) =>
        endsOf(document)
          .filter(({ atMs }) => this.#holds(atMs))
          .map(({ atMs, ...end }) => ({
            ...end,
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

export type End = Pick<Expiring, 'kind' | 'name'> & { readonly atMs: number }

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

/** What people granted for a time: approvals that are open, exceptions that are in force. */
export async function grantedEnds(reader: Reader, atMs: number): Promise<End[]> {
  const approvals = await approvalFacts(reader, undefined, atMs)
  const glasses = await listBreakGlass(reader, {})
  const floors = await listFloorExceptions(reader, undefined, atMs)
  return [
    ...approvals.map(({ id, expiresAt }): End => {
      return { kind: 'approval', name: id, atMs: parseIsoTime(expiresAt) ?? atMs }
    }),
    ...glasses.flatMap(({ id, untilMs, endedAtMs }): End[] =>
      untilMs === null || endedAtMs !== null
        ? []
        : [{ kind: 'break-glass', name: id, atMs: untilMs }],
    ),
    ...floors.map(({ id, expiresAtMs }): End => {
      return { kind: 'floor-exception', name: id, atMs: expiresAtMs }
    }),
  ]
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
