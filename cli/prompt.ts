import { PlatformError } from '../services/model/index.ts'
import type { Environment } from './command.ts'

/** Who can be asked: the terminal's two sides. Tests hand their own. */
export interface Console {
  readonly input: NodeJS.ReadStream
  readonly output: NodeJS.WriteStream
}

const ANSWER_LIMIT_CHARS = 1_024
const BACKSPACE = new Set(['\b', '\u007f'])

/**
 * Asks for a secret without showing it, where a person sits at a terminal; nobody sits where `CI` is set. The question
 * goes to standard error, so that a redirected result stays whole.
 */
export function secretPrompt(
  environment: Environment,
  console: Console = { input: process.stdin, output: process.stderr },
): ((question: string) => Promise<string>) | undefined {
  const { input, output } = console
  const ci = environment['CI'] !== undefined && environment['CI'] !== ''
  if (ci || input.isTTY !== true || output.isTTY !== true) return undefined
  return (question) => {
    const answer = readHidden(input)
    // Only now: what is typed before the echo is off would be shown.
    output.write(question)
    return answer.finally(() => output.write('\n'))
  }
}

/** A line, typed in raw mode so that the terminal echoes nothing. Ctrl-C and Ctrl-D end the command. */
function readHidden(input: NodeJS.ReadStream): Promise<string> {
  return new Promise((resolve, reject) => {
    let typed = ''
    const finish = (end: () => void): void => {
      input.off('data', onData)
      input.setRawMode(false)
      input.pause()
      end()
    }
    const onData = (chunk: string): void => {
      for (const char of chunk) {
        if (char === '\r' || char === '\n') return finish(() => resolve(typed))
        if (char === '\u0003' || char === '\u0004')
          return finish(() => reject(new PlatformError('INVALID_PARAMETER', 'no passphrase given')))
        typed = BACKSPACE.has(char) ? typed.slice(0, -1) : typed + char
        if (typed.length > ANSWER_LIMIT_CHARS)
          return finish(() =>
            reject(new PlatformError('INVALID_PARAMETER', 'the passphrase is too long')),
          )
      }
    }
    input.setRawMode(true)
    input.setEncoding('utf8')
    input.on('data', onData)
    input.resume()
  })
}
