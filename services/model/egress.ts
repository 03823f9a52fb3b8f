import { PlatformError } from './errors.ts'

/** More hosts than a person looks over before approving them. */
const EGRESS_LIST_LIMIT = 50
/** DNS: a name, and one label of it. */
const HOST_LIMIT_CHARS = 253
const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/
/** What resolvers take for an address, short and hexadecimal forms too (`127.1`, `0x7f.1`). */
const NUMERIC = /^(?:\d+|0x[0-9a-f]*)$/
/** `*.com` would be half the world. */
const WILDCARD_LABELS = 2

/**
 * The list of hosts that a function may connect to, as it enters the release: `host:port` or `*.host:port`, where `*` stands
 * for exactly one label. Lower case, sorted, each once; names alone, for an address says nothing of who answers there.
 * @throws PlatformError INVALID_PARAMETER
 */
export function parseEgressList(entries: readonly string[]): readonly string[] {
  if (entries.length > EGRESS_LIST_LIMIT)
    throw refused(`at most ${EGRESS_LIST_LIMIT} hosts, not ${entries.length}`)
  for (const entry of entries) checkEntry(entry)
  return [...new Set(entries)].toSorted()
}

/** Whether a list names a host, by the form it was asked for in, and its port. */
export function egressAllows(list: readonly string[], host: string, port: number): boolean {
  const asked = host.toLowerCase()
  if (!isHostName(asked)) return false
  const [, ...rest] = asked.split('.')
  return list.includes(`${asked}:${port}`) || list.includes(`*.${rest.join('.')}:${port}`)
}

function checkEntry(entry: string): void {
  const said = `\`${entry.slice(0, HOST_LIMIT_CHARS)}\``
  const [, wildcard, host = '', port = ''] = /^(\*\.)?([^:*]+):([1-9]\d{0,4})$/.exec(entry) ?? []
  if (host === '' || Number(port) > 65_535)
    throw refused(`${said} is not \`host:port\` or \`*.host:port\``)
  if (!isHostName(host))
    throw refused(
      `${said} names no host: a name in lower case and ASCII (\`xn--\` for others), and no address`,
    )
  if (wildcard !== undefined && host.split('.').length < WILDCARD_LABELS)
    throw refused(`${said} is too wide: \`*\` wants ${WILDCARD_LABELS} labels after it`)
}

function isHostName(text: string): boolean {
  const labels = text.split('.')
  if (text.length > HOST_LIMIT_CHARS || NUMERIC.test(labels.at(-1) ?? '')) return false
  return labels.every((label) => LABEL.test(label))
}

function refused(message: string): PlatformError {
  return new PlatformError('INVALID_PARAMETER', message)
}
