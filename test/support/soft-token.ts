import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const MODULES = [
  '/usr/lib/softhsm/libsofthsm2.so',
  '/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so',
  '/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so',
  '/usr/lib64/pkcs11/libsofthsm2.so',
]
export const softTokenModule = MODULES.find((path) => existsSync(path)) ?? ''
export const PIN = '8642'

const runs = (command: string): boolean => spawnSync(command, ['-h']).error === undefined

/** What is missing for a software token, or nothing. */
export function softTokenLacks(): string | undefined {
  if (softTokenModule === '' || !runs('softhsm2-util')) return 'softhsm2 is not installed'
  if (!runs('pkcs11-tool')) return 'opensc (pkcs11-tool) is not installed'
  try {
    createRequire(import.meta.url)('pkcs11js')
    return undefined
  } catch {
    return 'the optional package pkcs11js was not built'
  }
}

/** A directory of software tokens of its own; what loads the module here or in a child finds it by `environment`. */
export class SoftToken implements Disposable {
  readonly dir = mkdtempSync(join(tmpdir(), 'lacre-token-'))
  readonly environment: Readonly<Record<string, string>>
  readonly #before = process.env['SOFTHSM2_CONF']

  constructor(...labels: readonly string[]) {
    const configuration = join(this.dir, 'softhsm2.conf')
    mkdirSync(join(this.dir, 'tokens'))
    writeFileSync(
      configuration,
      `directories.tokendir = ${join(this.dir, 'tokens')}\nlog.level = ERROR\n`,
    )
    this.environment = { SOFTHSM2_CONF: configuration }
    process.env['SOFTHSM2_CONF'] = configuration
    for (const label of labels)
      this.#run(
        'softhsm2-util',
        `--init-token --free --label ${label} --so-pin 13579111 --pin ${PIN}`,
      )
  }

  /** A key made in the token, by pkcs11-tool. */
  generate(token: string, type: string, name: readonly [string, string], more = ''): void {
    const [label, id] = name
    const login = `--module ${softTokenModule} --token-label ${token} --login --pin ${PIN}`
    this.#run(
      'pkcs11-tool',
      `${login} --keypairgen --key-type ${type} --label ${label} --id ${id} ${more}`.trim(),
    )
  }

  /** A key made elsewhere, brought in by softhsm2-util. */
  importKey(token: string, algorithm: readonly string[], label: string, id: string): void {
    const pem = join(this.dir, `${label}-${id}.pem`)
    execFileSync('openssl', ['genpkey', ...algorithm, '-out', pem], { stdio: 'pipe' })
    this.#run(
      'softhsm2-util',
      `--import ${pem} --token ${token} --label ${label} --id ${id} --pin ${PIN}`,
    )
  }

  /** The public half of an imported key, as OpenSSL has it. */
  publicPem(label: string, id: string): string {
    const pem = join(this.dir, `${label}-${id}.pem`)
    return execFileSync('openssl', ['pkey', '-in', pem, '-pubout'], { encoding: 'latin1' })
  }

  deleteObject(token: string, type: string, id: string): void {
    const login = `--module ${softTokenModule} --token-label ${token} --login --pin ${PIN}`
    this.#run('pkcs11-tool', `${login} --delete-object --type ${type} --id ${id}`)
  }

  writeCertificate(token: string, der: Uint8Array, id: string): void {
    const path = join(this.dir, 'certificate.der')
    writeFileSync(path, der)
    const login = `--module ${softTokenModule} --token-label ${token} --login --pin ${PIN}`
    this.#run('pkcs11-tool', `${login} --write-object ${path} --type cert --id ${id}`)
  }

  file(name: string, text: string): string {
    const path = join(this.dir, name)
    writeFileSync(path, text, { mode: 0o600 })
    return path
  }

  read(name: string): string {
    return readFileSync(join(this.dir, name), 'latin1')
  }

  #run(command: string, args: string): void {
    execFileSync(command, args.split(' '), {
      stdio: 'pipe',
      env: { PATH: process.env['PATH'], ...this.environment },
    })
  }

  [Symbol.dispose](): void {
    if (this.#before === undefined) delete process.env['SOFTHSM2_CONF']
    else process.env['SOFTHSM2_CONF'] = this.#before
    rmSync(this.dir, { recursive: true, force: true })
  }
}
