// Power is lost at random instants of the whole load: what was not synced is gone, there or torn.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { startService, type Service } from '../support/service.ts'
import { FaultLayer } from './disk/faults.ts'
import { losePower } from './disk/power-loss.ts'
import { judgeRestart } from './judge.ts'
import { killAtInstant, makeClients, startOver } from './kill.ts'
import { latestCheckpoint, OutsideEvidence } from './outside.ts'
import { Seeded } from './seeded.ts'

/** Answers how many losses were not survived whole. */
export async function torture({ n, seed }: { n: number; seed: number }): Promise<number> {
  const chance = new Seeded(seed)
  const data = mkdtempSync(join(tmpdir(), 'lacre-power-'))
  let layer = new FaultLayer(data)
  const start = async (): Promise<Service> =>
    await startService({ data, env: layer.env({ journal: true }) })
  let service = await start()
  let failed = 0
  try {
    const clients = await makeClients(service, seed)
    using outside = new OutsideEvidence(await latestCheckpoint(service))
    console.log(`power: ${n} losses, seed ${seed}`)
    for (let index = 1; index <= n; index += 1) {
      const before = clients.reduce((sum, client) => sum + client.acknowledged, 0)
      outside.keep(await latestCheckpoint(service))
      const { note } = await killAtInstant(service, clients, chance.integer(20, 1_800))
      const acknowledged = clients.reduce((sum, client) => sum + client.acknowledged, 0) - before
      const loss = losePower(data, layer, chance)
      layer[Symbol.dispose]()
      layer = new FaultLayer(data)
      const wrong: string[] = []
      service = await start()
      wrong.push(...(await judgeRestart(service, clients, { chance, outside })))
      const say = wrong.length === 0 ? 'ok' : 'FAILED'
      console.log(
        `  ${index}/${n} ${note}: ${acknowledged} acknowledged; ${loss.writes} writes lost, ${loss.torn} torn, ${loss.names} names lost, ${say}`,
      )
      for (const line of wrong) console.log(`    ${line}`)
      if (wrong.length === 0) continue
      failed += 1
      await startOver(service, clients)
    }
    console.log(`power: ${n} done, ${failed} failed (seed ${seed})`)
  } catch (error) {
    failed += 1
    throw error
  } finally {
    if (service.ended === undefined) await service.stop()
    layer[Symbol.dispose]()
    if (failed === 0) rmSync(data, { recursive: true, force: true, maxRetries: 5 })
    else console.log(`power: the data directory is kept at ${data}`)
  }
  return failed
}
