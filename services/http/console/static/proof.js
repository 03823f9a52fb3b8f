// Checks in the browser, by WebCrypto alone, that an entry lies in the tree of a signed checkpoint (RFC 9162 2.1.3.2, C2SP
// signed-note). Without script the page tells what the service found.
const form = document.getElementById('proof-form')
const result = document.getElementById('proof-result')
const data = document.getElementById('proof').dataset

const bytesOf = (base64) => Uint8Array.from(atob(base64), (char) => char.charCodeAt(0))
const hexOf = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
const ofHex = (hex) => Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))

async function hash(prefix, ...parts) {
  const all = [Uint8Array.of(prefix), ...parts]
  const joined = new Uint8Array(all.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of all) {
    joined.set(part, at)
    at += part.length
  }
  return new Uint8Array(await crypto.subtle.digest('SHA-256', joined))
}

async function rootOf({ index, size, leaf, path }) {
  let node = index
  let last = size - 1
  let sum = await hash(0, leaf)
  if (!(index >= 0 && index < size)) return undefined
  for (const sibling of path) {
    if (last === 0) return undefined
    if (node % 2 === 1 || node === last) {
      sum = await hash(1, sibling, sum)
      while (node % 2 === 0 && node !== 0) {
        node = Math.floor(node / 2)
        last = Math.floor(last / 2)
      }
    } else {
      sum = await hash(1, sum, sibling)
    }
    node = Math.floor(node / 2)
    last = Math.floor(last / 2)
  }
  return last === 0 ? hexOf(sum) : undefined
}

function parseKey(text) {
  const [, name, id, encoded] =
    /^([^+\s]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)$/.exec(text.trim()) ?? []
  if (encoded === undefined) throw new Error('that is no log key (name+id+base64)')
  const bytes = bytesOf(encoded)
  if (bytes.length !== 33 || bytes[0] !== 1) throw new Error('that is no Ed25519 log key')
  return { name, id, raw: bytes.slice(1) }
}

function parseNote(note) {
  const split = note.lastIndexOf('\n\n')
  const text = note.slice(0, split + 1)
  const [, size, root] = text.split('\n')
  const signatures = note
    .slice(split + 2)
    .split('\n')
    .map((line) => /^\u2014 (\S+) (\S+)$/.exec(line))
    .filter((match) => match !== null)
    .map(([, name, encoded]) => ({ name, bytes: bytesOf(encoded) }))
  return { text, size: Number(size), root: hexOf(bytesOf(root)), signatures }
}

async function isSigned({ text, signatures }, { name, id, raw }) {
  const key = await crypto.subtle.importKey('raw', raw, 'Ed25519', false, ['verify'])
  const own = signatures.filter((one) => one.name === name && hexOf(one.bytes.slice(0, 4)) === id)
  const message = new TextEncoder().encode(text)
  for (const { bytes } of own)
    if (!(await crypto.subtle.verify('Ed25519', key, bytes.slice(4), message))) return false
  return own.length > 0
}

async function check(ownKey) {
  const note = parseNote(new TextDecoder().decode(bytesOf(data.note)))
  const root = await rootOf({
    index: Number(data.index),
    size: Number(data.size),
    leaf: bytesOf(data.leaf),
    path: data.path.split(' ').filter(Boolean).map(ofHex),
  })
  if (note.size !== Number(data.size) || root === undefined || root !== note.root)
    return ['bad', 'The entry does NOT lie in the tree of the checkpoint.']
  if (!(await isSigned(note, parseKey(ownKey === '' ? data.key : ownKey))))
    return ['bad', 'The checkpoint is NOT signed by that key.']
  return ownKey === ''
    ? [
        'open',
        'Checked in this browser: consistent, not authenticated. The key came with the page.',
      ]
    : ['good', 'Checked in this browser: the entry is in the ledger of the key that you keep.']
}

form.hidden = false
form.addEventListener('submit', async (event) => {
  event.preventDefault()
  result.textContent = '…'
  try {
    const [tone, text] = await check(form.elements.namedItem('key').value.trim())
    result.className = `state ${tone}`
    result.textContent = text
  } catch (error) {
    result.className = 'state bad'
    result.textContent = `It could not be checked here: ${error.message}`
  }
})
