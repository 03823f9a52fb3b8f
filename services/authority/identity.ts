import { join } from 'node:path'

import {
  createKeyFile,
  openKeyFile,
  type KeyAlgorithm,
  type Keys,
  type MasterKey,
  type Signer,
} from '../keys/index.ts'
import { PlatformError, toIsoTime, type Clock, type Random } from '../model/index.ts'
import type { AuthorityKeyTable, Reader, Store, Writer } from '../store/index.ts'
import { encodeName, publicKeyDer, signCertificate } from './certificate/build.ts'
import {
  EKU,
  authorityConstraints,
  authorityKeyIdentifier,
  extendedKeyUsage,
  issuingKeyUsage,
  leafConstraints,
  signingKeyUsage,
  subjectKeyIdentifier,
} from './certificate/extensions.ts'

const DAY_MS = 86_400_000
const ROOT_VALIDITY_MS = 20 * 365 * DAY_MS
/** Of the issuing certificate and the timestamping one; both are made anew by `rotate`. */
const ISSUED_VALIDITY_MS = 5 * 365 * DAY_MS
/** From here on `serve` says that it is time to rotate. */
export const RENEWAL_NOTICE_MS = 180 * DAY_MS

export type Role = AuthorityKeyTable['role']
export type RotatedRole = Exclude<Role, 'root' | 'log'>

const ALGORITHMS: Readonly<Record<Role, KeyAlgorithm>> = {
  root: 'ecdsa-p384',
  ca: 'ecdsa-p384',
  ct: 'ecdsa-p256',
  tsa: 'ecdsa-p256',
  log: 'ed25519',
}
const NAMES: Readonly<Record<'root' | 'ca' | 'tsa', string>> = {
  root: 'root',
  ca: 'intermediate',
  tsa: 'timestamping',
}

/** One key of the authority, with its certificate where it has one. */
export interface AuthorityKey {
  readonly role: Role
  readonly generation: number
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKey: Uint8Array
  readonly certificate: Uint8Array | undefined
  readonly validFromMs: number
  readonly validToMs: number | undefined
}

/** A key that signs: the youngest of its role. */
export interface ActiveKey extends AuthorityKey {
  readonly signer: Signer
}

export interface KeyRoom {
  readonly store: Store
  readonly keys: Keys
  readonly masterKey: MasterKey
  readonly clock: Clock
  readonly random: Random
  readonly dataDir: string
}

/** The root's key lies in a file of its own: it is needed to rotate alone, and may be kept elsewhere until then. */
export function rootKeyPath(dataDir: string): string {
  return join(dataDir, 'root.key')
}

export async function listKeys(reader: Reader): Promise<AuthorityKey[]> {
  const rows = await reader
    .selectFrom('authority_key')
    .selectAll()
    .orderBy('role')
    .orderBy('generation')
    .execute()
  return rows.map((row) => ({
    role: row.role,
    generation: row.generation,
    publicKey: Buffer.from(row.public_key, 'base64'),
    certificate: row.certificate === null ? undefined : Buffer.from(row.certificate, 'base64'),
    validFromMs: row.valid_from,
    validToMs: row.valid_to ?? undefined,
  }))
}

/**
 * Makes root, intermediate, timestamping certificate and the logs' keys where there are none: one transaction.
 * @throws PlatformError CONFIGURATION, OUT_OF_SPACE
 */
export async function ensureKeys(room: KeyRoom): Promise<void> {
  const known = await listKeys(room.store.reader)
  if (known.length > 0) return
  const atMs = room.clock.nowMs()
  const options = rootOptions(room)
  // A file without rows is left by a first start that was killed: nobody has seen its certificate.
  const root = openKeyFile(options) ?? createKeyFile(options)
  const rows = [certifyRoot(room, root, atMs)]
  for (const role of ['ca', 'ct', 'tsa', 'log'] as const)
    rows.push(await certify(room, { role, generation: 1, root, atMs }))
  await room.store.transaction(async (tx) => {
    await tx.insertInto('authority_key').values(rows).execute()
  })
}

/** The key that signs in this role. @throws PlatformError CONFIGURATION, INTERNAL */
export async function activeKey(room: KeyRoom, role: Exclude<Role, 'root'>): Promise<ActiveKey> {
  const key = (await listKeys(room.store.reader)).findLast((one) => one.role === role)
  if (key === undefined) throw new PlatformError('INTERNAL', `there is no \`${role}\` key`)
  const signer = await room.keys.signer(keyPurpose(role, key.generation), ALGORITHMS[role])
  if (!Buffer.from(publicKeyDer(signer.publicKeyPem)).equals(key.publicKey))
    throw new PlatformError('INTERNAL', `the \`${role}\` key was changed in the database`)
  return { ...key, signer }
}

/**
 * A new key in this role; the one before it signs nothing more, and stays in the trusted root with its end.
 * @throws PlatformError CONFIGURATION where the root's key is needed and not there
 */
