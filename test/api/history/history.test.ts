import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import {
  CreateAliasCommand,
  DeleteFunctionCommand,
  PublishVersionCommand,
  UpdateAliasCommand,
  waitUntilPublishedVersionActive,
} from '@aws-sdk/client-lambda'
import Database from 'better-sqlite3'
import type { Kysely } from 'kysely'
import { afterAll, describe, expect, it } from 'vitest'

import type { CommandRow } from '../../../cli/command.ts'
import { runCommandLine } from '../../../cli/run.ts'
import { up } from '../../../migrations/0016_history.ts'
import { sha256 } from '../../../services/model/index.ts'
import { AccessControl, readLiveThen, readWhere } from '../../../services/operations/index.ts'
import { openStore } from '../../../services/store/index.ts'
import { startTestApp } from '../../support/app.ts'
import { attestationOf, TYPE } from '../../support/attestations.ts'
import { authorizationSet } from '../../support/authorization.ts'
import { createActive, refusalOf, updateAndWait } from '../../support/functions.ts'
import { governance } from '../../support/governance.ts'
import { CALLER } from '../../support/lambda-api.ts'
import { nodePackage } from '../../support/packages.ts'
import { keyPair } from '../../support/publisher-keys.ts'
import { stored } from '../../support/stored.ts'

