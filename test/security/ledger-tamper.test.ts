import { beforeAll, afterAll, describe, expect, it } from 'vitest'
import { cpSync } from 'node:fs'
import { join } from 'node:path'

import Database from 'better-sqlite3'

import {
  governedTables,
  rotateLedger,
  verifyDirectory,
  type RowRef,
} from '../../services/audit/index.ts'
import type { Writer } from '../../services/store/index.ts'
import { fillTile, openState, tempDir, writeSetting, type State } from '../support/state.ts'
import { tamper } from '../support/tamper.ts'

/** One data directory with a row in every governed table; each case gets a copy. */
const origin = tempDir()
const D = (digit: string): string => digit.repeat(64)

const rows: Readonly<Record<string, Readonly<Record<string, string | number | null>>>> = {
  principal: { id: 'usr-1', kind: 'user', name: 'admin', roles: '["admin"]', created_at: 1 },
  oidc_identity: {
    principal_id: 'usr-1',
    issuer: 'https://issuer',
    subject: 'ci',
    claims: '{}',
  },
  role_grant: { principal_id: 'usr-1', role: 'admin', granted_at: 1, granted_by: 'usr-1' },
  access_key: {
    id: 'AKIA1',
    principal_id: 'usr-1',
    secret_sealed: 'v1.x.y',
    status: 'Active',
    created_at: 1,
  },
  artifact: {
    code_sha256: D('a'),
    sha256: D('b'),
    tree: D('c'),
    size_bytes: 1,
    unzipped_bytes: 1,
    entry_count: 1,
    created_at: 1,
  },
  detached_seal: {
    artifact_sha256: D('b'),
    seal_digest: D('d'),
    format: 'cms',
    body: 'AA==',
    created_at: 1,
  },
  attestation: {
    artifact_sha256: D('b'),
    digest: D('8'),
    predicate_type: 'https://example.com/review/v1',
    // of `{"d":1}`
    document: '99e6326a5a58748fb618850ce96523d192332126fbaeafd073b004f75148fdd3',
    size_bytes: 7,
    created_at: 1,
  },
  publisher: { id: 'pub-1', kind: 'key', name: 'acme', created_at: 1 },
  publisher_version: {
    publisher_id: 'pub-1',
    version: 'abcdefghij',
    document: '{}',
    digest: D('e'),
    status: 'Active',
    created_at: 1,
  },
  revocation: {
    id: 'rev-1',
    target_kind: 'key',
    target: D('f'),
    effective_at: 1,
    recorded_at: 2,
    reason: 'lost',
  },
  revocation_list: {
    url: 'https://pki.example/ca.crl',
    sha256: D('7'),
    body: 'AA==',
    this_update: 1,
    next_update: 3,
    fetched_at: 2,
  },
  code_signing_config: {
    id: 'csc-1',
    description: '',
    policy: 'Enforce',
    publishers: '[]',
    tags: '{}',
    last_modified: 1,
  },
  signer_owner: {
    signer: 'publisher:ci',
    label: 'publisher ci',
    principal_id: 'usr-1',
    mapped_at: 1,
    mapped_by: 'usr-1',
  },
  approval_request: {
    id: 'apr-1',
    function_name: 'hello',
    alias: 'live',
    version: '1',
    release: D('1'),
    weight: 0.5,
    requester: 'usr-1',
    reason: 'why',
    opened_at: 1,
    expires_at: 2,
    state: 'open',
  },
  approval: {
    request_id: 'apr-1',
    principal_id: 'usr-1',
    approved_at: 1,
    comment: 'yes',
  },
  break_glass: {
    id: 'bg-1',
    function_name: 'hello',
    alias: 'live',
    version: '1',
    release: D('1'),
    reason: 'fire',
    ticket: 'T-1',
    scope: '["policy"]',
    ttl_ms: 1_000,
    requester: 'usr-1',
    requested_at: 1,
  },
  signing_requirement: {
    config_id: 'csc-1',
    min_signers: 2,
    min_publishers: 2,
    last_modified: 1,
  },
  policy_set: {
    kind: 'admission',
    version: 1,
    name: 'default',
    digest: D('8'),
    schema_sha256: D('9'),
    how: 'rolled-back',
    of_version: 1,
    applied_at: 1,
    principal_id: 'usr-1',
    decision_id: 'dec-1',
  },
  function_name: { name: 'hello', next_version: 2 },
  function: {
    id: 'fn-1',
    name: 'hello',
    code_signing_config_id: 'csc-1',
    serving: 'fv-1',
    pending: null,
    tags: '{}',
    created_at: 1,
  },
  decision: {
    id: 'dec-1',
    at: 1,
    outcome: 'allow',
    principal_id: 'usr-1',
    action: 'a',
    resource: 'r',
  },
  function_version: {
    id: 'fv-1',
    function_id: 'fn-1',
    version: '1',
    configuration: '{}',
    code_sha256: D('a'),
    layers: '[]',
    release: D('1'),
    decision_id: 'dec-1',
    state: 'Active',
    revision_id: 'r',
    last_modified: 1,
  },
  alias: {
    function_id: 'fn-1',
    name: 'live',
    version: '1',
    description: '',
    revision_id: 'r',
    decision_id: 'dec-1',
    routing_version: '1',
    routing_weight: 0.1,
  },
  function_setting: {
    function_id: 'fn-1',
    kind: 'url',
    qualifier: '$LATEST',
    document: '{}',
    last_modified: 1,
  },
  event_source_mapping: {
    uuid: '0'.repeat(36),
    function_name: 'hello',
    event_source_arn: 'arn:2',
    document: '{}',
    decision_id: 'dec-1',
    last_modified: 1,
  },
  resource_policy: {
    owner: 'fn-1',
    qualifier: '',
    document: '{}',
    revision_id: 'r',
    decision_id: 'dec-1',
  },
  resource_tags: { resource: 'arn:2', tags: '{}' },
  freeze: { scope: 'hello:live', reason: 'audit', frozen_at: 1, frozen_by: 'usr-1' },
  freeze_window: { name: 'night', document: '{}', last_modified: 1 },
  promotion_rule: {
    scope: 'hello:live',
    from_alias: 'staging',
    soak_ms: 1,
    ended_within_ms: 1,
    last_modified: 1,
  },
  floor_rule: { function_name: 'hello', alias: 'live', soak_ms: 1, last_modified: 1 },
  floor: {
    function_name: 'hello',
    alias: 'live',
    publisher: 'acme',
    counter: '7',
    release: D('1'),
    raised_at: 1,
    why: 'soaked',
  },
  floor_exception: {
    id: 'flx-1',
    function_name: 'hello',
    alias: 'live',
    release: D('1'),
    reason: 'rollback',
    granted_at: 1,
    granted_by: 'usr-1',
    expires_at: 2,
  },
  function_reach: { function_name: 'hello', mode: 'aliases', direct: '[]', last_modified: 1 },
  layer: { name: 'common', next_version: 2 },
  layer_version: {
    arn: 'arn:1',
    name: 'common',
    version: 1,
    description: '',
    code_sha256: D('a'),
    decision_id: 'dec-1',
    created_at: 1,
  },
  live_interval: {
    id: 1,
    function_name: 'hello',
    alias: 'live',
    slot: 'primary',
    version: '1',
    weight: 1,
    layers: '[]',
    code_sha256: D('a'),
    release: D('1'),
    decision_id: 'dec-1',
    from_ms: 1,
    from_index: 1,
  },
  live_verdict: {
    id: 1,
    live_id: 1,
    state: 'violating',
    reasons: '[]',
    causes: '["revocation"]',
    until_ms: 9,
    policy_set: 'default@1',
    world: 1,
    effective_from: 1,
    effective_to: 3,
    recorded_from: 1,
    recorded_to: 3,
  },
  reaction_setting: { scope: 'hello:live', reaction: 'revert', last_modified: 1 },
  reaction: { verdict_id: 1, wanted: 'revert', done: 'frozen', decision_id: 'dec-1', at: 1 },
  reaction_hold: {
    id: 'rxh-1',
    aliases: 11,
    through: 1,
    verdicts: '[1]',
    opened_at: 1,
    state: 'released',
    settled_at: 2,
    settled_by: 'usr-1',
  },
  version_refusal: {
    function_name: 'hello',
    version: '1',
    release: D('1'),
    reason: 'r',
    refused_at: 1,
  },
  webhook: {
    id: 'whk-1',
    name: 'alerts',
    url: 'https://hooks.example.com/',
    filter: '{}',
    state: 'disabled',
    disabled_reason: 'gone',
    secret_sealed: 'sealed',
    previous_sealed: 'older',
    previous_until: 2,
    created_at: 1,
  },
}

