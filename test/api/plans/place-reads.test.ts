import { expect, it } from 'vitest'

import {
  allPlaces,
  eachPlaceOf,
  type PlaceReads,
} from '../../../services/operations/place-reads.ts'
import type { Reader, Writer } from '../../../services/store/index.ts'
import { startTestApp } from '../../support/app.ts'

const NAMES = ['one', 'two', 'three']
const ALIASES = ['prod', 'test']
const NOW = 1_000_000
const RELEASE = 'a'.repeat(64)

it('a run that reads tables whole is told of every place what one change is told', async () => {
  await using app = await startTestApp()
  await app.deps.store.transaction(fill)
  await app.deps.store.snapshot(async (reader) => {
    const run = allPlaces(app.deps)
    const eachPlace = eachPlaceOf(app.deps)
    let told = 0
    for (const functionName of NAMES) {
      for (const alias of ALIASES) {
        const one = await allOf(eachPlace, reader, { functionName, alias })
        expect(await allOf(run, reader, { functionName, alias })).toMatchObject(one)
        told += one.filter((part) => Array.isArray(part) && part.length > 0).length
      }
    }
    expect(await allOf(eachPlace, reader, { functionName: 'one', alias: 'prod' })).toMatchObject([
      'aliases',
      [{ scope: 'one' }, { scope: 'one:prod' }],
      [{ name: 'nights' }],
      [{ scope: '*:prod' }],
      { soakMs: 60 },
      [{ id: 'fx-1' }],
      [{ id: 'bg-1' }],
      [{ id: 'apr-1', approvers: [{ principal: 'usr-admin' }] }],
      [{ signer: 'key:k' }],
    ])
    expect(told).toBeGreaterThan(NAMES.length * ALIASES.length * 3)
  })
})

async function allOf(
  places: PlaceReads,
  reader: Reader,
  place: { functionName: string; alias: string },
): Promise<unknown[]> {
  const { functionName, alias } = place
  const scopes = [functionName, `${functionName}:${alias}`, functionName]
  return [
    await places.reach(reader, functionName),
    await places.freezes(reader, scopes),
    await places.freezeWindows(reader),
    await places.promotionRules(reader),
    await places.floorRule(reader, place),
    await places.floorExceptions(reader, place, NOW),
    await places.exceptions(reader, place),
    await places.approvals(reader, { ...place, requester: 'usr-admin' }, NOW),
    await places.signerOwners(reader),
  ]
}

/** Of everything something that holds, something of another place, and something that is over. */
async function fill(tx: Writer): Promise<void> {
  const prod = { function_name: 'one', alias: 'prod' }
  await tx
    .insertInto('principal')
    .values({ id: 'usr-2', kind: 'user', name: 'eve', roles: '["approver"]', created_at: 1 })
    .execute()
  await tx
    .insertInto('function_reach')
    .values({ function_name: 'one', mode: 'aliases', direct: '[]', last_modified: 1 })
    .execute()
  await tx
    .insertInto('freeze')
    .values(
      ['one:prod', 'one', 'two:test', '*'].map((scope) => ({
        scope,
        reason: 'r',
        frozen_at: 1,
        frozen_by: 'usr-admin',
      })),
    )
    .execute()
  await tx
    .insertInto('freeze_window')
    .values({ name: 'nights', document: '{"name":"nights"}', last_modified: 1 })
    .execute()
  await tx
    .insertInto('promotion_rule')
    .values({ scope: '*:prod', from_alias: 'test', soak_ms: 1, last_modified: 1 })
    .execute()
  await tx
    .insertInto('floor_rule')
    .values([
      { ...prod, soak_ms: 60, last_modified: 1 },
      { function_name: 'three', alias: 'test', soak_ms: 70, last_modified: 1 },
    ])
    .execute()
  const excepted = {
    ...prod,
    release: RELEASE,
    reason: 'r',
    granted_at: 1,
    granted_by: 'usr-admin',
  }
  await tx
    .insertInto('floor_exception')
    .values([
      { ...excepted, id: 'fx-1', expires_at: NOW + 1 },
      { ...excepted, id: 'fx-over', expires_at: NOW },
      { ...excepted, id: 'fx-two', function_name: 'two', expires_at: NOW + 1 },
    ])
    .execute()
  const glass = {
    ...prod,
    version: '1',
    release: RELEASE,
    reason: 'r',
    ticket: 't',
    scope: '["policy"]',
    ttl_ms: 1,
    requester: 'usr-admin',
    requested_at: 1,
  }
  await tx
    .insertInto('break_glass')
    .values([
      { ...glass, id: 'bg-1', quorum: 2, second: 'usr-2', granted_at: 2, until: 3 },
      { ...glass, id: 'bg-alone' },
      {
        ...glass,
        id: 'bg-two',
        function_name: 'two',
        quorum: 2,
        second: 'usr-2',
        granted_at: 2,
        until: 3,
      },
    ])
    .execute()
  const asked = {
    ...prod,
    version: '1',
    release: RELEASE,
    weight: 1,
    requester: 'usr-admin',
    reason: 'r',
    opened_at: 1,
    expires_at: NOW + 1,
    state: 'open' as const,
  }
  await tx
    .insertInto('approval_request')
    .values([
      { ...asked, id: 'apr-1' },
      { ...asked, id: 'apr-over', expires_at: NOW },
      { ...asked, id: 'apr-later', opened_at: NOW + 1, expires_at: NOW + 2 },
      { ...asked, id: 'apr-other', requester: 'usr-2' },
      { ...asked, id: 'apr-test', alias: 'test' },
    ])
    .execute()
  await tx
    .insertInto('approval')
    .values({ request_id: 'apr-1', principal_id: 'usr-admin', approved_at: 2, comment: '' })
    .execute()
  await tx
    .insertInto('signer_owner')
    .values({
      signer: 'key:k',
      label: 'k',
      principal_id: 'usr-2',
      mapped_at: 1,
      mapped_by: 'usr-admin',
    })
    .execute()
}
