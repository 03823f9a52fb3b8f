import { PlatformError, type Decision, type Json } from '../../services/model/index.ts'
import { EXIT } from '../exit-codes.ts'
import { inline, type Terminal } from '../terminal.ts'
import { explainDecision } from './explain.ts'
import type { Service } from './service.ts'

/**
 * Runs a change; where the gate refuses it, the whole decision is the result and the exit code says "refused".
 * Answers `undefined` then.
 */
export async function explained<T>(
  service: Service,
  terminal: Terminal,
  work: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof PlatformError) || error.decisionId === undefined) throw error
    const decision = await service.decision(error.decisionId)
    terminal.result(
      {
        refused: { code: error.code, message: error.publicMessage },
        decision: decision as unknown as Json,
      },
      `refused: ${inline(error.publicMessage)}\n${explainDecision(decision)}`,
    )
    terminal.exitWith(EXIT.refused)
    return undefined
  }
}

/** Says what was decided; a warning is told in full. */
export async function narrate(
  service: Service,
  terminal: Terminal,
  decided: { readonly what: string; readonly id: string | undefined },
): Promise<Decision | undefined> {
  if (decided.id === undefined) return undefined
  const decision = await service.decision(decided.id)
  if (decision.outcome === 'warn') terminal.say(explainDecision(decision))
  else terminal.say(`${decided.what}: ${decision.outcome}, decision ${decision.id}`)
  return decision
}
