import { readFileSync } from 'node:fs'

import { parseStrictJson } from '../../../services/model/index.ts'
import {
  CASES_FILE,
  checkPolicySet,
  parseSetDocument,
  parseYaml,
  readSetFiles,
  toSetDocument,
} from '../../../services/policy/index.ts'
import { mutateBytes } from '../mutation/bytes.ts'
import { mutateJson } from '../mutation/json.ts'
import { policies } from '../vectors.ts'
import { outcome, type Target } from './target.ts'

const FOLDER = new URL('../../../policies/', import.meta.url)
const read = (name: string): string => readFileSync(new URL(name, FOLDER), 'utf8')
const asked = { kind: 'admission', schema: read('schema.cedarschema') } as const
const SHIPPED = ['default', 'separation-of-duties', 'strict-production', 'supply-chain']
const SMALL_SET = 'permit (principal, action, resource) when { context has verdict };'
/** Of the shipped cases, which are long. */
const CASES_CHARS = 1_500
const WORDS = [
  '(', '((((', '))', '{', '}', '[', ']', '!', '!!!!', '-', '"', '\\u{', ';', '&&', '||', 'in', 'has', 'like', 'is', 'if ',
  'then ', 'else ', 'unless {', 'context.', '@id("a")', 'principal', '?principal', 'ip("', 'decimal("', 'datetime("',
  '9223372036854775808', '&a', '*a', '<<: ', '- ', '? ', '!!js', '|\n', '\t', 'cases:', 'expect: ',
].map((word) => Buffer.from(word)) // prettier-ignore

/** What an operator hands in: a Cedar file, the cases beside one, a set as it is kept. The first line says which. */
export const policy: Target = {
  async seeds(vectors) {
    const own = SHIPPED.flatMap((name) => {
      const text = read(`${name}/admission.cedar`)
      const cases = read(`${name}/cases.yaml`).slice(0, CASES_CHARS)
      // A policy each: what is validated again for every input has to be small.
      const single = text.split(/^(?=@id)/m).map((one) => `cedar\n${one}`)
      const set = toSetDocument({ files: [{ name: 'a.cedar', text: SMALL_SET }], cases: null })
      return [...single, `cases\n${cases}`, `set\n${JSON.stringify(set)}`]
    })
    const rows = vectors === undefined ? [] : policies(vectors).filter((_, at) => at % 8 === 0)
    return [...own, ...rows.map(({ bytes }) => `cedar\n${bytes.toString('utf8')}`)].map((text) =>
      Buffer.from(text),
    )
  },
  mutate(input, chance, others) {
    const end = input.indexOf('\n') + 1
    const [kind, text] = [input.subarray(0, end), input.subarray(end)]
    if (kind.toString() === 'set\n' && chance.integer(0, 1) === 0)
      return Buffer.concat([kind, mutateJson(text, chance, others)])
    if (chance.integer(0, 1) === 0) return Buffer.concat([kind, mutateBytes(text, chance, others)])
    const at = chance.integer(0, text.length)
    const times = chance.pick([1, 1, 1, 1, 40, 3_000])
    const piece = Array<Buffer>(times).fill(chance.pick(WORDS))
    return Buffer.concat([kind, text.subarray(0, at), ...piece, text.subarray(at)])
  },
  run(input) {
    const text = input.toString('utf8')
    const end = text.indexOf('\n') + 1
    const [kind, rest] = [text.slice(0, end), text.slice(end)]
    return outcome(() => {
      if (kind === 'cases\n') {
        const files = [{ name: 'a.cedar', text: SMALL_SET }]
        const cases = parseYaml({ name: CASES_FILE, text: rest })
        return checkPolicySet({ files, cases }, asked).digest === '' ? 'empty' : 'taken'
      }
      if (kind === 'set\n') return void checkPolicySet(parseSetDocument(parseStrictJson(Buffer.from(rest))), asked) // prettier-ignore
      return void checkPolicySet(readSetFiles([{ name: 'a.cedar', text: rest }]), asked)
    })
  },
}
