import { X509Certificate } from 'node:crypto'

import { toIsoTime } from '../../../model/index.ts'
import { h, type Html } from '../markup.ts'
import { Text, Time } from '../parts.tsx'

/**
 * When nothing that a version of a publisher signs counts any more, as far as its document says so: its last key has ended,
 * or each of its roots. A dash where it has no end of its own.
 */
export function Expiry({ document }: { readonly document: unknown }): Html {
  const { keys, rootsPem } = { ...(document as { keys?: unknown; rootsPem?: unknown } | undefined) }
  const ends = listOf(keys).map((key) => (key as { readonly notAfterMs?: number }).notAfterMs)
  const known = ends.filter((end) => end !== undefined)
  if (known.length > 0 && known.length === ends.length)
    return <Time at={toIsoTime(Math.max(...known))} />
  const roots = listOf(rootsPem).flatMap(endOfCertificate)
  return roots.length === 0 ? <Time at={null} /> : <Text>{`roots: ${roots.join(', ')}`}</Text>
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

/** As OpenSSL writes it. It was read strictly when it was saved; what cannot be read here has no end to tell of. */
function endOfCertificate(pem: unknown): string[] {
  try {
    return [new X509Certificate(String(pem)).validTo]
  } catch {
    return []
  }
}
