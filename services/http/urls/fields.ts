/** One header field as it came over the wire. */
export type Field = readonly [name: string, value: string]

/** Of this connection, not of the message (RFC 9110 §7.6.1); a message's body is framed anew on either side. */
const HOP_BY_HOP = new Set([
  'connection', 'keep-alive', 'proxy-authenticate', 'proxy-authorization', 'proxy-connection',
  'te', 'trailer', 'transfer-encoding', 'upgrade', 'http2-settings',
]) // prettier-ignore

/** Whether a field says something about its connection alone; `named` are those that `Connection` lists. */
export function isHopByHop(name: string, named: ReadonlySet<string> = new Set()): boolean {
  return HOP_BY_HOP.has(name) || named.has(name)
}

/** Lower-case names that `Connection` fields list. */
export function connectionNames(fields: readonly Field[]): ReadonlySet<string> {
  return new Set(
    fields
      .filter(([name]) => name.toLowerCase() === 'connection')
      .flatMap(([, value]) => value.split(','))
      .map((name) => name.trim().toLowerCase()),
  )
}

/**
 * One host and at most one framing: what a proxy before us could read otherwise is refused (RFC 9112 §3.2, §6.1).
 * Node itself takes the first of two hosts, and chunks under any coding.
 */
export function isFramedOnce(fields: readonly Field[]): boolean {
  const values = (wanted: string): readonly string[] =>
    fields.filter(([name]) => name.toLowerCase() === wanted).map(([, value]) => value)
  const coded = values('transfer-encoding')
  const plain = coded.length === 0 || (coded.length === 1 && /^chunked$/i.test(coded[0] ?? ''))
  return plain && values('host').length === 1
}

/** RFC 9110: a token, and a value without control characters; bytes above ASCII pass as they are. */
export function isFieldName(name: string): boolean {
  return /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}$/.test(name)
}

/** Nothing that could end the field, and nothing that is not one byte on the wire. */
export function isFieldValue(value: string): boolean {
  return /^[\t\x20-\x7e\x80-\xff]*$/.test(value)
}
