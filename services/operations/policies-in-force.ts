import { findPolicyDocument, findPolicySetInForce, type PolicySetRecord } from '../catalog/index.ts'
import { PlatformError, sha256, type Json, type PolicyKind } from '../model/index.ts'
import {
  compilePolicySet,
  isUsable,
  parseSetDocument,
  toSetDocument,
  type PolicyInForce,
  type PolicySet,
  type PolicySetSource,
  type UnusableSet,
} from '../policy/index.ts'
import type { Reader } from '../store/index.ts'
import { PolicyChecker } from './policy-checker.ts'

/** Sets kept compiled: what a text comes to, never what it says of a change. */
const COMPILED_LIMIT = 16

/** What a program brings for one kind of policies. */
export interface ShippedPolicies {
  /** Cedar schema, as text. */
  readonly schema: string
  /** By name; the first is in force where none was ever chosen. */
  readonly sets: ReadonlyMap<string, PolicySetSource>
  /** Digests that the sets were validated under before they were shipped, by name: validation takes most of a second of a start. */
  readonly validated: ReadonlyMap<string, string>
}

/** What a program brings for every kind. */
export type ShippedKinds = Readonly<Record<PolicyKind, ShippedPolicies>>

/** The policy sets that the service keeps, as decisions ask them. */
export class Policies implements AsyncDisposable {
  readonly kinds: ShippedKinds
  readonly #compiled = new Map<string, PolicySet | UnusableSet>()
  readonly #validated = new Map<string, true>()
  readonly checker = new PolicyChecker()

  /** The shipped admission set that the operator names at each start, where he does. */
  readonly named: string | undefined

  constructor(kinds: ShippedKinds, named?: string) {
    this.kinds = kinds
    this.named = named
  }

  /** The set that is in force again after the next start, where that is another one. */
  nextStartInsteadOf(name: string): string | null {
    return this.named === undefined || this.named === name ? null : this.named
  }

  shipped(kind: PolicyKind): ShippedPolicies {
    return this.kinds[kind]
  }

  schemaSha256(kind: PolicyKind): string {
    return sha256(this.shipped(kind).schema)
  }

  /**
   * The set in force as of the reader's snapshot. One that cannot be used is answered as such: whoever asks denies
   * (RULES §5).
   */
  async inForce(reader: Reader, kind: PolicyKind): Promise<PolicyInForce> {
    const record = await findPolicySetInForce(reader, kind)
    if (record === undefined) {
      const fault = 'no policy set was ever put in force'
      return { name: 'none', set: { digest: sha256(''), fault } }
    }
    const { name, version } = record
    return { name, version, set: await this.load(reader, record) }
  }

  /**
   * The admission set as changes are decided by it: none where the set that says who may do what cannot be used, since
   * the built-in table then lets in whom that set would not (RULES §5).
   */
  async deciding(reader: Reader): Promise<PolicyInForce> {
    const admission = await this.inForce(reader, 'admission')
    const { set: access } = await this.inForce(reader, 'authorization')
    if (isUsable(access)) return admission
    const { digest } = admission.set
    const fault = `the authorization set in force cannot be used: ${access.fault}`
    const fix =
      'stop the service and go back: `lacre policy rollback --kind authorization --data DIR`'
    return { ...admission, set: { digest, fault, fix } }
  }

  /** The text of a set that is or was in force, compiled against the schema of this program. */
  async load(reader: Reader, record: PolicySetRecord): Promise<PolicySet | UnusableSet> {
    const { kind, digest, document, schemaSha256 } = record
    const key = `${kind} ${document} ${digest} ${schemaSha256}`
    const known = this.#compiled.get(key)
    if (known !== undefined) {
      remember(this.#compiled, key, known)
      return known
    }
    const source = await readSource(reader, document)
    // Damage on the disk may be mended; what follows from the text itself is remembered.
    if (source === undefined) return { digest, fault: 'its text is missing or damaged' }
    const set = this.#compile(record, source)
    remember(this.#compiled, key, set)
    return set
  }

  /** That this very text and schema passed strict validation: it is not repeated on the event loop. */
  markValidated(digest: string): void {
    remember(this.#validated, digest, true)
  }

  /** The name of the shipped set with this text, where there is one. */
  shippedNameOf(kind: PolicyKind, source: PolicySetSource): string | undefined {
    const text = filesText(source)
    return [...this.shipped(kind).sets].find(([, one]) => filesText(one) === text)?.[0]
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.checker[Symbol.asyncDispose]()
  }

  #compile(record: PolicySetRecord, source: PolicySetSource): PolicySet | UnusableSet {
    const { kind, digest, schemaSha256 } = record
    try {
      const { schema } = this.shipped(kind)
      // Nothing is put in force before it was validated, so a record of this schema says that it was.
      const known = schemaSha256 === sha256(schema) || this.#validated.has(digest)
      const validated = known ? digest : undefined
      const set = compilePolicySet(source.files, schema, validated)
      if (set.digest === digest || schemaSha256 !== sha256(schema)) return set
      return { digest, fault: 'its text is not the one that its digest is of' }
    } catch (error) {
      if (!(error instanceof PlatformError) || error.code !== 'INVALID_PARAMETER') throw error
      return { digest, fault: error.publicMessage }
    }
  }
}

/** What is kept under a document's digest; `undefined` where its bytes are others or of another form. */
export async function readSource(
  reader: Reader,
  document: string,
): Promise<PolicySetSource | undefined> {
  const body = await findPolicyDocument(reader, document)
  if (body === undefined) return undefined
  try {
    return parseSetDocument(JSON.parse(body) as Json)
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    if (error instanceof PlatformError && error.code === 'INVALID_PARAMETER') return undefined
    throw error
  }
}

function filesText(source: PolicySetSource): string {
  return JSON.stringify(toSetDocument({ ...source, cases: null }))
}

/** Most recently used last; the first goes when there are too many. */
function remember<T>(kept: Map<string, T>, key: string, value: T): void {
  kept.delete(key)
  kept.set(key, value)
  const [oldest] = kept.keys()
  if (kept.size > COMPILED_LIMIT && oldest !== undefined) kept.delete(oldest)
}
