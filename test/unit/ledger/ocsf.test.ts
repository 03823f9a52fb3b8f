import { describe, expect, it } from 'vitest'

import { OCSF_VERSION, toOcsf, type LedgerEntry } from '../../../services/ledger/index.ts'
import { API_ACTIONS } from '../../../services/model/index.ts'
import { changeEntry } from '../../support/ledger-entries.ts'

type Event = Readonly<Record<string, unknown>>
const ocsf = (more: Partial<LedgerEntry> = {}) => JSON.parse(toOcsf(changeEntry(more))) as Event

/** Attributes that OCSF 1.3.0 requires: of every event, and of each class beside them. */
const BASE = 'activity_id category_uid class_uid metadata severity_id time type_uid'.split(' ')
const REQUIRED: Readonly<Record<number, readonly string[]>> = {
  2003: ['finding_info', 'compliance'],
  3001: ['user'],
  3004: ['entity'],
  6003: ['actor', 'api', 'src_endpoint'],
}
/** Members that the objects in them require. */
const REQUIRED_WITHIN: Readonly<Record<string, readonly string[]>> = {
  metadata: ['version', 'product'],
  finding_info: ['uid', 'title'],
  compliance: ['standards'],
  user: ['uid'],
  entity: ['uid'],
  actor: ['user'],
  api: ['operation'],
  src_endpoint: ['name'],
}
const CATEGORY: Readonly<Record<number, number>> = { 2003: 2, 3001: 3, 3004: 3, 6003: 6 }

