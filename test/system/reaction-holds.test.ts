import { CreateAliasCommand, UpdateAliasCommand } from '@aws-sdk/client-lambda'
import { afterAll, beforeAll, expect, test } from 'vitest'

import { listFreezes } from '../../services/catalog/index.ts'
import {
  planReaction,
  readReactions,
  setReaction,
  settleHold,
  type HoldShown,
} from '../../services/operations/index.ts'
import { startTestApp, type TestApp } from '../support/app.ts'
import { makeViolating, someone } from '../support/violating.ts'

/** What waits for a person, and that he settles what he saw and nothing else; two names at once are too much here. */

let app: TestApp

beforeAll(async () => {
  app = await startTestApp({ reactionsMaxAliases: '1' })
}, 60_000)
afterAll(() => app[Symbol.asyncDispose]())

/** `NAME:prod` and `NAME:next` violate. */
async function twoViolate(FunctionName: string): Promise<void> {
  const { revokeBad } = await makeViolating(app, FunctionName)
  await app.client.send(
    new CreateAliasCommand({ FunctionName, Name: 'next', FunctionVersion: '2' }),
  )
  await revokeBad()
}

async function react(scope: string, reaction: 'record' | 'freeze'): Promise<void> {
  await setReaction(app.deps, someone, { scope, reaction })
  await app.deps.verifier.settled()
}

async function newest(): Promise<HoldShown> {
  const [hold] = (await readReactions(app.deps)).holds
  if (hold === undefined) throw new Error('there is no hold')
  return hold
}

async function settle(state: 'released' | 'dismissed', hold: HoldShown): Promise<void> {
  await settleHold(app.deps, someone, { id: hold.id, through: hold.through, state })
  await app.deps.verifier.settled()
}

async function frozen(name: string): Promise<string[]> {
  const scopes = [`${name}:next`, `${name}:prod`]
  const freezes = await listFreezes(app.deps.store.reader, scopes)
  return freezes.map(({ scope }) => scope).toSorted()
}

test('dismisses what waits and nothing else: what violated before it under `record` is reacted to when that is set', async () => {
  await react('before', 'record')
  await twoViolate('before')
  await twoViolate('seen')
  const hold = await newest()
  expect(hold).toMatchObject({ state: 'open', aliases: 2 })

  await settle('dismissed', hold)
  expect(await frozen('seen')).toEqual([])
  await react('before:prod', 'freeze')

  expect(await frozen('before')).toEqual(['before:prod'])
  expect(await frozen('seen')).toEqual([])
}, 60_000)

test('releases what waits and nothing else: what violated before it still waits for a person', async () => {
  await react('earlier', 'record')
  await twoViolate('earlier')
  await twoViolate('released')
  await settle('released', await newest())
  expect(await frozen('released')).toEqual(['released:next', 'released:prod'])

  await react('earlier', 'freeze')

  expect(await frozen('earlier')).toEqual([])
  expect(await newest()).toMatchObject({ state: 'open', aliases: 2 })
  await settle('dismissed', await newest())
}, 60_000)

test('is not settled by somebody who saw less of it', async () => {
  await twoViolate('one')
  const seen = await newest()
  await twoViolate('two')
  const grown = await newest()
  expect(grown).toMatchObject({ id: seen.id, aliases: 4 })
  expect(grown.through).toBeGreaterThan(seen.through)

  await expect(settle('released', seen)).rejects.toMatchObject({ code: 'RESOURCE_CONFLICT' })
  expect([...(await frozen('one')), ...(await frozen('two'))]).toEqual([])
  await settle('dismissed', grown)
}, 60_000)

test('plans for a name, however much violates elsewhere', async () => {
  const { revokeBad } = await makeViolating(app, 'wide')
  for (let at = 0; at < 50; at += 1)
    await app.client.send(
      new CreateAliasCommand({ FunctionName: 'wide', Name: `w${at}`, FunctionVersion: '2' }),
    )
  await revokeBad()
  await twoViolate('narrow')

  const plan = await planReaction(app.deps, { scope: 'narrow:prod', reaction: 'freeze' })

  expect(plan).toMatchObject({ places: 1, effects: [{ alias: 'prod', would: 'freeze' }] })
  await settle('dismissed', await newest())
}, 60_000)

test('closes when nothing of it waits any more', async () => {
  await twoViolate('left')
  expect(await newest()).toMatchObject({ state: 'open' })
  for (const Name of ['prod', 'next'])
    await app.client.send(
      new UpdateAliasCommand({ FunctionName: 'left', Name, FunctionVersion: '1' }),
    )
  await app.deps.verifier.settled()

  const hold = await newest()
  expect(hold.state).toBe('closed')
  await expect(settle('released', hold)).rejects.toMatchObject({ code: 'RESOURCE_CONFLICT' })
}, 60_000)
