import { describe, expect, it } from 'vitest'

import {
  CSV_HEADER,
  OCSF_VERSION,
  toCloudEvent,
  toCsv,
  toOcsf,
  type LedgerEntry,
} from '../../../services/ledger/index.ts'
import { API_ACTIONS } from '../../../services/model/index.ts'

const entry = (more: Partial<LedgerEntry> = {}): LedgerEntry => ({
  v: 1,
  type: 'change',
  origin: 'lacre/000000000000/us-east-1/x',
  index: 7,
  at: 1_800_000_000_123,
  principal: { id: 'usr-1', kind: 'user', name: 'alice' },
  action: 'lambda:UpdateAlias',
  resource: 'arn:aws:lambda:us-east-1:000000000000:function:f:prod',
  decision: { id: 'dec-1', digest: 'ab'.repeat(32) },
  world: 3,
  changes: [{ table: 'alias', key: { function_id: 'fn-1', name: 'prod' }, sha256: null }],
  ...more,
})

type Event = Readonly<Record<string, unknown>>
const ocsf = (more: Partial<LedgerEntry> = {}) => JSON.parse(toOcsf(entry(more))) as Event

describe('CloudEvents', () => {
  it('has every required attribute of 1.0, and the entry as data', () => {
    const event = JSON.parse(toCloudEvent(entry())) as Event

    expect(event).toMatchObject({
      specversion: '1.0',
      id: expect.stringMatching(/^[0-9a-f]{16}-7$/) as string,
      source: 'lacre/000000000000/us-east-1/x',
      type: 'lacre.ledger.change',
      subject: entry().resource,
      time: '2027-01-15T08:00:00.123Z',
      datacontenttype: 'application/json',
      data: entry(),
    })
  })

  it('is one line, whatever an entry holds', () => {
    expect(toCloudEvent(entry({ resource: 'a\nb\u2028c' }))).not.toContain('\n')
  })
})

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
})

describe('CSV', () => {
  it('has as many cells in every record as its header, and ends lines in CR LF', () => {
    const header = CSV_HEADER.trimEnd().split(',')

    expect(toCsv(entry()).trimEnd().split(',')).toHaveLength(header.length)
    expect(toCsv(entry())).toMatch(/\r\n$/)
  })

  it('quotes commas, quotes and line breaks as RFC 4180 has them', () => {
    expect(toCsv(entry({ resource: 'a,"b"\r\nc' }))).toContain('"a,""b""\r\nc"')
  })

  it.each(['=1+1', '+1', '-1', '@SUM(A1)', '\t=1', '\r=1', '\n=1', '＝1', '＋1', '－1', '＠x'])(
    'lets no cell begin a formula: %j',
    (text) => {
      const principal = { id: 'usr-1', kind: 'user', name: text }

      expect(toCsv(entry({ principal }))).toContain(`"'${text}"`)
    },
  )
})