describe('OCSF', () => {
  it('has every attribute that its version requires, for every action that there is and some that are not', () => {
    const actions = [...API_ACTIONS.keys(), 'lacre:Activate', 'lacre:CreateKey', 'odd']
    for (const action of actions) {
      for (const type of ['change', 'refusal', 'state']) {
        const event = ocsf({ action, type })
        const uid = Number(event['class_uid'])
        const missing = [...BASE, ...(REQUIRED[uid] ?? ['no such class'])].filter(
          (name) => event[name] === undefined,
        )
        const within = Object.entries(REQUIRED_WITHIN).flatMap(([name, members]) => {
          const object = event[name] as Event | undefined
          return object === undefined ? [] : members.filter((one) => object[one] === undefined)
        })
        expect([action, type, missing, within]).toEqual([action, type, [], []])
        expect(event['type_uid']).toBe(uid * 100 + Number(event['activity_id']))
        expect(event['category_uid']).toBe(CATEGORY[uid])
      }
    }
    expect(actions.length).toBeGreaterThan(150)
  })

  it.each<[Partial<LedgerEntry>, number, number]>([
    [{}, 6003, 3],
    [{ action: 'lambda:CreateFunction' }, 6003, 1],
    [{ action: 'lambda:DeleteAlias' }, 6003, 4],
    [{ action: 'lacre:Activate', type: 'state' }, 6003, 3],
    [{ action: 'lacre:SealArtifact' }, 6003, 99],
    [{ action: 'lacre:GrantRole' }, 3001, 7],
    [{ action: 'lacre:RevokeRole' }, 3001, 8],
    [{ action: 'lacre:DisableAccessKey' }, 3001, 5],
    [{ action: 'lacre:CreatePublisher' }, 3004, 1],
    [{ action: 'lacre:ApplyPolicySet' }, 3004, 3],
    [{ action: 'lacre:Revoke' }, 3004, 4],
    [{ action: 'lambda:GetFunction' }, 6003, 2],
    [{ action: 'lambda:PublishVersion' }, 6003, 1],
    [{ action: 'lambda:AddPermission' }, 6003, 1],
    [{ action: 'lambda:RemovePermission' }, 6003, 4],
    [{ action: 'lambda:PutFunctionConcurrency' }, 6003, 3],
    [{ action: 'lambda:TagResource' }, 6003, 3],
    [{ action: 'lambda:Recreate' }, 6003, 99],
    [{ action: 'lacre:ListRoles' }, 6003, 2],
    [{ action: 'lacre:ListPublishers' }, 6003, 2],
    [{ action: 'lambda:CreateRole' }, 6003, 1],
    [{ action: 'lacre:CreatePrincipal' }, 3001, 1],
    [{ action: 'lacre:EnableAccessKey' }, 3001, 2],
    [{ action: 'lacre:DeleteAccessKey' }, 3001, 6],
    [{ action: 'lacre:UpdatePrincipal' }, 3001, 99],
    [{ action: 'lacre:RedeleteRole' }, 3001, 99],
    [{ action: 'lambda:CreateCodeSigningConfig' }, 3004, 1],
    [{ action: 'lacre:RevokeSignature' }, 3004, 4],
    [{ action: 'lacre:LiftFreeze' }, 3004, 4],
    [{ action: 'lacre:SetFreezeWindow' }, 3004, 99],
    [{ type: 'refusal', action: 'lacre:DeleteAccessKey' }, 2003, 1],
    [{ type: 'refusal' }, 2003, 1],
  ])('%j is of class %i, activity %i', (more, uid, activity) => {
    expect(ocsf(more)).toMatchObject({ class_uid: uid, activity_id: activity })
  })

  it('names its version, and a refusal as failed', () => {
    expect(ocsf({ type: 'refusal' })).toMatchObject({
      metadata: { version: OCSF_VERSION },
      compliance: { status_id: 3 },
      severity_id: 3,
    })
    expect(OCSF_VERSION).toBe('1.3.0')
  })

  const { resource, origin } = changeEntry()
  const actor = { user: { uid: 'usr-1', name: 'alice', type: 'User' } }
  const done = { status: 'Success', status_id: 1 }

  it('tells of a call who made it, on what, and where the ledger has it', () => {
    expect(ocsf()).toEqual({
      activity_id: 3,
      activity_name: 'Update',
      category_uid: 6,
      category_name: 'Application Activity',
      class_uid: 6003,
      class_name: 'API Activity',
      type_uid: 600303,
      type_name: 'API Activity: Update',
      severity_id: 1,
      severity: 'Informational',
      time: 1_800_000_000_123,
      message: `lambda:UpdateAlias on ${resource}: done`,
      metadata: {
        version: '1.3.0',
        product: { name: 'Lacre', vendor_name: 'Lacre' },
        uid: `${origin}#7`,
        event_code: 'change',
        log_name: origin,
        sequence: 7,
        original_time: '2027-01-15T08:00:00.123Z',
      },
      actor,
      api: { operation: 'lambda:UpdateAlias', service: { name: 'lambda' } },
      src_endpoint: { name: 'not recorded' },
      resources: [{ uid: resource }],
      ...done,
      unmapped: {
        action: 'lambda:UpdateAlias',
        decision: { id: 'dec-1', digest: 'ab'.repeat(32) },
        world: 3,
        tables: ['alias'],
      },
    })
  })

  it('tells of a refusal as a finding that is new and failed', () => {
    expect(ocsf({ type: 'refusal' })).toMatchObject({
      category_uid: 2,
      category_name: 'Findings',
      class_name: 'Compliance Finding',
      type_name: 'Compliance Finding: Create',
      severity: 'Medium',
      message: `lambda:UpdateAlias on ${resource}: refused`,
      actor,
      finding_info: {
        uid: 'dec-1',
        title: 'lambda:UpdateAlias was refused',
        created_time: 1_800_000_000_123,
      },
      compliance: { standards: ['Lacre admission'], status: 'Fail', status_id: 3 },
      resources: [{ uid: resource }],
      status: 'New',
      status_id: 1,
    })
  })

  it('names a refusal without a decision by its entry', () => {
    expect(ocsf({ type: 'refusal', decision: null })).toMatchObject({
      finding_info: { uid: `${origin}#7` },
      unmapped: { decision: null },
    })
  })

  it('tells of an account and of what is governed as done to it', () => {
    expect(ocsf({ action: 'lacre:CreatePrincipal' })).toMatchObject({
      category_name: 'Identity & Access Management',
      type_name: 'Account Change: Create',
      actor,
      user: { uid: resource },
      ...done,
    })
    expect(ocsf({ action: 'lacre:DeletePublisher' })).toMatchObject({
      category_name: 'Identity & Access Management',
      type_name: 'Entity Management: Delete',
      actor,
      entity: { uid: resource },
      ...done,
    })
  })

  it.each([
    ['lacre:GrantRole', 'Account Change: Attach Policy'],
    ['lacre:RevokeRole', 'Account Change: Detach Policy'],
    ['lacre:EnableAccessKey', 'Account Change: Enable'],
    ['lacre:DisableAccessKey', 'Account Change: Disable'],
    ['lacre:DeleteAccessKey', 'Account Change: Delete'],
    ['lambda:GetFunction', 'API Activity: Read'],
    ['lacre:SealArtifact', 'API Activity: SealArtifact'],
    ['odd', 'API Activity: odd'],
    ['lacre:Create-x', 'API Activity: lacre:Create-x'],
  ])('%s is "%s"', (action, name) => {
    expect(ocsf({ action })).toMatchObject({ type_name: name })
  })

  it('names the service that an action is of, and an action of none by itself', () => {
    expect(ocsf({ action: 'lacre:SealArtifact' })).toMatchObject({
      api: { operation: 'lacre:SealArtifact', service: { name: 'lacre' } },
    })
    expect(ocsf({ action: 'odd' })).toMatchObject({ api: { service: { name: 'odd' } } })
  })

  it.each([
    ['user', { user: { uid: 'p', name: 'n', type: 'User' } }],
    ['workload', { user: { uid: 'p', name: 'n', type: 'Service' } }],
    ['system', { app_name: 'lacre', user: { uid: 'p', name: 'n', type: 'System' } }],
  ])('tells what kind of actor a %s is', (kind, expected) => {
    expect(ocsf({ principal: { id: 'p', kind, name: 'n' } })['actor']).toEqual(expected)
  })

  it('names each table once, and carries the note of an entry that has one', () => {
    const changes = ['alias', 'version', 'alias'].map((table) => ({ table, key: {}, sha256: null }))

    expect(ocsf({ changes, note: { a: 1 } })['unmapped']).toMatchObject({
      tables: ['alias', 'version'],
      note: { a: 1 },
    })
    expect(ocsf({ note: null })['unmapped']).toMatchObject({ note: null })
  })
})
