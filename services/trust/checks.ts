import {
  PlatformError,
  type PublisherCheck,
  type PublisherDocument,
  type SealFinding,
} from '../model/index.ts'

const CHECKS: readonly string[] = [
  'authenticity',
  'timestamp',
  'expiry',
  'revocation',
] satisfies PublisherCheck[]

/**
 * Who signed is not whom the publisher names, under its own roots. What a seal binds is none of it, nor is the identity of
 * a keyless signer: under a public authority anybody has one.
 */
const AUTHENTICITY: ReadonlySet<string> = new Set(['subject'])
const TIMESTAMP: ReadonlySet<string> = new Set(['timestamp-threshold'])

type Checks = NonNullable<PublisherDocument['checks']>

/** @throws PlatformError INVALID_PARAMETER */
export function parseChecks(value: unknown): { readonly checks?: Checks } {
  if (value === undefined) return {}
  if (value === null || typeof value !== 'object' || Array.isArray(value))
    throw refuse('`checks` is not a JSON object')
  for (const [check, mode] of Object.entries(value)) {
    if (!CHECKS.includes(check))
      throw refuse(`\`checks\` holds ${CHECKS.join(', ')}; \`integrity\` is always enforced`)
    if (mode !== 'enforce' && mode !== 'log')
      throw refuse(`the mode of the check \`${check}\` is \`enforce\` or \`log\``)
  }
  return { checks: { ...value } }
}

function refuse(message: string): PlatformError {
  return new PlatformError('INVALID_PARAMETER', message)
}

/**
 * What a publisher has logged instead of enforced becomes a warning that still tells all (DESIGN §5). Never integrity,
 * never what a seal is for or what the code signing config names, and never the end of a vouch, which is its scope.
 */
export function applyChecks(
  findings: readonly SealFinding[],
  checks: Checks | undefined,
): readonly SealFinding[] {
  if (checks === undefined) return findings
  return findings.map((finding) => {
    const check = checkOf(finding)
    if (finding.status !== 'failed' || check === undefined || checks[check] !== 'log')
      return finding
    return { ...finding, status: 'warned' }
  })
}

function checkOf({ rule, reason = '' }: SealFinding): PublisherCheck | undefined {
  if (TIMESTAMP.has(reason)) return 'timestamp'
  if (rule === 'revocation') return 'revocation'
  if (rule === 'expiry') return reason === 'vouch-expired' ? undefined : 'expiry'
  return rule === 'mismatch' && AUTHENTICITY.has(reason) ? 'authenticity' : undefined
}