async function insertAll(tx: Writer): Promise<RowRef[]> {
  const { sql } = await import('kysely')
  const { sha256 } = await import('../../services/model/index.ts')
  const [document, facts] = [sha256('{"d":1}'), sha256('{"f":1}')]
  await tx
    .insertInto('document')
    .values([
      { sha256: document, body: '{"d":1}' },
      { sha256: facts, body: '{"f":1}' },
    ])
    .execute()
  const touched: RowRef[] = []
  for (const [table, some] of Object.entries(rows)) {
    const row: Record<string, string | number | null> = { ...some }
    if (table === 'decision') Object.assign(row, { document, facts })
    if (table === 'policy_set') Object.assign(row, { document })
    const columns = sql.join(Object.keys(row).map((name) => sql.ref(name)))
    await sql`insert into ${sql.table(table)} (${columns})
      values (${sql.join(Object.values(row))})`.execute(tx)
    const name = table as keyof typeof governedTables
    const key = Object.fromEntries(governedTables[name].map((column) => [column, row[column]]))
    touched.push({ table: name, key: key as RowRef['key'] })
  }
  return touched
}

async function prepare(state: State): Promise<void> {
  for (let at = 0; at < 10; at += 1) await writeSetting(state, `s${at}`, `value ${at}`)
  await state.audit.checkpoint()
  await state.store.transaction(async (tx) => {
    const touched = await insertAll(tx)
    await state.audit.append(tx, {
      type: 'all',
      at: 1,
      principal: { id: 'p', kind: 'user', name: 'n' },
      action: 'a',
      resource: 'r',
      decision: null,
      world: 0,
      touched,
    })
  })
  await writeSetting(state, 's3', 'again')
  await writeSetting(state, 's4', 'again')
}

