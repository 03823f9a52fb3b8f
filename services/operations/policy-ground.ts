import type { PolicyKind } from '../model/index.ts'

/** What a shipped set stands on (RULES §8, §9). */
interface Ground {
  readonly isolation: 'full' | 'partial' | 'none'
  /** Where the master key comes from. */
  readonly masterKey: string
}

/** What is missing here for the set of this name, as a sentence; `undefined` where nothing is. */
export function missingGround(
  kind: PolicyKind,
  name: string,
  { isolation, masterKey }: Ground,
): string | undefined {
  if (kind !== 'admission' || name !== 'strict-production') return undefined
  if (isolation === 'none')
    return 'the policy set `strict-production` wants functions isolated: `lacre doctor` says what is missing here'
  if (masterKey === 'inside the data directory')
    return 'the policy set `strict-production` wants the master key outside the data directory: give --master-key-file'
  return undefined
}
