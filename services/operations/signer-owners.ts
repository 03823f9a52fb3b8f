import {
  deleteSignerOwner,
  findApprover,
  listSignerOwners,
  parsePublisherName,
  putSignerOwner,
  type SignerOwner,
} from '../catalog/index.ts'
import { PlatformError, parseSha256, sha256, type Decision } from '../model/index.ts'
import type { Reader } from '../store/index.ts'
import type { Caller, Deps } from './context.ts'
import { govern } from './gate.ts'
import { trustChange } from './publishers.ts'

/** A signer as people name him. */
export type NamedSigner =
  | { readonly kind: 'publisher'; readonly name: string }
  /** SHA-256 of the SubjectPublicKeyInfo. */
  | { readonly kind: 'key'; readonly sha256: string }
  | {
      readonly kind: 'oidc'
      readonly issuer: string
      readonly type: 'uri' | 'email' | 'username'
      readonly value: string
    }

/**
 * Says whose a signer is; with `owner: null`, that nobody knows. An approval that must not be the signer's own is
 * counted by this.
 * @throws PlatformError INVALID_PARAMETER, RESOURCE_NOT_FOUND (no such principal, no such mapping)
 */
export async function mapSigner(
  deps: Deps,
  caller: Caller,
  input: { readonly signer: NamedSigner; readonly owner: string | null },
): Promise<{ readonly result: SignerOwner | null; readonly decision: Decision }> {
  const { signer, label } = toSigner(input.signer)
  const { owner } = input
  const look = async (reader: Reader): Promise<string | null> => {
    const before = (await listSignerOwners(reader)).find((one) => one.signer === signer)
    if (owner !== null && (await findApprover(reader, owner)) === undefined)
      throw notFound(`there is no principal \`${owner.slice(0, 80)}\``)
    if (owner === null && before === undefined) throw notFound(`${label} is nobody's`)
    return before?.owner ?? null
  }
  return await govern(deps, caller, {
    action: 'lacre:MapSigner',
    resource: `signer/${signer}`,
    raisesWorld: true,
    read: async (reader) => trustChange(await look(reader), owner),
    commit: async (tx, _admitted, atMs) => {
      await look(tx)
      if (owner === null) return { result: null, touched: [await deleteSignerOwner(tx, signer)] }
      const mapping = { signer, label, owner, mappedAtMs: atMs, mappedBy: caller.principal.id }
      return { result: mapping, touched: [await putSignerOwner(tx, mapping)] }
    },
    note: () => ({ signer, label, owner }),
  })
}

export async function readSignerOwners(deps: Deps): Promise<SignerOwner[]> {
  return await deps.store.snapshot((reader) => listSignerOwners(reader))
}

/** As SignerIdentity has it, so that both are compared exactly. */
function toSigner(named: NamedSigner): { readonly signer: string; readonly label: string } {
  switch (named.kind) {
    case 'publisher': {
      const name = parsePublisherName(named.name)
      return { signer: `publisher:${name}`, label: `publisher ${name}` }
    }
    case 'key': {
      const digest = parseSha256(named.sha256)
      return { signer: `key:${digest}`, label: `key SHA256:${digest}` }
    }
    case 'oidc': {
      const { issuer, type, value } = named
      const signer = `oidc:${sha256(`${issuer}\0${type}\0${value}`)}`
      return { signer, label: `${type} ${value} (${issuer})` }
    }
  }
}

function notFound(message: string): PlatformError {
  return new PlatformError('RESOURCE_NOT_FOUND', message)
}
