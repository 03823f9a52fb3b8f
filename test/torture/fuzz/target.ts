import { PlatformError } from '../../../services/model/index.ts'
import type { Seeded } from '../seeded.ts'

/** A door that takes bytes from whoever comes, and how it is knocked at. */
export interface Target {
  /** What mutants are made of: own work, and rows of the vectors where there are any. */
  seeds(vectors: string | undefined): Promise<readonly Buffer[]>
  mutate(input: Buffer, chance: Seeded, others: readonly Buffer[]): Buffer
  /** What came of it, in a few words that stand for the way that was gone. @throws whatever nobody may see */
  run(input: Buffer): Promise<string>
}

/** What is a bug wherever it comes from. */
const NEVER: readonly string[] = ['INTERNAL', 'CONFIGURATION', 'LEDGER_BROKEN']

/** The outcome of one call: a refusal of ours by its code, rule and sentence without what is particular to the input. */
export async function outcome(call: () => unknown): Promise<string> {
  try {
    const result = await call()
    return typeof result === 'string' ? result : 'taken'
  } catch (error) {
    if (!(error instanceof PlatformError) || NEVER.includes(error.code)) throw error
    const { rule } = error.detail
    return `${error.code} ${typeof rule === 'string' ? rule : ''} ${shapeOf(error.message)}`
  }
}

function shapeOf(message: string): string {
  return message.replace(/`[^`]*`|'[^']*'|"[^"]*"|\d+/g, '*').slice(0, 120)
}

/** Thrown where an answer came, and it is a wrong one. */
export class WrongAnswer extends Error {
  override readonly name = 'WrongAnswer'
}
