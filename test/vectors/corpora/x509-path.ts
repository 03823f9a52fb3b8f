import { PlatformError } from '../../../services/model/index.ts'
import { parsePem } from '../../../services/seal/index.ts'
import {
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
  const old = result.certificates.find((one) => !isValidAt(one, input.atMs))
  const outcome =
    old === undefined
      ? ACCEPTED
      : {
          accepted: false,
          reason: 'certificate-time',
          got: `\`${old.subjectText}\` is out of its time`,
        }
  return { outcome, path: result.certificates, intermediates, anchors }
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
