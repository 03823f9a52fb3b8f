import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { CreateCodeSigningConfigCommand, type LambdaClient } from '@aws-sdk/client-lambda'

import { lacre, lacreJson } from './command.ts'

/** Keys and seals made with the command itself, in a directory of their own. */
export class SealingRoom implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), 'lacre-seals-'))
  #files = 0

  /** A new key pair; answers the private key's file, whose public half ends in `.pub`. */
  key(name: string): string {
    const file = join(this.path, `${name}.pem`)
    this.#run(['key', 'create', '--out', file])
    return file
  }

  /** The zip with a seal by that key inside. */
  seal(zip: Uint8Array, key: string, flags: readonly string[] = []): Buffer {
    const file = this.file(zip)
    this.#run(['sign', file, '--key', key, ...flags])
    return readFileSync(file)
  }

  file(content: Uint8Array, suffix = '.zip'): string {
    const file = join(this.path, `${(this.#files += 1)}${suffix}`)
    writeFileSync(file, content)
    return file
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true })
  }

  #run(args: readonly string[]): void {
    const run = lacre(args)
    if (run.status !== 0) throw new Error(`lacre ${args.join(' ')}: ${run.stdout}${run.stderr}`)
  }
}

/** Registers a publisher by the command; answers its versioned ARN. */
export function createPublisher(data: string, name: string, key: string): string {
  const args = ['publisher', 'create', name, '--key', `${key}.pub`, '--data', data]
  const { versions } = lacreJson<{ versions: readonly { arn: string }[] }>(args)
  const [first] = versions
  if (first === undefined) throw new Error(`publisher ${name} has no version`)
  return first.arn
}

/** A code signing config that allows these publishers. */
export async function createConfig(
  client: LambdaClient,
  policy: 'Warn' | 'Enforce',
  publishers: readonly string[],
): Promise<string> {
  const { CodeSigningConfig } = await client.send(
    new CreateCodeSigningConfigCommand({
      Description: policy,
      AllowedPublishers: { SigningProfileVersionArns: [...publishers] },
      CodeSigningPolicies: { UntrustedArtifactOnDeployment: policy },
    }),
  )
  return CodeSigningConfig?.CodeSigningConfigArn ?? ''
}
