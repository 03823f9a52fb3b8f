import { expect, test } from 'vitest'

import { canonicalJson, type Json } from '../../../services/model/index.ts'
import { VerificationCache } from '../../../services/trust/index.ts'
import { readAttestation } from '../../../services/trust/read-attestation.ts'
import { cycloneDx, openVex, scanOf, TYPE } from '../../support/attestations.ts'

const DIGEST = 'b'.repeat(64)

function payloadOf(type: string, predicate: Json, subjects = 1): Uint8Array {
  const subject = Array.from({ length: subjects }, (_, i) => ({
    name: `f${i}.zip`,
    digest: { sha256: DIGEST },
  }))
  return Buffer.from(
    canonicalJson({
      _type: 'https://in-toto.io/Statement/v1',
      subject,
      predicateType: type,
      predicate,
    }),
  )
}

const scan = (count: number): Json =>
  scanOf(
    ...Array.from({ length: count }, (_, i): [string, string] => [`CVE-2026-${1000 + i}`, '9.0']),
  )
const vex = (count: number): Json =>
  openVex(
    ...Array.from({ length: count }, (_, i) => ({
      vulnerability: { name: `CVE-2026-${1000 + i}` },
      products: [{ '@id': 'pkg:npm/left-pad@1.3.0' }],
      status: 'fixed',
    })),
  )
const bom = (count: number): Json =>
  cycloneDx({
    components: Array.from({ length: count }, (_, i) => ({
      type: 'library',
      name: `p${i}`,
      version: '1',
      licenses: [{ license: { id: `L${i}` } }],
    })),
  })

/** One object each time it is asked for, where it is remembered. */
function isRemembered(payload: Uint8Array): boolean {
  const cache = new VerificationCache()
  const [first, again] = [readAttestation(payload, cache), readAttestation(payload, cache)]
  expect(again).toEqual(first)
  return first === again
}

test.each<[string, Uint8Array, boolean]>([
  ['199 vulnerabilities and a subject', payloadOf(TYPE.scan, scan(199)), true],
  ['200 vulnerabilities and a subject', payloadOf(TYPE.scan, scan(200)), false],
  ['199 statements of a VEX and a subject', payloadOf(TYPE.vex, vex(199)), true],
  ['200 statements of a VEX and a subject', payloadOf(TYPE.vex, vex(200)), false],
  ['199 licences and a subject', payloadOf(TYPE.cyclonedx, bom(199)), true],
  ['200 licences and a subject', payloadOf(TYPE.cyclonedx, bom(200)), false],
  ['a result of tests', payloadOf(TYPE.tests, { result: 'PASSED' }), true],
  ['a result of tests for 32 subjects', payloadOf(TYPE.tests, { result: 'PASSED' }, 32), true],
  ['170 vulnerabilities and 32 subjects', payloadOf(TYPE.scan, scan(170), 32), false],
  ['170 statements of a VEX and 32 subjects', payloadOf(TYPE.vex, vex(170), 32), false],
  ['170 licences and 32 subjects', payloadOf(TYPE.cyclonedx, bom(170), 32), false],
])('remembers what says no more than 200 things: %s', (_title, payload, expected) => {
  expect(isRemembered(payload)).toBe(expected)
})

test('takes for an attestation nothing that another kind of value was remembered by', () => {
  const payload = payloadOf(TYPE.tests, { result: 'PASSED' })
  const cache = new VerificationCache()

  expect(readAttestation(payload, cache).claim.kind).toBe('tests')
  expect(readAttestation(payloadOf(TYPE.scan, scan(300)), cache).claim.kind).toBe('scan')
})
