import type { ChangeFactsInput } from './change.ts'

/** A setting beside a function's code: nothing is judged by its seals; policies and freezes are asked. */
export function settingChange(what: string): ChangeFactsInput {
  return {
    change: { from: null, to: what },
    release: null,
    subjects: [],
    codeSigningConfigId: null,
    environmentNames: [],
  }
}
