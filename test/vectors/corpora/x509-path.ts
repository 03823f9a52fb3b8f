import { PlatformError } from '../../../services/model/index.ts'
import { encodePem, parsePem } from '../../../services/seal/index.ts'
import {
  checkStatus,
  findPath,
  isValidAt,
  parseCertificate,
  VerificationCache,
  type Certificate,
  type PathRules,
} from '../../../services/trust/index.ts'

/** What the path builder and the certificate's times say, in one word and one sentence. */
export interface PathOutcome {
  readonly accepted: boolean
  readonly reason: string
  readonly got: string
}

export interface PathCase {
  /** DER, leaf first. */
  readonly leaf: Uint8Array
  readonly intermediates: readonly Uint8Array[]
  readonly anchors: readonly Uint8Array[]
  readonly atMs: number
  readonly rules: PathRules
  /** DER; a list must cover the leaf where there is one. */
  readonly lists?: readonly Uint8Array[]
}

export const ACCEPTED: PathOutcome = { accepted: true, reason: '', got: 'a path' }

/** Parses what can be parsed, as detached seals are treated: a certificate that cannot be read leads nowhere. */
export function findPathOf(input: PathCase, cache = new VerificationCache()) {
  let fault: PathOutcome | undefined
  const parse = (der: Uint8Array): Certificate[] => {
    try {
      return [parseCertificate(der, cache)]
    } catch (error) {
      fault ??= refusalOf(error)
      return []
    }
  }
  const [leaf] = parse(input.leaf)
  const [intermediates, anchors] = [
    input.intermediates.flatMap(parse),
    input.anchors.flatMap(parse),
  ]
  if (leaf === undefined)
    return { outcome: fault ?? ACCEPTED, path: undefined, intermediates, anchors }
  const options = { intermediates, anchors, timesMs: [input.atMs], rules: input.rules }
  const result = findPath(leaf, options, cache)
  if (result.kind === 'none') {
    const { reason, got } = result.refusal
    const outcome =
      reason === 'unknown-issuer' && fault !== undefined ? fault : { accepted: false, reason, got }
    return { outcome, path: undefined, intermediates, anchors }
  }
  const outcome =
    outOfTime(result.certificates, input.atMs) ??
    revoked(input, result.certificates, { intermediates, anchors }, cache) ??
    ACCEPTED
  return { outcome, path: result.certificates, intermediates, anchors }
}

function outOfTime(path: readonly Certificate[], atMs: number): PathOutcome | undefined {
  const old = path.find((one) => !isValidAt(one, atMs))
  if (old === undefined) return undefined
  const got = `\`${old.subjectText}\` is out of its time`
  return { accepted: false, reason: 'certificate-time', got }
}

function revoked(
  { lists = [], atMs }: PathCase,
  path: readonly Certificate[],
  { intermediates, anchors }: Record<'intermediates' | 'anchors', readonly Certificate[]>,
  cache: VerificationCache,
): PathOutcome | undefined {
  if (lists.length === 0) return undefined
  const document = {
    kind: 'x509' as const,
    forms: [],
    purposes: [],
    rootsPem: anchors.map(({ der }) => encodePem('CERTIFICATE', der)),
    intermediatesPem: [],
    revocation: {
      lists: lists.map((der) => ({ pem: encodePem('X509 CRL', der) })),
      onFailure: 'closed' as const,
    },
  }
  const facts = {
    path,
    document,
    fetched: [],
    staples: [],
    intermediates,
    authorities: [...anchors, ...intermediates],
    trustedTimesMs: [],
    atMs,
  }
  const [finding] = checkStatus(facts, cache).findings
  return finding && { accepted: false, reason: finding.reason ?? '', got: finding.got }
}

/** The typed refusal that an error is; anything else is a crash and goes on. */
export function refusalOf(error: unknown): PathOutcome {
  if (!(error instanceof PlatformError)) throw error
  const { rule } = error.detail
  return {
    accepted: false,
    reason: typeof rule === 'string' ? rule : error.code,
    got: error.message,
  }
}

export function toDer(pem: string): Uint8Array {
  const [block] = parsePem(pem)
  if (block === undefined) throw new Error('no PEM block')
  return block.bytes
}