const app = await startTestApp()
const folder = mkdtempSync(join(tmpdir(), 'lacre-history-'))
afterAll(async () => {
  await app[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
})

const table: readonly CommandRow[] = [
  { name: 'live', summary: '', load: () => import('../../../cli/commands/live.ts') },
  { name: 'diff', summary: '', load: () => import('../../../cli/commands/diff.ts') },
  { name: 'history', summary: '', load: () => import('../../../cli/commands/history.ts') },
  { name: 'where', summary: '', load: () => import('../../../cli/commands/where.ts') },
]

async function lacre(...args: readonly string[]) {
  let [out, err] = ['', '']
  const exit = await runCommandLine(table, {
    args: [...args, '--data', app.dataDir],
    environment: {},
    out: { write: (text: string) => (out += text) },
    err: { write: (text: string) => (err += text) },
    version: '0',
  })
  return { exit, out, err }
}

interface Row {
  readonly functionName: string
  readonly alias: string
  readonly slot: string
  readonly version: string
  readonly to: string | null
}
interface Answer {
  readonly live: readonly Row[]
  readonly changes: readonly (Row & { kind: string })[]
  readonly events: readonly { kind: string; failed?: readonly string[] }[]
  readonly sightings: readonly (Row & { packages?: readonly { version: string; counted: boolean | null }[] })[] // prettier-ignore
  readonly nextMarker?: string
  readonly error?: { readonly code: string; readonly message: string }
}
const ask = async (path: string, query: Record<string, string> = {}) =>
  await governance<Answer>(app.admin, { path: `/history/${path}`, query })
const wait = { client: app.client, maxWaitTime: 20, minDelay: 1, maxDelay: 1 }
const now = (): string => new Date().toISOString()
const tick = (): Promise<void> => app.deps.clock.sleep(3)

async function publish(name: string): Promise<string> {
  const { Version = '' } = await app.client.send(new PublishVersionCommand({ FunctionName: name }))
  await waitUntilPublishedVersionActive(wait, { FunctionName: name, Qualifier: Version })
  return Version
}
const point = async (name: string, version: string) =>
  await app.client.send(
    new UpdateAliasCommand({ FunctionName: name, Name: 'prod', FunctionVersion: version }),
  )

const first = nodePackage('one')
const second = nodePackage('two')
const beginning = now()
await tick()
await createActive(app.client, 'shop', { Code: { ZipFile: first } })
await publish('shop')
await app.client.send(
  new CreateAliasCommand({ FunctionName: 'shop', Name: 'prod', FunctionVersion: '1' }),
)
await tick()
const atFirst = now()
await tick()
await updateAndWait(app.client, 'shop', second)
await publish('shop')
await point('shop', '2')
await tick()
const atSecond = now()
await tick()
// A change that is refused: no such version; and one that a freeze forbids.
await governance(app.admin, { method: 'PUT', path: '/freezes/shop', body: { reason: 'audit' } })
const refused = await refusalOf(point('shop', '1'))
await governance(app.admin, { method: 'POST', path: '/freezes/shop/lift', body: {} })
await app.client.send(new DeleteFunctionCommand({ FunctionName: 'shop' }))
await tick()
const atNothing = now()
await tick()
await createActive(app.client, 'shop', { Code: { ZipFile: first } })

const cells = (rows: readonly Row[]): string[] =>
  rows.map((row) => `${row.alias} ${row.slot} ${row.version}`).toSorted()

describe('live at a time', () => {
  it('tells what could be invoked then, before, between and after functions of one name', async () => {
    const at = async (time: string) => cells((await ask('live', { at: time })).body.live)

    expect(await at(beginning)).toEqual([])
    expect(await at(atFirst)).toEqual(['$LATEST primary $LATEST', '1 primary 1', 'prod primary 1'])
    expect(await at(atSecond)).toContain('prod primary 2')
    expect(await at(atNothing)).toEqual([])
    expect(await at(now())).toEqual(['$LATEST primary $LATEST'])
  })

  it('does not tell of an end that was not known yet', async () => {
    const then = await ask('live', { at: atFirst, knownAt: atFirst, functionName: 'shop', alias: 'prod' }) // prettier-ignore
    const today = await ask('live', { at: atFirst, functionName: 'shop', alias: 'prod' })

    expect(then.body.live.map(({ to }) => to)).toEqual([null])
    expect(today.body.live[0]?.to).not.toBeNull()
  })

  it('is paged to the end, each slot once', async () => {
    const rows: Row[] = []
    let marker: string | undefined
    do {
      const query = { at: atSecond, limit: '1', ...(marker !== undefined && { marker }) }
      const { body } = await ask('live', query)
      rows.push(...body.live)
      marker = body.nextMarker
    } while (marker !== undefined)

    expect(cells(rows)).toEqual(cells((await ask('live', { at: atSecond })).body.live))
    expect(rows.length).toBe(4)
  })

  it.each([
    ['a time that is none', { at: 'tomorrow' }, 400],
    ['no time', {}, 400],
    ['the far future', { at: '9999-12-31T23:59:59Z' }, 400],
    ['a time before there were any', { at: '1969-12-31T23:59:59Z' }, 400],
    ['records of before', { at: atSecond, knownAt: atFirst }, 400],
    ['records of the future', { at: atSecond, knownAt: '9999-12-31T23:59:59Z' }, 400],
    ['an alias of nothing', { at: atSecond, alias: 'prod' }, 400],
    ['a function that never was', { at: atSecond, functionName: 'nobody' }, 404],
    ['a marker of nobody', { at: atSecond, marker: 'AAAA' }, 400],
    ['a marker of another list', { at: atSecond, marker: Buffer.from('[1,2]').toString('base64url') }, 400], // prettier-ignore
    ['a page of nothing', { at: atSecond, limit: '0' }, 400],
    ['what nobody knows', { at: atSecond, more: 'x' }, 400],
  ] as const)('refuses %s, and stores nothing', async (_what, query, status) => {
    const before = await stored(app.deps)

    const answer = await ask('live', query)

    expect(answer.status).toBe(status)
    expect(await stored(app.deps)).toEqual(before)
  })
})

describe('what changed', () => {
  it('is what one instant has and the other has not, with whose decision it was', async () => {
    const { body } = await ask('diff', { from: atFirst, to: atSecond })

    expect(body.changes.map((one) => `${one.kind} ${one.alias}`)).toEqual([
      'changed $LATEST',
      'added 2',
      'changed prod',
    ])
    expect(body.changes.at(-1)).toMatchObject({
      before: { version: '1' },
      after: { version: '2' },
      by: { action: 'lambda:UpdateAlias', principal: { name: 'admin' }, decision: { outcome: 'allow' } }, // prettier-ignore
    })
  })

  it('is everything where the function went', async () => {
    const { body } = await ask('diff', { from: atSecond, to: atNothing, functionName: 'shop' })

    expect(new Set(body.changes.map(({ kind }) => kind))).toEqual(new Set(['removed']))
    expect(body.changes[0]).toMatchObject({ after: null, by: { action: 'lambda:DeleteFunction' } })
  })

  it('is nothing between an instant and itself, and asked backwards it is refused', async () => {
    expect((await ask('diff', { from: atFirst, to: atFirst })).body.changes).toEqual([])
    expect((await ask('diff', { from: atSecond, to: atFirst })).status).toBe(400)
  })

  it('is told in order, with the refusal between the changes', async () => {
    const { body } = await ask('functions/shop', { alias: 'prod' })

    expect(refused.status).toBe(403)
    expect(body.events.map(({ kind }) => kind)).toEqual(['change', 'refusal', 'change', 'change'])
    expect(body.events[1]?.failed?.length).toBeGreaterThan(0)
    expect((await ask('functions/nobody')).status).toBe(404)
  })
})

describe('where', () => {
  it('finds code by its digest, as AWS writes it too, in every function that had the name', async () => {
    const hex = sha256(first)
    const { body } = await ask('where', { kind: 'digest', value: hex })
    const base64 = Buffer.from(hex, 'hex').toString('base64')

    expect(cells(body.sightings)).toEqual(
      ['$LATEST primary $LATEST', '$LATEST primary $LATEST', '1 primary 1', 'prod primary 1'].toSorted(), // prettier-ignore
    )
    expect((await ask('where', { kind: 'digest', value: base64 })).body.sightings.length).toBe(4)
    expect(cells((await ask('where', { kind: 'digest', value: hex, live: 'true' })).body.sightings)).toEqual(['$LATEST primary $LATEST']) // prettier-ignore
  })

  it('finds a package through an SBOM that was attested, and says whether it counted', async () => {
    const { publicPem, privateKey } = keyPair()
    const document = { kind: 'key', keys: [{ publicKeyPem: publicPem }], purposes: [`attest:${TYPE.cyclonedx}`] } // prettier-ignore
    await governance(app.admin, { method: 'POST', path: '/publishers', body: { name: 'sbom', document } }) // prettier-ignore
    const predicate = {
      bomFormat: 'CycloneDX',
      specVersion: '1.5',
      components: [
        {
          type: 'library',
          name: 'core',
          version: '17.1.0',
          purl: 'pkg:npm/%40angular/core@17.1.0',
        },
        { type: 'library', name: 'Lodash', version: '4.17.20' },
      ],
    }
    const bundle = attestationOf(sha256(first), privateKey, { type: TYPE.cyclonedx, predicate })
    const attached = await governance(app.admin, {
      method: 'POST',
      path: `/artifacts/${sha256(first)}/attestations`,
      raw: bundle,
    })
    const found = async (value: string) =>
      (await ask('where', { kind: 'package', value, live: 'true' })).body.sightings

    expect(attached.status).toBeLessThan(300)
    for (const value of [
      'lodash',
      'lodash@4.17.20',
      'pkg:npm/@angular/core',
      'pkg:npm/%40angular/core@17.1.0',
      '@angular/core@17.1.0',
      'core',
    ])
      // prettier-ignore
      expect([value, cells(await found(value))]).toEqual([value, ['$LATEST primary $LATEST']])
    for (const value of ['lodash@4.17.21', 'pkg:pypi/core', 'pkg:npm/lodash', 'angular'])
      expect([value, await found(value)]).toEqual([value, []])
    expect((await found('core'))[0]?.packages).toMatchObject([{ version: '17.1.0', counted: null }])
  })

  it.each([
    ['digest', 'zz'],
    ['layer', 'arn:aws:lambda:nowhere'],
    ['publisher', 'a b'],
    ['package', 'pkg:'],
    ['place', 'x'],
  ])('refuses the %s `%s`', async (kind, value) => {
    expect((await ask('where', { kind, value })).status).toBe(400)
  })
})

it('shows what may be read and nothing else', async () => {
  await createActive(app.client, 'vault')
  const { store, place } = app.deps
  const set = authorizationSet(`
    @id("team") permit (
      principal in Lacre::Role::"team", action in Lacre::Action::"read", resource in Lacre::Function::"shop");`)
  const access = new AccessControl({ store, place, policies: () => Promise.resolve(set) })
  const deps = { ...app.deps, access }
  const team = { ...CALLER, principal: { id: 'usr-t', kind: 'user', name: 't', roles: ['team'], claims: {} } } as const // prettier-ignore
  const asked = { atMs: Date.now(), limit: 100 }

  const all = await readLiveThen(app.deps, CALLER, asked)
  const shown = await readLiveThen(deps, team, asked)
  const digest = { kind: 'digest', value: sha256(nodePackage(1)), open: true, limit: 100 } as const

  expect(new Set(all.live.map((row) => row.functionName))).toEqual(new Set(['shop', 'vault']))
  expect(new Set(shown.live.map((row) => row.functionName))).toEqual(new Set(['shop']))
  expect((await readWhere(app.deps, CALLER, digest)).sightings.length).toBeGreaterThan(0)
  expect((await readWhere(deps, team, digest)).sightings).toEqual([])
  await expect(readLiveThen(deps, team, { ...asked, functionName: 'vault' })).rejects.toMatchObject(
    { code: 'ACCESS_DENIED' },
  )
  await expect(
    readLiveThen(deps, team, { ...asked, functionName: 'nobody' }),
  ).rejects.toMatchObject({ code: 'ACCESS_DENIED' })
})

describe('on the command line', () => {
  it('live --at, diff, history and where tell it in tables', async () => {
    const live = await lacre('live', '--at', atFirst, '--function', 'shop', '--alias', 'prod')
    const diff = await lacre('diff', atFirst, atSecond, '--function', 'shop')
    const history = await lacre('history', 'shop:prod')
    const where = await lacre('where', sha256(second))

    expect([live.exit, diff.exit, history.exit, where.exit]).toEqual([0, 0, 0, 0])
    expect(live.out).toMatch(/as known at .*admission set default/)
    expect(live.out).toMatch(/shop +prod +1 +100 %/)
    expect(diff.out).toMatch(/shop +prod +1 \(100 %\) .*2 \(100 %\) .*admin lambda:UpdateAlias/)
    expect(history.out).toMatch(/refused: \S+/)
    expect(where.out).toMatch(/shop +prod +2 .*\.\. \d{4}/)
  })

  it('says it as JSON, and what to do instead where it cannot', async () => {
    const json = await lacre('live', '--at', atFirst, '--json')
    const bare = await lacre('live', '--known-at', atFirst)
    const noTime = await lacre('diff', 'yesterday', 'today')
    const backwards = await lacre('diff', atSecond, atFirst)
    const nobody = await lacre('history', 'nobody')
    const nowhere = await lacre('where', 'nothing-of-that-name')

    expect((JSON.parse(json.out) as Answer).live.length).toBe(3)
    expect([bare.exit, noTime.exit, backwards.exit, nobody.exit]).toEqual([2, 2, 2, 3])
    expect(bare.err).toContain('--known-at goes with --at')
    expect(noTime.err).toContain('2026-05-03T14:00Z')
    expect(nowhere).toMatchObject({ exit: 0, out: 'nowhere, now or before\n' })
  })
})

it('a directory of before is indexed by the migration as it would have been since', async () => {
  const path = join(folder, 'before.db')
  const live = new Database(join(app.dataDir, 'lacre.db'), { readonly: true })
  live.exec(`vacuum into '${path}'`)
  live.close()
  const rows = (): unknown => {
    const db = new Database(path, { readonly: true })
    const of = (table: string) => db.prepare(`select * from ${table} order by 1, 2, 3, 4`).all()
    const found = { terms: db.prepare('select * from live_term order by 1, 2, 3').all(), packages: of('sbom_package') } // prettier-ignore
    db.close()
    return found
  }
  const before = rows()
  const db = new Database(path)
  db.exec(`drop table live_term; drop table sbom_package; drop index live_interval_by_slot;
    drop index live_interval_by_end; drop index live_interval_by_release; drop index decision_refused`)
  db.close()

  const store = await openStore({ path })
  await store.transaction((tx) => up(tx as unknown as Kysely<unknown>))
  await store.close()

  expect(rows()).toEqual(before)
  expect(JSON.stringify(before)).toContain('@angular/core')
})
