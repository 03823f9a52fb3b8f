import type { SealFinding } from '../model/index.ts'
import type { SealPredicate } from '../seal/index.ts'
import { failed } from './findings.ts'
import type { JudgeInput } from './judge-input.ts'

/**
 * Whether `*`s in `glob` can stand for parts of one segment each: never for `/`, `@`, `:` or `#` (RULES §4). Steps
 * back to the last star only, so that no pattern costs more than pattern times text.
 */
export function matchesGlob(glob: string, text: string): boolean {
  let at = 0
  let pattern = 0
  let star = -1
  let resume = 0
  while (at < text.length) {
    const wanted = glob.charAt(pattern)
    if (wanted === '*') {
      star = pattern
      resume = at
      pattern += 1
    } else if (wanted === text.charAt(at)) {
      at += 1
      pattern += 1
    } else if (star >= 0 && !'/@:#'.includes(text.charAt(resume))) {
      resume += 1
      at = resume
      pattern = star + 1
    } else return false
  }
  while (glob.charAt(pattern) === '*') pattern += 1
  return pattern === glob.length
}

/** What a seal's predicate binds and this use of the artifact does not fit. */
export function checkBinding(predicate: SealPredicate, input: JudgeInput): SealFinding[] {
  const findings: SealFinding[] = []
  const { kind, names, account } = predicate
  if (kind !== undefined && kind !== input.kind)
    findings.push(
      failed('mismatch', 'kind-binding', {
        expected: `a seal for a ${input.kind}`,
        got: `the seal is for a ${kind}`,
        fix: `sign with --kind ${input.kind}`,
      }),
    )
  if (names !== undefined && !names.some((glob) => matchesGlob(glob, input.name)))
    findings.push(
      failed('mismatch', 'name-binding', {
        expected: `a seal for \`${input.name}\``,
        got: `the seal is for ${names.map((glob) => `\`${glob}\``).join(', ')}`,
        nearest: names[0],
        fix: `sign with --name ${input.name}, or deploy under a name that the seal allows`,
      }),
    )
  if (account !== undefined && account !== input.account)
    findings.push(
      failed('mismatch', 'account-binding', {
        expected: `a seal for the account ${input.account}`,
        got: `the seal is for the account ${account}`,
        fix: `sign with --account ${input.account}`,
      }),
    )
  return findings
}
