import { randomBytes, randomUUID } from 'node:crypto'

/** Where chance comes from. */
export interface Random {
  uuid(): string
  bytes(length: number): Uint8Array
  /** Uniform in [0, 1). */
  fraction(): number
}

export const systemRandom: Random = {
  uuid: () => randomUUID(),
  bytes: (length) => randomBytes(length),
  fraction: () => randomBytes(6).readUIntBE(0, 6) / 2 ** 48,
}