export async function rotateKey(room: KeyRoom, role: RotatedRole): Promise<AuthorityKey> {
  const before = await activeKey(room, role)
  const root = role === 'ct' ? undefined : requireRoot(room)
  const atMs = room.clock.nowMs()
  const generation = before.generation + 1
  const row = await certify(room, { role, generation, root, atMs })
  await room.store.transaction((tx) => replaceKey(tx, row))
  const after = (await listKeys(room.store.reader)).findLast((one) => one.role === role)
  if (after === undefined) throw new PlatformError('INTERNAL', `there is no \`${role}\` key`)
  return after
}

async function replaceKey(tx: Writer, row: AuthorityKeyTable): Promise<void> {
  await tx
    .updateTable('authority_key')
    .set({ valid_to: row.valid_from })
    .where('role', '=', row.role)
    .where('valid_to', 'is', null)
    .execute()
  await tx.insertInto('authority_key').values(row).execute()
}

function keyPurpose(role: Role, generation: number): string {
  return `authority-${role}.${generation}`
}

function rootOptions(room: KeyRoom) {
  const path = rootKeyPath(room.dataDir)
  const { masterKey } = room
  return { path, purpose: 'authority-root', algorithm: ALGORITHMS.root, masterKey }
}

function requireRoot(room: KeyRoom): Signer {
  const root = openKeyFile(rootOptions(room))
  if (root !== undefined) return root
  throw new PlatformError(
    'CONFIGURATION',
    `the root key is not at \`${rootKeyPath(room.dataDir)}\`; bring it back to rotate`,
  )
}

/** The organization names the installation: two authorities are told apart by whoever reads a certificate. */
function nameOf(role: 'root' | 'ca' | 'tsa', generation: number, rootKey: string): Uint8Array {
  const id = Buffer.from(publicKeyDer(rootKey)).toString('hex').slice(-8)
  return encodeName({
    organization: `lacre authority ${id}`,
    commonName: `${NAMES[role]} ${generation}`,
  })
}

function certifyRoot(room: KeyRoom, root: Signer, atMs: number): AuthorityKeyTable {
  const publicKey = publicKeyDer(root.publicKeyPem)
  const name = nameOf('root', 1, root.publicKeyPem)
  const certificate = signCertificate(
    {
      serial: serialNumber(room.random),
      issuer: name,
      subject: name,
      notBeforeMs: atMs,
      notAfterMs: atMs + ROOT_VALIDITY_MS,
      publicKey,
      extensions: [
        issuingKeyUsage(),
        authorityConstraints(undefined),
        subjectKeyIdentifier(publicKey),
      ],
    },
    root,
  )
  return toRow({ role: 'root', generation: 1, atMs }, publicKey, certificate)
}

interface NewKey {
  readonly role: Exclude<Role, 'root'>
  readonly generation: number
  readonly root: Signer | undefined
  readonly atMs: number
}

async function certify(room: KeyRoom, key: NewKey): Promise<AuthorityKeyTable> {
  const { role, generation, root } = key
  const signer = await room.keys.signer(keyPurpose(role, generation), ALGORITHMS[role])
  const publicKey = publicKeyDer(signer.publicKeyPem)
  if (role === 'ct' || role === 'log' || root === undefined) return toRow(key, publicKey, undefined)
  const purpose =
    role === 'ca'
      ? [issuingKeyUsage(), authorityConstraints(0), extendedKeyUsage(EKU.codeSigning)]
      : [signingKeyUsage(), leafConstraints(), extendedKeyUsage(EKU.timeStamping, true)]
  const identifiers = [
    subjectKeyIdentifier(publicKey),
    authorityKeyIdentifier(publicKeyDer(root.publicKeyPem)),
  ]
  const certificate = signCertificate(
    {
      serial: serialNumber(room.random),
      issuer: nameOf('root', 1, root.publicKeyPem),
      subject: nameOf(role, generation, root.publicKeyPem),
      notBeforeMs: key.atMs,
      notAfterMs: key.atMs + ISSUED_VALIDITY_MS,
      publicKey,
      extensions: [...purpose, ...identifiers],
    },
    root,
  )
  return toRow(key, publicKey, certificate)
}

function toRow(
  key: Pick<AuthorityKeyTable, 'role' | 'generation'> & { readonly atMs: number },
  publicKey: Uint8Array,
  certificate: Uint8Array | undefined,
): AuthorityKeyTable {
  return {
    role: key.role,
    generation: key.generation,
    public_key: Buffer.from(publicKey).toString('base64'),
    certificate: certificate === undefined ? null : Buffer.from(certificate).toString('base64'),
    valid_from: key.atMs,
    valid_to: null,
  }
}

/** 128 random bits, positive and never zero (RFC 5280 §4.1.2.2). */
export function serialNumber(random: Random): Uint8Array {
  const bytes = Uint8Array.from(random.bytes(16))
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40
  return bytes
}

/** What to say at start about a key that will need rotating; undefined where nothing has to be done yet. */
export function renewalNotice(key: AuthorityKey, nowMs: number): string | undefined {
  const endMs = key.validFromMs + ISSUED_VALIDITY_MS
  if (endMs - nowMs > RENEWAL_NOTICE_MS) return undefined
  return `the ${key.role} certificate ends on ${toIsoTime(endMs).slice(0, 10)}: run \`lacre authority rotate\``
}