beforeAll(async () => {
  // The ledger in force follows one that was ended: what is kept of that one is held, too.
  await (await openState(origin.path))[Symbol.asyncDispose]()
  await using state = await openState(origin.path, { open: rotateLedger })
  await prepare(state)
})
afterAll(() => origin[Symbol.dispose]())

async function findingsAfter(
  damage: string | ((db: Database.Database) => void),
  of: string = origin.path,
) {
  using dir = tempDir()
  cpSync(of, dir.path, { recursive: true })
  tamper(dir.path, damage)
  return (await verifyDirectory({ dataDir: dir.path, database: 'lacre.db' })).findings
}

it('finds nothing where nobody changed anything', async () => {
  expect(await findingsAfter('select 1')).toEqual([])
})

describe('a full tile', () => {
  const full = tempDir()
  beforeAll(async () => {
    await using state = await openState(full.path)
    await fillTile(state)
  })
  afterAll(() => full[Symbol.dispose]())

  it.each([
    ['a node', `update ledger_node set hash = printf('%064d', 1) where level = 1`, 0],
    ['its leaf', `update ledger_node set hash = printf('%064d', 1) where level = 0 and "index" = 7`, 7],
    ['a missing node', 'delete from ledger_node where level = 3', 0],
    ['no node at all', 'delete from ledger_node', 0],
    ['a node too many', `insert into ledger_node values (9, 9, printf('%064d', 1))`, undefined],
    ['a wrong one beyond it', `insert into ledger_node values (0, 256, printf('%064d', 1))`, 256],
  ])('finds %s', async (_, damage, index) => {
    const [finding] = await findingsAfter(damage, full.path)

    expect(finding).toMatchObject({ kind: 'edited' })
    expect(finding?.index).toBe(index)
  }) // prettier-ignore
})

describe('entries', () => {
  const at = (body: string): string => `update ledger_entry set body = ${body} where "index" = 5`

  it.each([
    ['an edited entry', at(`replace(body, 'admin', 'nobody')`), 'edited', 5],
    ['an entry that is no JSON', at(`'x'`), 'malformed', 5],
    ['an entry with white space', at(`body || ' '`), 'malformed', 5],
    ['a dropped entry', 'delete from ledger_entry where "index" = 5', 'dropped', 5],
    ['a dropped first entry', 'delete from ledger_entry where "index" = 0', 'dropped', 0],
    ['a dropped newest entry', 'delete from ledger_entry where "index" = 13', 'truncated', 13],
    ['a leaf hash', `update ledger_entry set leaf_hash = printf('%064d', 1)`, 'edited', 0],
    [
      'a node too many',
      `insert into ledger_node values (9, 9, printf('%064d', 1))`,
      'edited',
      undefined,
    ],
    ['the size', 'update ledger_head set size = size + 1', 'truncated', 14],
    ['the smaller size', 'update ledger_head set size = size - 1', 'edited', undefined],
    ['the root', `update ledger_head set root = printf('%064d', 1)`, 'edited', undefined],
    ['the frontier', `update ledger_head set frontier = '[]'`, 'edited', undefined],
    ['the time', 'update ledger_head set last_at = last_at + 1', 'edited', undefined],
    ['the origin', `update ledger_head set origin = 'x'`, 'forked', undefined],
    ['no head', 'delete from ledger_head', 'edited', undefined],
    [
      'a checkpoint',
      `update ledger_checkpoint set note = replace(note, char(10) || '11' || char(10), char(10) || '12' || char(10)) where size = 11`,
      'edited',
      undefined,
    ],
    [
      'a checkpoint that is none',
      `update ledger_checkpoint set note = 'x' where size = 11`,
      'malformed',
      undefined,
    ],
  ])('finds %s', async (_, damage, kind, index) => {
    const findings = await findingsAfter(damage)

    expect(findings.map((finding) => finding.kind)).toContain(kind)
    expect(findings.find((finding) => finding.kind === kind)?.index).toBe(index)
  })

  it('finds two swapped entries', async () => {
    const findings = await findingsAfter((db) => {
      const read = db.prepare('select body, leaf_hash from ledger_entry where "index" = ?')
      const write = db.prepare('update ledger_entry set body = ?, leaf_hash = ? where "index" = ?')
      const [a, b] = [3, 7].map((index) => read.get(index) as { body: string; leaf_hash: string })
      write.run(b?.body, b?.leaf_hash, 3)
      write.run(a?.body, a?.leaf_hash, 7)
    })

    expect(findings.map((finding) => finding.kind)).toContain('swapped')
  })

  it('finds any byte of any entry that is another', async () => {
    for (let step = 0; step < 40; step += 1) {
      const findings = await findingsAfter((db) => {
        const index = (step * 5) % 14
        const { body } = db
          .prepare('select body from ledger_entry where "index" = ?')
          .get(index) as { body: string }
        const bytes = Buffer.from(body)
        const place = (step * 7919) % bytes.length
        bytes[place] = (bytes[place] ?? 0) ^ (1 + (step % 3))
        db.prepare('update ledger_entry set body = ? where "index" = ?').run(
          bytes.toString('latin1'),
          index,
        )
      })
      expect(findings).not.toEqual([])
    }
  })
})

