import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'

import {
  CSV_HEADER,
  entryEventId,
  toCloudEvent,
  toCsv,
  toNotification,
} from '../../../services/ledger/index.ts'
import { changeEntry as entry } from '../../support/ledger-entries.ts'

type Event = Readonly<Record<string, unknown>>
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

describe('the id of an event', () => {
  it('begins with the digest of the log and ends in the place of the entry', () => {
    const digest = createHash('sha256').update('lacre.test/log').digest('hex')

    expect(entryEventId('lacre.test/log', 7)).toBe(`${digest.slice(0, 16)}-7`)
    expect(entryEventId('lacre.test/log2', 7)).not.toBe(entryEventId('lacre.test/log', 7))
  })
})

describe('a notification', () => {
  const leafHash = 'cd'.repeat(32)
  const notify = (more: object = {}, outcome?: string) =>
    JSON.parse(toNotification(entry(more), { leafHash, outcome })) as Event

  it('says who did what to what, in the envelope of the same event', () => {
    const { data: _, ...envelope } = JSON.parse(toCloudEvent(entry())) as Event

    expect(notify({}, 'allow')).toEqual({
      ...envelope,
      data: {
        index: 7,
        leafHash,
        type: 'change',
        principal: { id: 'usr-1', kind: 'user', name: 'alice' },
        action: 'lambda:UpdateAlias',
        resource: 'arn:aws:lambda:us-east-1:000000000000:function:f:prod',
        decision: { id: 'dec-1', digest: 'ab'.repeat(32), outcome: 'allow' },
      },
    })
  })

  it('says no outcome of a decision that has none, and no decision where there was none', () => {
    expect(notify()['data']).toMatchObject({
      decision: { id: 'dec-1', digest: 'ab'.repeat(32) },
    })
    expect(toNotification(entry(), { leafHash, outcome: undefined })).not.toContain('outcome')
    expect(notify({ decision: null }, 'allow')['data']).toMatchObject({ decision: null })
  })

  it('carries the note of an entry that has one', () => {
    expect(notify({ note: { reason: 'why' } })['data']).toMatchObject({ note: { reason: 'why' } })
    expect(notify({ note: null })['data']).toMatchObject({ note: null })
    expect(notify()['data']).not.toHaveProperty('note')
  })

  it('tells of no row', () => {
    expect(notify()['data']).not.toHaveProperty('changes')
    expect(toCloudEvent(entry())).toContain('"changes":[{')
  })
})

describe('CSV', () => {
  it('has as many cells in every record as its header, and ends lines in CR LF', () => {
    const header = CSV_HEADER.trimEnd().split(',')

    expect(toCsv(entry()).trimEnd().split(',')).toHaveLength(header.length)
    expect(toCsv(entry())).toMatch(/\r\n$/)
  })

  it('has what an entry says, under the column that names it', () => {
    const changes = ['alias', 'version', 'alias'].map((table) => ({ table, key: {}, sha256: null }))
    const { resource, origin } = entry()

    expect(CSV_HEADER).toBe(
      'index,at,type,action,resource,principal_id,principal_kind,principal_name,' +
        'decision_id,decision_digest,world,changes,note,origin\r\n',
    )
    expect(toCsv(entry({ changes, note: 5 }))).toBe(
      `7,2027-01-15T08:00:00.123Z,change,lambda:UpdateAlias,${resource},usr-1,user,alice,` +
        `dec-1,${'ab'.repeat(32)},3,alias version,5,${origin}\r\n`,
    )
  })

  it('leaves cells empty where there is no decision, no change and no note', () => {
    const record = toCsv(entry({ decision: null, changes: [] }))

    expect(record).toMatch(/,user,alice,,,3,,,lacre\//)
  })

  it('has a note as canonical JSON in one quoted cell', () => {
    expect(toCsv(entry({ note: { b: 'x', a: [1] } }))).toContain(',"{""a"":[1],""b"":""x""}",')
  })

  it.each([
    ['a,b', '"a,b"'],
    ['a"b', '"a""b"'],
    ['a\nb', '"a\nb"'],
    ['a\rb', '"a\rb"'],
    ["it's", `"it's"`],
    ['a=b', 'a=b'],
    ['plain', 'plain'],
    ['', ''],
  ])('writes %j as %j', (name, cell) => {
    const principal = { id: 'usr-1', kind: 'user', name }

    expect(toCsv(entry({ principal }))).toContain(`,user,${cell},dec-1,`)
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
