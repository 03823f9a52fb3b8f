import { endianness } from 'node:os'

import type { Handle, PKCS11, Template } from 'pkcs11js'

import { CKR, codeOf, tokenFailed } from './module.ts'
import type { TokenReference } from './uri.ts'

const CKF = { tokenInitialized: 0x400, loginRequired: 0x4, serialSession: 0x4 } as const
export const CKU = { user: 1, contextSpecific: 2 } as const
/** More matches than this are one too many already. */
const FOUND_LIMIT = 2

/** The one token that the URI names. @throws PlatformError SIGNER_FAILED */
export function findSlot(cryptoki: PKCS11, reference: TokenReference): Handle {
  const slots = attempt('the PKCS#11 module lists no slots', 'slots', () =>
    cryptoki.C_GetSlotList(true),
  ).filter((slot) => isNamed(cryptoki, slot, reference))
  const [slot, ...more] = slots
  if (slot === undefined) throw tokenFailed('no token is the one that the URI names', 'no-token')
  if (more.length > 0)
    throw tokenFailed(
      `${slots.length} tokens are what the URI names: give \`serial\` or \`slot-id\``,
      'ambiguous-token',
    )
  return slot
}

function isNamed(cryptoki: PKCS11, slot: Handle, reference: TokenReference): boolean {
  const info = attempt('a token does not tell its name', 'slots', () =>
    cryptoki.C_GetTokenInfo(slot),
  )
  if ((info.flags & CKF.tokenInitialized) === 0) return false
  const same = (wanted: string | undefined, got: string): boolean =>
    wanted === undefined || wanted === got.replace(/[\0 ]+$/, '')
  return (
    (reference.slotId === undefined || reference.slotId === toNumber(slot)) &&
    same(reference.token, info.label) &&
    same(reference.manufacturer, info.manufacturerID) &&
    same(reference.model, info.model) &&
    same(reference.serial, info.serialNumber)
  )
}

/** pkcs11js hands numbers of the machine's own size and order. */
export function toNumber(handle: Handle): number {
  const octets = endianness() === 'LE' ? Buffer.from(handle).reverse() : handle
  return Number(BigInt(`0x0${octets.toString('hex')}`))
}

export function openSession(cryptoki: PKCS11, slot: Handle): Handle {
  return attempt('the token opens no session', 'session', () =>
    cryptoki.C_OpenSession(slot, CKF.serialSession),
  )
}

export function needsLogin(cryptoki: PKCS11, slot: Handle): boolean {
  return (cryptoki.C_GetTokenInfo(slot).flags & CKF.loginRequired) !== 0
}

/** @throws PlatformError SIGNER_FAILED, with a rule of its own where the PIN is wrong or locked */
export function logIn(cryptoki: PKCS11, session: Handle, pin: string, user: number): void {
  try {
    cryptoki.C_Login(session, user, pin)
  } catch (cause) {
    const code = codeOf(cause)
    if (code === CKR.userAlreadyLoggedIn && user === CKU.user) return
    if (code === CKR.pinLocked)
      throw tokenFailed('the PIN of the token is locked', 'pin-locked', cause)
    if (code === CKR.pinIncorrect || code === CKR.pinLengthRange)
      throw tokenFailed('the PIN of the token is wrong', 'pin-incorrect', cause)
    throw tokenFailed('the token refuses the login', 'login', cause)
  }
}

/** At most two objects of a template: none, one, or too many. */
export function findObjects(cryptoki: PKCS11, session: Handle, template: Template): Handle[] {
  return attempt('the token does not search', 'search', () => {
    cryptoki.C_FindObjectsInit(session, template)
    try {
      const found: Handle[] = []
      for (let more = true; more && found.length < FOUND_LIMIT;) {
        const batch = cryptoki.C_FindObjects(session, FOUND_LIMIT)
        found.push(...batch)
        more = batch.length > 0
      }
      return found
    } finally {
      cryptoki.C_FindObjectsFinal(session)
    }
  })
}

/** An attribute's octets, or nothing where the object has none such or does not give it. */
export function attributeOf(
  cryptoki: PKCS11,
  session: Handle,
  object: Handle,
  type: number,
): Buffer | undefined {
  try {
    const [attribute] = cryptoki.C_GetAttributeValue(session, object, [{ type }])
    const value = attribute?.value
    return value === undefined || value.byteLength === 0 ? undefined : value
  } catch {
    return undefined
  }
}

function attempt<T>(message: string, rule: string, run: () => T): T {
  try {
    return run()
  } catch (cause) {
    throw tokenFailed(message, rule, cause)
  }
}
