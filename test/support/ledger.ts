import { systemPrincipal } from '../../services/model/index.ts'
import type { Deps } from '../../services/operations/index.ts'
import { runCommandLine } from '../../cli/run.ts'

/** So many entries that tell of nothing, in one transaction. */
export async function appendEntries(
  { store, audit, clock }: Pick<Deps, 'store' | 'audit' | 'clock'>,
  count: number,
): Promise<void> {
  await store.transaction(async (tx) => {
    for (let at = 0; at < count; at += 1)
      await audit.append(tx, {
        type: 'test',
        at: clock.nowMs(),
        principal: systemPrincipal,
        action: 'lacre:Test',
        resource: 'test',
        decision: null,
        world: 0,
        touched: [],
      })
  })
}

export interface CommandEnd {
  readonly code: number
  readonly out: string
  readonly err: string
}

/** `lacre ledger …` in this process. */
export async function ledgerCommand(...args: readonly string[]): Promise<CommandEnd> {
  let [out, err] = ['', '']
  const row = { name: 'ledger', summary: '', load: () => import('../../cli/commands/ledger.ts') }
  const code = await runCommandLine([row], {
    args: ['ledger', ...args],
    environment: {},
    out: { write: (text: string) => (out += text) },
    err: { write: (text: string) => (err += text) },
    version: '0.0.0',
  })
  return { code, out, err }
}
