import { Option, type Command } from 'commander'

import { openArtifact } from '../../services/artifact/index.ts'
import type { Environment } from '../command.ts'
import { openFileSource } from '../files.ts'
import {
  connect,
  explained,
  isObject,
  narrate,
  text,
  withConnection,
  type ConnectionOptions,
  type JsonObject,
  type Service,
} from '../service/index.ts'
import { placeSeal } from '../signing/index.ts'
import { inline, type Terminal } from '../terminal.ts'
import { uploadZip } from './upload.ts'

interface SignOptions extends ConnectionOptions {
  readonly kind?: 'function' | 'layer'
  readonly name?: readonly string[]
  readonly counter?: string
  readonly notAfter?: string
  readonly account?: string
  readonly detached?: string
}

const several = (value: string, before: readonly string[] = []): readonly string[] => [
  ...before,
  value,
]

/** `lacre publisher sign NAME F.zip`: the service judges the zip and seals it with the key that it keeps. */
export function configurePublisherSign(
  command: Command,
  tools: { readonly terminal: Terminal; readonly environment: Environment },
): void {
  withConnection(command.command('sign').argument('<name>').argument('<file>', 'the zip'))
    .summary('have a managed publisher seal a zip, in place or beside it')
    .addOption(new Option('--kind <kind>', 'bind to a kind').choices(['function', 'layer']))
    .option('--name <glob>', 'bind to names; may be repeated', several)
    .option('--counter <number>', 'release counter, for floors')
    .option('--not-after <time>', 'the seal ends at this RFC 3339 time')
    .option('--account <id>', 'bind to an account')
    .option('--detached <file>', 'write the seal here and leave the zip as it is')
    .action(async (name: string, file: string, options: SignOptions) => {
      const { terminal, environment } = tools
      const service = connect(options, environment)
      const answer = await explained(service, terminal, async () => {
        const sha256 = await upload(service, terminal, file)
        const path = `/api/v1/publishers/${encodeURIComponent(name)}/seals`
        return await service.change('POST', path, { sha256, predicate: toPredicate(options) })
      })
      if (answer === undefined) return
      await narrate(service, terminal, { what: 'the seal', id: answer.decisionId })
      const { seal } = answer.body
      const body = Buffer.from(text(isObject(seal) ? seal : {}, 'body'), 'base64')
      const { detached } = options
      const publicKeyPem = text(answer.body, 'publicKeyPem')
      const done = await placeSeal({ file, bytes: body, publicKeyPem, detached })
      terminal.result(
        { file, ...done, arn: text(answer.body, 'arn'), decision: answer.decisionId },
        `${inline(detached ?? file)}: sealed by ${inline(text(answer.body, 'arn'))}\nsha256  ${done.sha256}`,
      )
    })
}

function toPredicate({ kind, name, counter, notAfter, account }: SignOptions): JsonObject {
  return { kind, names: name === undefined ? undefined : [...name], counter, notAfter, account }
}

async function upload(service: Service, terminal: Terminal, file: string): Promise<string> {
  using source = openFileSource(file)
  const { codeSha256 } = await openArtifact(source)
  await uploadZip(service, terminal, { source, codeSha256 })
  return codeSha256
}
