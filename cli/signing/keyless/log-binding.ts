import { createHash } from 'node:crypto'

import type { Json } from '../../../services/model/index.ts'
import { parsePem, preAuthEncoding, STATEMENT_PAYLOAD_TYPE } from '../../../services/seal/index.ts'
import type { MadeSignature } from '../signer.ts'
import { failed, isObject } from './exchange.ts'
import { parseBody } from './log-entry.ts'

/** A signature over a statement, which is what a bundle of ours holds. */
export type MadeStatement = MadeSignature & { readonly payload: Uint8Array }

/** What an entry says it is about, read from its body. */
interface Logged {
  readonly digest: Uint8Array
  readonly signature: Uint8Array
  /** DER of the certificate or the key. */
  readonly verifier: Uint8Array
}

/**
 * An entry counts for a seal only if it is about this statement, this signature and this key, all three: cosign took a
 * bundle's entry without that (CVE-2026-22703).
 * @throws PlatformError SIGNER_FAILED
 */
export function checkBinding(body: Uint8Array, made: MadeStatement): void {
  const { kind, apiVersion, spec } = parseBody(body)
  const read = readers[`${kind} ${apiVersion}`]
  if (read === undefined)
    throw failed('the log answers with an entry of a kind that was not sent', 'log-entry-other')
  const logged = tryRead(() => read(spec))
  const expected = { digest: digestFor(kind, made.payload), ...made }
  const same =
    logged !== undefined &&
    expected.digest.equals(logged.digest) &&
    Buffer.from(logged.signature).equals(made.signature) &&
    Buffer.from(logged.verifier).equals(made.certificate ?? made.publicKey.spki)
  if (!same) throw failed('the log answers with an entry for another signature', 'log-entry-other')
}

/** A `hashedrekord` is over what was signed: the envelope's pre-authentication encoding. */
export function digestFor(kind: string, payload: Uint8Array): Buffer {
  const bytes = kind === 'hashedrekord' ? preAuthEncoding(STATEMENT_PAYLOAD_TYPE, payload) : payload
  return createHash('sha256').update(bytes).digest()
}

const readers: Readonly<Record<string, (spec: Json) => Logged>> = {
  'dsse 0.0.1': (spec) => {
    const signature = single(at(spec, 'signatures'))
    return {
      digest: hex(at(spec, 'payloadHash', 'value')),
      signature: base64(at(signature, 'signature')),
      verifier: pem(base64(at(signature, 'verifier'))),
    }
  },
  'intoto 0.0.2': (spec) => {
    const signature = single(at(spec, 'content', 'envelope', 'signatures'))
    return {
      digest: hex(at(spec, 'content', 'payloadHash', 'value')),
      signature: base64(base64(at(signature, 'sig')).toString('latin1')),
      verifier: pem(base64(at(signature, 'publicKey'))),
    }
  },
  'hashedrekord 0.0.1': (spec) => ({
    digest: hex(at(spec, 'data', 'hash', 'value')),
    signature: base64(at(spec, 'signature', 'content')),
    verifier: pem(base64(at(spec, 'signature', 'publicKey', 'content'))),
  }),
  'dsse 0.0.2': (spec) => {
    const signature = single(at(spec, 'dsseV002', 'signatures'))
    return {
      digest: base64(at(spec, 'dsseV002', 'payloadHash', 'digest')),
      signature: base64(at(signature, 'content')),
      verifier: rawVerifier(at(signature, 'verifier')),
    }
  },
  'hashedrekord 0.0.2': (spec) => ({
    digest: base64(at(spec, 'hashedRekordV002', 'data', 'digest')),
    signature: base64(at(spec, 'hashedRekordV002', 'signature', 'content')),
    verifier: rawVerifier(at(spec, 'hashedRekordV002', 'signature', 'verifier')),
  }),
}

function tryRead(read: () => Logged): Logged | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}

function at(value: Json | undefined, ...path: readonly string[]): Json | undefined {
  let inner = value
  for (const name of path) inner = isObject(inner) ? inner[name] : undefined
  return inner
}

function single(value: Json | undefined): Json | undefined {
  if (!Array.isArray(value) || value.length !== 1) throw new TypeError('not one signature')
  return value[0] as Json
}

function rawVerifier(value: Json | undefined): Buffer {
  return base64(at(value, 'x509Certificate', 'rawBytes') ?? at(value, 'publicKey', 'rawBytes'))
}

function pem(text: Buffer): Uint8Array {
  const [block, ...more] = parsePem(text.toString('latin1'))
  if (block === undefined || more.length > 0) throw new TypeError('not one PEM block')
  return block.bytes
}

function hex(value: Json | undefined): Buffer {
  if (typeof value !== 'string' || !/^(?:[0-9a-f]{2})+$/.test(value)) throw new TypeError('no hex')
  return Buffer.from(value, 'hex')
}

function base64(value: Json | undefined): Buffer {
  if (typeof value !== 'string' || value === '') throw new TypeError('no base64')
  return Buffer.from(value, 'base64')
}
