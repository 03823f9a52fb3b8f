import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** What AWS answered, by step: `{ResponseMetadata: {HTTPStatusCode}, …members}`. */
export type RecordedAnswers = Readonly<Record<string, Recorded>>
export type Recorded = Readonly<Record<string, unknown>>

const folder =
  process.env['LACRE_RECORDED'] ?? join(import.meta.dirname, '../../../shared/lambda/recorded')

export const recordedThere = existsSync(folder)

/** The answers of one scenario: `recorded('TestLambdaAlias', 'test_alias_naming')`. */
export function recorded(file: string, scenario: string): RecordedAnswers {
  const all = JSON.parse(readFileSync(join(folder, `${file}.json`), 'utf8')) as Record<
    string,
    { readonly answers: RecordedAnswers }
  >
  const found = all[`${file}::${scenario}`]
  if (found === undefined) throw new Error(`nothing was recorded as ${file}::${scenario}`)
  return found.answers
}

/** Names of the scenarios in a file of which answers were kept. */
export function recordedNames(file: string, which?: 'also empty'): string[] {
  const all = JSON.parse(readFileSync(join(folder, `${file}.json`), 'utf8')) as Record<
    string,
    { readonly answers: RecordedAnswers }
  >
  return Object.entries(all)
    .filter(([, { answers }]) => which === 'also empty' || Object.keys(answers).length > 0)
    .map(([name]) => name.slice(file.length + 2))
}

interface OurAnswer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body: Readonly<Record<string, unknown>>
}

/**
 * Our answer in the recorder's form, beside AWS's: same members, same values, and where AWS's holds a placeholder
 * the same value for the same placeholder within a scenario.
 */
export class Comparison {
  readonly #values = new Map<string, string>()

  /** Every difference, as `path: ours, recorded`. */
  differences(ours: OurAnswer, theirs: Recorded): string[] {
    const { ResponseMetadata: metadata, Error: error, ...members } = theirs
    const status = (metadata as { HTTPStatusCode?: number } | undefined)?.HTTPStatusCode
    const found: string[] = []
    if (status !== undefined && status !== ours.status)
      found.push(`status: ${ours.status}, ${status}`)
    if (error === undefined) return [...found, ...this.#compare('', ours.body, members)]
    const { Code: code, Message: message } = error as { Code: string; Message: string }
    const type = ours.headers?.['x-amzn-ErrorType']
    if (type !== code) found.push(`error type: ${type}, ${code}`)
    // Of an error that the SDK's model lacks, the recorder kept the message alone.
    const modelled = 'message' in members || 'Message' in members
    return [
      ...found,
      ...(modelled
        ? this.#compare('', ours.body, members)
        : this.#compare('.message', ours.body['message'] ?? ours.body['Message'], message)),
    ]
  }

  #compare(path: string, ours: unknown, theirs: unknown): string[] {
    if (isObject(theirs)) {
      if (!isObject(ours)) return [difference(path, ours, theirs)]
      const names = new Set([...Object.keys(ours), ...Object.keys(theirs)])
      return [...names].flatMap((name) =>
        this.#compare(`${path}.${name}`, ours[name], theirs[name]),
      )
    }
    if (Array.isArray(theirs)) {
      if (!Array.isArray(ours) || ours.length !== theirs.length)
        return [difference(path, ours, theirs)]
      return theirs.flatMap((item, at) => this.#compare(`${path}[${at}]`, ours[at], item))
    }
    if (
      typeof theirs === 'string' &&
      /<|^date(?:time)?$|^(?:function|lambda)-url$|sha256$/.test(theirs)
    )
      return this.#matches(theirs, String(ours)) ? [] : [difference(path, ours, theirs)]
    return ours === theirs ? [] : [difference(path, ours, theirs)]
  }

  /** `<function-name:1>` and the like stand for one value each; `date` and `<code-size>` for any. */
  #matches(template: string, text: string): boolean {
    if (text === 'undefined') return false
    const names: string[] = []
    const source = template
      .split(/(<[a-z_-]+(?::\d+)?>)/)
      .map((part) => {
        if (!part.startsWith('<'))
          return /^date(?:time)?$|-url$|sha256$/.test(part) ? '.+' : escape(part)
        const known = this.#values.get(part)
        if (known !== undefined) return escape(known)
        if (names.includes(part)) return `\\${names.indexOf(part) + 1}`
        names.push(part)
        return '(.+?)'
      })
      .join('')
      .replaceAll('111111111111', '000000000000')
    const match = new RegExp(`^${source}$`, 's').exec(text)
    if (match === null) return false
    for (const [at, name] of names.entries())
      if (name.includes(':') || name === '<region>' || name === '<partition>')
        this.#values.set(name, match[at + 1] ?? '')
    return true
  }
}

function difference(path: string, ours: unknown, theirs: unknown): string {
  return `${path}: ${JSON.stringify(ours)}, ${JSON.stringify(theirs)}`
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function escape(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
}
