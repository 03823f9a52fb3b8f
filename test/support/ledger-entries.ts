import { canonicalJson, type Json } from '../../services/model/index.ts'

/** The canonical text of an entry that changes nothing; `more` replaces its members. */
export function entryText(more: object = {}): string {
  const entry = {
    v: 1,
    type: 'test',
    origin: 'lacre.test/log',
    index: 0,
    at: 1000,
    action: 'a',
    resource: 'r',
    principal: { id: 'p', kind: 'user', name: 'n' },
    decision: null,
    world: 0,
    changes: [],
    ...more,
  }
  return canonicalJson(entry as Json)
}
