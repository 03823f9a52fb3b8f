import type { Json } from '../../services/model/index.ts'
import { encodeDer } from '../../services/seal/index.ts'

interface Node {
  readonly tag: number
  readonly content: Uint8Array
  /** Of a constructed value, or of a string that holds one. */
  readonly children: readonly Node[] | undefined
}

const NULL = encodeDer(0x05)

/**
 * DER with one thing wrong, for each of its values in turn: the value left out, twice, or of another type, and what holds
 * no others empty, longer or with another end. `where` is its path, as `0.3.1`.
 */
export function* damaged(
  der: Uint8Array,
): Generator<{ readonly where: string; readonly der: Uint8Array }> {
  const [top] = parse(der) ?? []
  if (top === undefined) throw new Error('no DER to damage')
  for (const { path, parts, nodes, rebuild } of walk(top, [], (bytes) => bytes)) {
    for (const [at, part] of parts.entries()) {
      const given = (...instead: Uint8Array[]) =>
        rebuild(Buffer.concat([...parts.slice(0, at), ...instead, ...parts.slice(at + 1)]))
      const where = [...path, at].join('.')
      yield { where: `${where} left out`, der: given() }
      yield { where: `${where} twice`, der: given(part, part) }
      yield { where: `${where} as NULL`, der: given(NULL) }
      const node = nodes[at]
      if (node === undefined || node.children !== undefined) continue
      const last = (node.content.at(-1) ?? 0) ^ 1
      yield { where: `${where} empty`, der: given(encodeDer(node.tag)) }
      yield { where: `${where} longer`, der: given(encodeDer(node.tag, node.content, NULL)) }
      yield {
        where: `${where} with another end`,
        der: given(encodeDer(node.tag, node.content.subarray(0, -1), Uint8Array.of(last))),
      }
    }
  }
}

interface Place {
  readonly path: readonly number[]
  readonly parts: readonly Uint8Array[]
  readonly nodes: readonly Node[]
  readonly rebuild: (content: Uint8Array) => Uint8Array
}

function* walk(
  node: Node,
  path: readonly number[],
  rebuild: (bytes: Uint8Array) => Uint8Array,
): Generator<Place> {
  if (node.children === undefined) return
  const lead = node.tag === 0x03 ? [Uint8Array.of(0)] : []
  const around = (content: Uint8Array) => rebuild(encodeDer(node.tag, ...lead, content))
  const parts = node.children.map(bytesOf)
  yield { path, parts, nodes: node.children, rebuild: around }
  for (const [at, child] of node.children.entries()) {
    const inside = (bytes: Uint8Array) =>
      around(Buffer.concat([...parts.slice(0, at), bytes, ...parts.slice(at + 1)]))
    yield* walk(child, [...path, at], inside)
  }
}

const bytesOf = ({ tag, content }: Node): Uint8Array => encodeDer(tag, content)

/** The values that fill the bytes, or `undefined` where they are no DER. */
function parse(bytes: Uint8Array): Node[] | undefined {
  const nodes: Node[] = []
  for (let at = 0; at < bytes.length;) {
    const tag = bytes[at] ?? 0
    let length = bytes[at + 1] ?? bytes.length
    let start = at + 2
    if (length > 0x80) {
      const count = length - 0x80
      if (count > 3) return undefined
      length = Buffer.from(bytes.subarray(start, start + count)).readUIntBE(0, count)
      start += count
    }
    if (start + length > bytes.length) return undefined
    nodes.push(nodeOf(tag, bytes.subarray(start, start + length)))
    at = start + length
  }
  return nodes
}

function nodeOf(tag: number, content: Uint8Array): Node {
  if ((tag & 0x20) !== 0) return { tag, content, children: parse(content) }
  const inner = tag === 0x03 && content[0] === 0 ? content.subarray(1) : content
  const holds = (tag === 0x03 || tag === 0x04) && inner[0] === 0x30
  return { tag, content, children: holds ? parse(inner) : undefined }
}

/** Longer than any text or list may be. */
const LONG_TEXT = 'x'.repeat(300_000)
const LIST_LENGTHS = [8, 9, 16, 17, 32, 33]
const TEXT_LENGTHS = [2_048, 2_049]
const LONG_NAME = 'long-name-'.repeat(20)

/**
 * JSON with one thing wrong, for each of its values in turn: the value left out, of another type, or beyond a bound of its
 * own type. `where` is its path, as `keys.0.publicKeyPem`.
 */
export function* damagedJson(
  value: Json,
): Generator<{ readonly where: string; readonly value: Json }> {
  yield* damagedAt(value, [], (instead) => instead ?? null)
}

type Instead = (value: Json | undefined) => Json

function* damagedAt(
  value: Json,
  path: readonly string[],
  rebuild: Instead,
): Generator<{ readonly where: string; readonly value: Json }> {
  for (const [how, instead] of insteadOf(value))
    yield { where: `${path.join('.')} ${how}`, value: rebuild(instead) }
  if (isList(value))
    for (const [at, item] of value.entries())
      yield* damagedAt(item, [...path, `${at}`], (instead) =>
        rebuild([
          ...value.slice(0, at),
          ...(instead === undefined ? [] : [instead]),
          ...value.slice(at + 1),
        ]),
      )
  else if (isMembers(value))
    for (const [name, member = null] of Object.entries(value)) {
      const { [name]: _, ...others } = value
      yield* damagedAt(member, [...path, name], (instead) =>
        rebuild(instead === undefined ? others : { ...value, [name]: instead }),
      )
    }
}

function insteadOf(value: Json): [string, Json | undefined][] {
  return [
    ['left out', undefined],
    ['as null', null],
    ['as 7', 7],
    ['as a text', 'x'],
    ['as a list', []],
    ['as an object', {}],
    ...ownBounds(value),
  ]
}

function ownBounds(value: Json): [string, Json][] {
  if (typeof value === 'string')
    return [
      ['empty', ''],
      ['with a start', `!${value}`],
      ['with an end', `${value} `],
      ...TEXT_LENGTHS.map((length): [string, Json] => [`of ${length}`, 'x'.repeat(length)]),
      ['too long', LONG_TEXT],
    ]
  if (typeof value === 'number')
    return [
      ['negative', -value],
      ['eight', 8],
      ['nine', 9],
      ['zero', 0],
      ['a half', 0.5],
      ['too large', Number.MAX_SAFE_INTEGER + 1],
    ]
  if (isList(value))
    return [
      ['doubled', [...value, ...value]],
      ...LIST_LENGTHS.map((length): [string, Json] => [
        `of ${length}`,
        Array.from({ length }, () => value[0] ?? null),
      ]),
    ]
  return isMembers(value) ? [['with a stranger', { ...value, [LONG_NAME]: 1 }]] : []
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value)
}

function isMembers(value: Json): value is { readonly [name: string]: Json | undefined } {
  return typeof value === 'object' && value !== null && !isList(value)
}
