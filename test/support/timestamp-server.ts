import { execFile } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'

import type { TestAuthority } from './timestamp-token.ts'

const run = promisify(execFile)

export interface Answer {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body: Uint8Array
}

export interface TestServer extends AsyncDisposable {
  readonly url: string
}

/** A server on this machine that answers each posted body. */
export async function serveAnswers(
  answer: (body: Buffer, request: IncomingMessage) => Answer | undefined | Promise<Answer>,
): Promise<TestServer> {
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const made = await answer(Buffer.concat(chunks), request)
    // undefined: never answers
    if (made === undefined) return
    const type = { 'content-type': 'application/timestamp-reply' }
    response.writeHead(made.status ?? 200, { ...type, ...made.headers })
    response.end(made.body)
  }
  const server = createServer((request, response) => {
    handle(request, response).catch((error: unknown) => {
      response.writeHead(500)
      response.end(String(error))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/tsr`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** `openssl ts -reply` behind a server: an authority that nobody here wrote. */
export async function serveOpenssl(
  dir: string,
  { root, issuing, leaf }: TestAuthority,
  options: { readonly digits?: number; readonly essHash?: 'sha1' | 'sha256' } = {},
): Promise<TestServer> {
  const at = (name: string): string => join(dir, name)
  writeFileSync(at('tsa.pem'), leaf.pem)
  writeFileSync(at('chain.pem'), `${issuing.pem}${root.pem}`)
  writeFileSync(
    at('tsa.key'),
    leaf.key.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
  )
  writeFileSync(at('serial'), '01\n')
  writeFileSync(
    at('tsa.cnf'),
    `[tsa]
default_tsa = main
[main]
serial = ${at('serial')}
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha384, sha512
accuracy = secs:1, millisecs:500, microsecs:100
clock_precision_digits = ${options.digits ?? 0}
tsa_name = yes
ess_cert_id_chain = no
ess_cert_id_alg = ${options.essHash ?? 'sha256'}
`,
  )
  let count = 0
  return await serveAnswers(async (body) => {
    count += 1
    const [query, reply] = [at(`query-${count}`), at(`reply-${count}`)]
    writeFileSync(query, body)
    const files = ['-signer', at('tsa.pem'), '-inkey', at('tsa.key'), '-chain', at('chain.pem')]
    const config = ['-config', at('tsa.cnf'), '-queryfile', query, '-out', reply]
    await run('openssl', ['ts', '-reply', ...config, ...files], { cwd: dir })
    return { body: readFileSync(reply) }
  })
}
