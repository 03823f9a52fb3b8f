import type { SealFinding, SealInput } from '../model/index.ts'
import type { VouchPredicate } from '../seal/index.ts'
import { matchesGlob } from './binding.ts'
import { failed } from './findings.ts'
import type { JudgeInput } from './judge-input.ts'

/**
 * What keeps a vouch from admitting this artifact here: it lies beside what somebody else made, is for layers (and for
 * zips that AWS Signer signed), and holds for the functions and the account it names (RULES §4).
 */
export function checkVouch(
  { names, account }: VouchPredicate,
  place: SealInput['place'],
  input: JudgeInput,
): SealFinding[] {
  const findings: SealFinding[] = []
  if (place !== 'detached')
    findings.push(
      failed('mismatch', 'vouch-not-detached', {
        expected: 'a vouch beside the artifact',
        got: 'a vouch inside the zip',
        fix: 'attach it: `PUT /api/v1/artifacts/{sha256}/seals`',
      }),
    )
  if (input.kind === 'function' && input.awsSigned !== true)
    findings.push(
      failed('mismatch', 'vouch-for-function', {
        expected: 'a seal: a vouch admits layers, and zips that AWS Signer signed',
        got: "a vouch for a function's own code",
        fix: 'sign the zip with `lacre sign`',
      }),
    )
  const name = input.kind === 'function' ? input.name : input.functionName
  if (name === undefined || !names.some((glob) => matchesGlob(glob, name)))
    findings.push(
      failed('mismatch', 'vouch-scope', {
        expected: name === undefined ? 'a function that takes it' : `a vouch for \`${name}\``,
        got: `the vouch is for ${names.map((glob) => `\`${glob}\``).join(', ')}`,
        nearest: names[0],
        fix: `vouch with --name ${name ?? 'FUNCTION'}`,
      }),
    )
  if (account !== undefined && account !== input.account)
    findings.push(
      failed('mismatch', 'vouch-scope', {
        expected: `a vouch for the account ${input.account}`,
        got: `the vouch is for the account ${account}`,
        fix: `vouch with --account ${input.account}`,
      }),
    )
  return findings
}