it.each([
  [
    'a refusal that was taken out',
    'drop trigger document_no_delete',
    /document_no_delete is not there/,
  ],
  [
    'an index that was taken out',
    'drop index live_interval_open',
    /live_interval_open is not there/,
  ],
  [
    'a trigger that was added',
    'create trigger t after insert on jobs begin select 1; end',
    /trigger t was added/,
  ],
  ['a column that was added', 'alter table alias add column x text', /table alias was changed/],
])('finds %s', async (_, damage, message) => {
  using dir = tempDir()
  cpSync(origin.path, dir.path, { recursive: true })
  const db = new Database(join(dir.path, 'lacre.db'))
  db.exec(damage)
  db.close()

  const { findings } = await verifyDirectory({ dataDir: dir.path, database: 'lacre.db' })

  expect(findings).toEqual([
    expect.objectContaining({ kind: 'malformed', message: expect.stringMatching(message) }),
  ])
})

describe('governed rows', () => {
  const columnsOf = (db: Database.Database, table: string): string[] =>
    (db.pragma(`table_info("${table}")`) as { name: string }[]).map((column) => column.name)

  it.each(Object.keys(governedTables))('finds any changed column of %s', async (table) => {
    let columns: string[] = []
    await findingsAfter((db) => {
      columns = columnsOf(db, table)
    })
    for (const column of columns) {
      const findings = await findingsAfter((db) => {
        db.pragma('ignore_check_constraints = ON')
        const { type } = db
          .prepare(`select typeof("${column}") as type from "${table}" limit 1`)
          .get() as { type: string }
        const changed = type === 'text' ? `"${column}" || 'x'` : `coalesce("${column}", 0) + 1`
        db.pragma('foreign_keys = OFF')
        db.exec(
          `update "${table}" set "${column}" = ${changed}
            where rowid = (select min(rowid) from "${table}")`,
        )
      })
      expect(findings, `${table}.${column}`).toContainEqual(expect.objectContaining({ table }))
    }
  })

  it.each(Object.keys(governedTables))('finds a row of %s that is gone', async (table) => {
    const findings = await findingsAfter((db) => {
      db.pragma('foreign_keys = OFF')
      db.exec(`delete from "${table}" where rowid = (select min(rowid) from "${table}")`)
    })

    expect(findings).toContainEqual(expect.objectContaining({ kind: 'row', table }))
  })

  it('finds a row that no entry tells of', async () => {
    const findings = await findingsAfter(`insert into setting values ('sneaked', 'in')`)

    expect(findings).toEqual([
      expect.objectContaining({ kind: 'row', table: 'setting', key: { name: 'sneaked' } }),
    ])
  })

  it('finds an old state of a row that was put back', async () => {
    const findings = await findingsAfter(`update setting set value = 'value 3' where name = 's3'`)

    expect(findings).toEqual([expect.objectContaining({ table: 'setting', key: { name: 's3' } })])
  })

  it('finds a document that is not what its name says', async () => {
    const findings = await findingsAfter(
      `update document set body = '{"d":2}' where body = '{"d":1}'`,
    )

    expect(findings).toEqual([expect.objectContaining({ kind: 'row', table: 'document' })])
  })
})
