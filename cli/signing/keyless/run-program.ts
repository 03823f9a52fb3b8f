import { execFile } from 'node:child_process'

import type { Environment } from '../../command.ts'
import { failed } from './exchange.ts'
import { quoteForeign } from './foreign-text.ts'

const RUN_TIMEOUT_MS = 30_000
const OUTPUT_LIMIT_BYTES = 131_072

/**
 * What a program of the CI system prints, run by its arguments without a shell. Neither its output nor its command
 * line reaches an error: the one is the token, the other may be.
 * @throws PlatformError SIGNER_FAILED
 */
export async function runProgram(
  program: string,
  args: readonly string[],
  environment: Environment,
): Promise<string> {
  return await new Promise((resolve, reject) => {
    const options = {
      env: { ...environment },
      shell: false,
      timeout: RUN_TIMEOUT_MS,
      killSignal: 'SIGKILL',
      maxBuffer: OUTPUT_LIMIT_BYTES,
      encoding: 'utf8',
    } as const
    execFile(program, args, options, (error, stdout, stderr) => {
      if (error === null) return resolve(stdout)
      if (error.code === 'ENOENT') return reject(failed(`\`${program}\` is not installed here`))
      const why = error.killed === true ? 'did not end' : `ended with ${error.code ?? 'an error'}`
      const said = quoteForeign(stderr)
      return reject(failed(`\`${program}\` ${why}${said === '' ? '' : `: ${said}`}`))
    })
  })
}
