import type { GeneralName } from './general-names.ts'

/** Labels of letters, digits, hyphens and underscores; no dot at either end. */
export function isDnsName(text: string): boolean {
  return (
    text.length <= 253 &&
    text.split('.').every((label) => /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/i.test(label))
  )
}

/** One local part without quotes or spaces, one host. */
export function isMailbox(text: string): boolean {
  const [local, host, ...more] = text.split('@')
  return (
    local !== undefined &&
    /^[\x21\x23-\x3f\x41-\x7e]{1,64}$/.test(local) &&
    host !== undefined &&
    isDnsName(host) &&
    more.length === 0
  )
}

/** The host in the authority of a URI; `undefined` for none, for an address, or for what two parsers could read in two ways. */
export function uriHost(uri: string): string | undefined {
  const authority = /^[a-z][a-z0-9+.-]*:\/\/([^/?#\\\s]+)(?:[/?#]|$)/i.exec(uri)?.[1]
  const host = /^(?:[^@]*@)?([^@:[\]]+)(?::\d{1,5})?$/.exec(authority ?? '')?.[1]
  if (host === undefined || !isDnsName(host) || /^\d+(?:\.\d+)*$/.test(host)) return undefined
  return host.toLowerCase()
}

/** Whether all that the name stands for lies in the subtree (RFC 5280 §4.2.1.10). Both are comparable, and of one type. */
export function isWithin(name: GeneralName, base: GeneralName): boolean {
  if (name.type === 'dns' && base.type === 'dns')
    // every host that `*.parent` stands for lies below `parent`
    return isDomainWithin(name.value.toLowerCase().replace(/^\*\./, ''), base.value.toLowerCase())
  return matchesExactly(name, base)
}

/** Whether something that the name stands for lies in the subtree: `*.parent` covers hosts that a longer base excludes. */
export function couldBeIn(name: GeneralName, base: GeneralName): boolean {
  if (name.type === 'dns' && base.type === 'dns') {
    const parent = name.value.startsWith('*.') ? name.value.slice(2).toLowerCase() : undefined
    if (base.value.toLowerCase().replace(/^[^.]*\./, '') === parent) return true
  }
  return isWithin(name, base)
}

function isDomainWithin(domain: string, base: string): boolean {
  return base === '' || domain === base || domain.endsWith(`.${base}`)
}

function matchesExactly(name: GeneralName, base: GeneralName): boolean {
  if (name.type === 'email' && base.type === 'email') return isMailboxIn(name.value, base.value)
  if (name.type === 'uri' && base.type === 'uri')
    return isHostIn(uriHost(name.value) ?? '', base.value.toLowerCase())
  if (name.type === 'ip' && base.type === 'ip') return isAddressIn(name.octets, base.octets)
  if (name.type === 'directory' && base.type === 'directory')
    return base.name.rdns.every((rdn, i) => name.name.rdns[i] === rdn)
  return false
}

/** One mailbox, all on a host, or (with a leading dot) all on the hosts of a domain. The local part has case. */
function isMailboxIn(mailbox: string, base: string): boolean {
  const [local, host = ''] = mailbox.split('@')
  const [baseLocal = '', baseHost] = base.split('@')
  if (baseHost === undefined) return isHostIn(host.toLowerCase(), base.toLowerCase())
  return local === baseLocal && host.toLowerCase() === baseHost.toLowerCase()
}

/** Exactly this host, or with a leading dot what lies below it. */
function isHostIn(host: string, base: string): boolean {
  return base.startsWith('.') ? host.endsWith(base) && host.length > base.length : host === base
}

function isAddressIn(address: Uint8Array, range: Uint8Array): boolean {
  const { byteLength } = address
  if (range.byteLength !== byteLength * 2) return false
  const mask = toBits(range.subarray(byteLength))
  return (toBits(address) & mask) === (toBits(range.subarray(0, byteLength)) & mask)
}

function toBits(octets: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(octets).toString('hex')}`)
}
