import { isDeepStrictEqual } from 'node:util'

import type { Json } from '../../../services/model/index.ts'
import { startReading } from '../../../services/http/lambda/body-tasks.ts'
import { mutateJson } from '../mutation/json.ts'
import { Seeded } from '../seeded.ts'
import { jsonTexts } from '../vectors.ts'
import { WrongAnswer, outcome, type Target } from './target.ts'

const MEMBERS = [undefined, ['ZipFile'], ['Code', 'ZipFile'], ['Content', 'ZipFile']] as const
const SEED_LIMIT_BYTES = 20_000

interface Read {
  readonly json: Json
  readonly zip: Buffer
  readonly zipFound: boolean
}

/** The JSON of a request, out of which the zip is cut while it comes in. Of multipart the service takes nothing. */
export const body: Target = {
  async seeds(vectors) {
    const zip = Buffer.from('PK\x05\x06'.padEnd(40, '\0'), 'latin1').toString('base64')
    const own = [
      { FunctionName: 'f', Code: { ZipFile: zip }, Environment: { Variables: { A: 'ü"\\' } } },
      { ZipFile: zip, DryRun: true },
      { LayerName: 'l', Content: { ZipFile: zip, S3Bucket: null } },
    ].map((value) => JSON.stringify(value))
    const escaped = own.map((text) => text.replaceAll('/', '\\/').replaceAll('A', '\\u0041'))
    const rows = vectors === undefined ? [] : jsonTexts(vectors).map(({ bytes }) => bytes)
    return [...[...own, ...escaped].map((text) => Buffer.from(text)), ...rows].filter(
      ({ length }) => length <= SEED_LIMIT_BYTES,
    )
  },
  mutate: mutateJson,
  async run(input) {
    const words: string[] = []
    for (const member of MEMBERS) {
      const whole = await attempt(member, [input])
      const pieces = await attempt(member, piecesOf(input))
      if (whole.said !== pieces.said || !isDeepStrictEqual(whole.read, pieces.read))
        throw new WrongAnswer(`in pieces it is \`${pieces.said}\`, at once \`${whole.said}\``)
      if (whole.read !== undefined) compare(input, member, whole.read)
      words.push(whole.said)
    }
    return words.join('\n')
  },
}

async function attempt(member: (typeof MEMBERS)[number], chunks: readonly Buffer[]) {
  let read: Read | undefined
  const said = await outcome(() => {
    const zip: Uint8Array[] = []
    const reading = startReading(member, (bytes) => zip.push(bytes))
    for (const chunk of chunks) reading.push(chunk)
    read = { ...reading.finish(), zip: Buffer.concat(zip) }
    return read.zipFound ? 'taken, with a zip' : 'taken'
  })
  return { said, read }
}

/** Cut where a seed of its own says. */
function piecesOf(input: Buffer): Buffer[] {
  const chance = new Seeded(input.length)
  const pieces: Buffer[] = []
  for (let at = 0; at < input.length;) {
    const end = at + chance.pick([1, 2, 3, 7, 64, 4_096])
    pieces.push(input.subarray(at, end))
    at = end
  }
  return pieces
}

/** Node's own parser sees the same document, the zip in its place. */
function compare(input: Buffer, member: readonly string[] | undefined, read: Read): void {
  const theirs = input.length === 0 ? {} : (JSON.parse(input.toString('utf8')) as Json)
  if (!read.zipFound || member === undefined) {
    if (!isDeepStrictEqual(theirs, read.json))
      throw new WrongAnswer('JSON.parse reads it otherwise')
    return
  }
  const text = at(theirs, member)
  if (typeof text !== 'string' || !Buffer.from(text, 'base64').equals(read.zip))
    throw new WrongAnswer('JSON.parse sees another zip')
  if (at(read.json, member) !== '') throw new WrongAnswer('the zip was cut out of another place')
}

function at(value: Json, path: readonly string[]): unknown {
  return path.reduce<unknown>((inner, name) => (inner as Record<string, unknown>)[name], value)
}
