import type { PKCS11 } from 'pkcs11js'

import { PlatformError } from '../../../services/model/index.ts'

/** PKCS#11 v3.0, of the numbers that pkcs11js does not name, and those we tell apart. */
export const CKR = {
  pinIncorrect: 0xa0,
  pinLocked: 0xa4,
  pinLengthRange: 0xa2,
  userAlreadyLoggedIn: 0x100,
  cryptokiAlreadyInitialized: 0x191,
} as const

export interface LoadedModule {
  readonly cryptoki: PKCS11
  /** Ends what was begun here, and nothing that another user of the module in this process began. */
  unload(): void
}

/**
 * Loads a PKCS#11 module. pkcs11js is native code and optional: who signs with files needs no compiler.
 * @throws PlatformError SIGNER_FAILED
 */
export async function loadModule(path: string): Promise<LoadedModule> {
  const Cryptoki = await loadBinding()
  const cryptoki = new Cryptoki()
  try {
    cryptoki.load(path)
  } catch (cause) {
    throw tokenFailed(`the PKCS#11 module \`${path}\` cannot be loaded`, 'module', cause)
  }
  try {
    cryptoki.C_Initialize()
  } catch (cause) {
    if (codeOf(cause) === CKR.cryptokiAlreadyInitialized)
      return { cryptoki, unload: () => undefined }
    cryptoki.close()
    throw tokenFailed(`the PKCS#11 module \`${path}\` does not start`, 'module', cause)
  }
  return {
    cryptoki,
    unload: () => {
      cryptoki.C_Finalize()
      cryptoki.close()
    },
  }
}

/** A CommonJS module: what it exports is its default as well, or that alone. */
interface Binding {
  readonly PKCS11?: new () => PKCS11
  readonly default?: { readonly PKCS11?: new () => PKCS11 }
}

async function loadBinding(): Promise<new () => PKCS11> {
  let cause: unknown
  try {
    const binding: Binding = await import('pkcs11js')
    const Cryptoki = binding.PKCS11 ?? binding.default?.PKCS11
    if (Cryptoki !== undefined) return Cryptoki
  } catch (error) {
    cause = error
  }
  throw tokenFailed(
    'PKCS#11 keys need the optional package pkcs11js, which is not installed or was not built here',
    'pkcs11js',
    cause,
  )
}

/** The CKR_ number of an error, where it is one of the module's. */
export function codeOf(cause: unknown): number | undefined {
  const code = (cause as { readonly code?: unknown } | undefined)?.code
  return typeof code === 'number' ? code : undefined
}

/** With the name that PKCS#11 gives the cause; nothing else of it, since a module's text is its own. */
export function tokenFailed(message: string, rule: string, cause?: unknown): PlatformError {
  const text = cause instanceof Error ? cause.message : ''
  const [name] = /^CKR_[A-Z0-9_]{1,60}/.exec(text) ?? []
  return new PlatformError('SIGNER_FAILED', name === undefined ? message : `${message} (${name})`, {
    detail: { rule },
  })
}
