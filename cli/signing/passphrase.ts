import type { Environment } from '../command.ts'
import { readPassphrase } from './read-file.ts'

/** Asks a person without showing what he types; absent where nobody sits there. */
export type Prompt = (question: string) => Promise<string>

/** What opens an encrypted key or a token, asked only when something is encrypted. */
export type PassphraseSource = (what: string) => Promise<string | undefined>

/** The file of `--passphrase-file`, else cosign's variable (an empty one is an empty passphrase), else the person. */
export function passphraseFrom(
  file: string | undefined,
  environment: Environment,
  prompt?: Prompt,
): PassphraseSource {
  return async (what) =>
    readPassphrase(file) ??
    environment['COSIGN_PASSWORD'] ??
    (await prompt?.(`passphrase of ${what}: `))
}
