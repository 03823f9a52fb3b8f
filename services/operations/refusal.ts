import type { DecisionCheck, ErrorCode } from '../model/index.ts'

/** AWS documents this sentence for the integrity check (SIGNING.md C.5). */
const INTEGRITY_SENTENCE =
  'The code signature failed the integrity check. If the integrity check fails, then Lambda blocks deployment, even if the code signing policy is set to WARN.'

/**
 * The sentence AWS's clients know; the decision, by its id in `x-lacre-decision-id`, tells the rest.
 * Observed from AWS: `<X>` is the function's name, or the layer version's ARN (SIGNING.md C.5).
 */
export function refusalMessage(
  code: ErrorCode,
  failed: readonly DecisionCheck[],
  subjects: readonly { readonly arn: string; readonly name: string }[],
): string {
  if (code === 'INVALID_CODE_SIGNATURE') return INTEGRITY_SENTENCE
  if (code === 'CODE_VERIFICATION_FAILED') {
    const arn = failed[0]?.subject ?? ''
    const what = arn.includes(':layer:')
      ? arn
      : (subjects.find((one) => one.arn === arn)?.name ?? arn)
    return `Lambda cannot deploy the function. The function or layer might be signed using a signature that the client is not configured to accept. Check the provided signature for ${what}.`
  }
  const rules = failed.map((check) => `${check.rule}: expected ${check.expected}, got ${check.got}`)
  return `the policy refuses this change: ${rules.join('; ')}`
}
