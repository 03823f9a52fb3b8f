import type { Command, Stage } from './recorded-stage.ts'

/** An error as one line: `404 ResourceNotFoundException Function not found: …`; `200` and the like where there is none. */
export async function sentenceOf(stage: Stage, command: Command): Promise<string> {
  const { status, headers, body } = await stage.send(command)
  const type = headers['x-amzn-ErrorType']
  if (type === undefined) return String(status)
  const sentence = body['message'] ?? body['Message']
  return `${status} ${type} ${typeof sentence === 'string' ? sentence : '(none)'}`
}

/** AWS's form of one constraint that does not hold. */
export function constraint(value: string, at: string, words: string): string {
  const shown = value === 'null' ? value : `'${value}'`
  return `400 ValidationException 1 validation error detected: Value ${shown} at '${at}' failed to satisfy constraint: ${words}`
}
