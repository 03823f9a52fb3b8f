import { listFloorRules, putFloor, type StagePlace } from '../catalog/index.ts'
import type { TouchedRow } from '../catalog/index.ts'
import type { Floor, Revocation } from '../model/index.ts'
import { floorsAfterRevocation, floorsAt, type FloorGround } from '../policy/index.ts'
import type { Writer } from '../store/index.ts'
import { readFloorGround } from './stage-facts.ts'

/**
 * Writes down what the floor of an alias has risen to since it was last written: in the transaction of whatever moves the
 * alias or changes its floor. Decisions compute the same from rows and clock, so that nothing depends on when that is.
 */
export async function settleFloors(
  tx: Writer,
  place: StagePlace,
  atMs: number,
): Promise<TouchedRow[]> {
  const ground = await readFloorGround(tx, place, atMs)
  return ground === undefined ? [] : await writeRisen(tx, place, ground, floorsAt(ground))
}

/** In the transaction of a revocation, after its rows: floors of every alias from which something worse is out of reach now. */
export async function raiseFloors(
  tx: Writer,
  revoked: readonly Revocation[],
  atMs: number,
): Promise<TouchedRow[]> {
  const touched: TouchedRow[] = []
  for (const place of await listFloorRules(tx)) {
    const ground = await readFloorGround(tx, place, atMs)
    if (ground === undefined) continue
    touched.push(...(await writeRisen(tx, place, ground, floorsAfterRevocation(ground, revoked))))
  }
  return touched
}

async function writeRisen(
  tx: Writer,
  place: StagePlace,
  { stored }: FloorGround,
  floors: readonly Floor[],
): Promise<TouchedRow[]> {
  const known = new Map(stored.map(({ publisher, counter }) => [publisher, counter]))
  const touched: TouchedRow[] = []
  for (const floor of floors.filter((one) => known.get(one.publisher) !== one.counter))
    touched.push(await putFloor(tx, place, floor))
  return touched
}
