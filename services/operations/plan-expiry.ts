import { X509Certificate } from 'node:crypto'

import {
  toIsoTime,
  type Facts,
  type PublisherDocument,
  type TrustedPublisher,
} from '../model/index.ts'
import { VerificationCache, parseCertificate } from '../trust/index.ts'

/** Something that ends by itself. */
export interface Expiring {
  readonly kind: 'seal' | 'key' | 'certificate' | 'timestamp-authority'
  /** The seal's digest, or a certificate's subject. */
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

  /** Soonest first. */
  list(publishers: readonly TrustedPublisher[]): Expiring[] {
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
    return [...this.#seals.values(), ...trust].toSorted((a, b) =>
      a.expiresAt < b.expiresAt ? -1 : 1,
    )
  }

  #holds(atMs: number): boolean {
    return atMs > this.#window.fromMs && atMs <= this.#window.toMs
  }
}

const cache = new VerificationCache()

type End = Pick<Expiring, 'kind' | 'name'> & { readonly atMs: number }

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
  if (document.kind !== 'x509') return authorities
  const path = [...document.rootsPem, ...document.intermediatesPem]
  return [...path.map((pem) => certificate('certificate', pem)), ...authorities]
}

/** Parsed when the publisher was made. */
function certificate(kind: 'certificate' | 'timestamp-authority', pem: string): End {
  const { subject, raw } = new X509Certificate(pem)
  const { notAfterMs } = parseCertificate(raw, cache)
  return { kind, name: subject.replaceAll('\n', ', '), atMs: notAfterMs }
}

/** Revocation lists are fetched on the way: one that is due by then says nothing of what will be. */
export function withoutLists(publishers: readonly TrustedPublisher[]): TrustedPublisher[] {
  return publishers.map((one) => {
    if (one.document.kind !== 'x509') return one
    const { revocation: _lists, ...document } = one.document
    return { ...one, document }
  })
}
