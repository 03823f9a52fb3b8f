// What other programs see in the same bytes.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { lstatSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs' // prettier-ignore
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { fromBufferPromise, type Entry, type ZipFile } from 'yauzl'

import { entryContent } from '../../services/artifact/index.ts'
import type { Artifact } from '../../services/model/index.ts'

/**
 * Digests of files and of the targets of links, by path; a directory is there as far as it holds any. Names are composed:
 * libarchive composes what macOS writes decomposed, and two that differ in this alone are refused by us.
 */
export type View = ReadonlyMap<string, string>

/** What a reader made of an archive; `whole` where it found no fault, so that what is missing is missing. */
export interface Seen {
  readonly view: View
  readonly whole: boolean
}

/** Done; or, of Info-ZIP, "warning errors, but processing completed successfully anyway". */
const WHOLE = [0, 1]

export async function viewOf(artifact: Artifact): Promise<View> {
  const view = new Map<string, string>()
  for (const entry of artifact.entries) {
    if (entry.kind === 'directory') continue
    const hash = createHash('sha256')
    for await (const chunk of entryContent(artifact, entry)) hash.update(chunk)
    view.set(entry.path.normalize('NFC'), hash.digest('hex'))
  }
  return view
}

/** yauzl: reads the central directory. */
export async function seenByYauzl(zip: Buffer): Promise<Seen> {
  const view = new Map<string, string>()
  try {
    const file = await fromBufferPromise(zip, { lazyEntries: true })
    for await (const entry of file.eachEntry()) {
      if (entry.fileName.endsWith('/')) continue
      view.set(entry.fileName.normalize('NFC'), await digestOf(file, entry))
    }
    return { view, whole: true }
  } catch {
    return { view, whole: false }
  }
}

async function digestOf(file: ZipFile, entry: Entry): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of await file.openReadStreamPromise(entry)) hash.update(chunk as Buffer)
  return hash.digest('hex')
}

/** Info-ZIP, as it unpacks: by the central directory, comparing it with the local headers. */
export function seenByUnzip(zip: Buffer): Seen {
  const { view, whole } = unpackedBy(zip, (archive, into) =>
    spawnSync('unzip', ['-qq', '-o', '-P', 'none', archive, '-d', into], { ...QUIET }),
  )
  return { view, whole: whole && !hasNamesOfWindows(zip) }
}

/**
 * Names that are marked as UTF-8 and come from Windows, as its own packer, .NET and 7-Zip write them: unzip 6.0 takes them
 * for the OEM code page in spite of the mark, against APPNOTE D.1. Everybody else reads what is marked.
 */
function hasNamesOfWindows(zip: Buffer): boolean {
  for (let at = zip.indexOf(CENTRAL); at >= 0; at = zip.indexOf(CENTRAL, at + 4)) {
    if (at + CENTRAL_BYTES > zip.length) return false
    const name = zip.subarray(at + CENTRAL_BYTES, at + CENTRAL_BYTES + zip.readUInt16LE(at + 28))
    const marked = (zip.readUInt16LE(at + 8) & UTF8_FLAG) !== 0
    if (zip[at + 5] === 0 && marked && name.some((byte) => byte >= 0x80)) return true
  }
  return false
}

const CENTRAL = Buffer.from('PK\x01\x02')
const CENTRAL_BYTES = 46
const UTF8_FLAG = 1 << 11

/** libarchive from a pipe, where it cannot seek: by the local headers alone. */
export function seenByBsdtar(zip: Buffer): Seen {
  return unpackedBy(zip, (_archive, into) => {
    mkdirSync(into)
    return spawnSync('bsdtar', ['-x', '-f', '-', '-C', into], {
      ...QUIET,
      stdio: 'pipe',
      input: zip,
    })
  })
}

const QUIET = {
  stdio: 'ignore',
  timeout: 10_000,
  env: { PATH: process.env['PATH'], LC_ALL: 'C.UTF-8' },
} as const

function unpackedBy(
  zip: Buffer,
  unpack: (archive: string, into: string) => { status: number | null },
): Seen {
  const dir = mkdtempSync(join(tmpdir(), 'lacre-unzip-'))
  try {
    const archive = join(dir, 'a.zip')
    const into = join(dir, 'into')
    writeFileSync(archive, zip)
    const { status } = unpack(archive, into)
    return { view: unpackedIn(into), whole: status !== null && WHOLE.includes(status) }
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

function unpackedIn(root: string): View {
  const view = new Map<string, string>()
  const walk = (below: string): void => {
    for (const name of readdirSync(join(root, below))) {
      const path = join(below, name)
      const stat = lstatSync(join(root, path), { throwIfNoEntry: false })
      // A name that is no text: nothing of ours has such a one.
      if (stat === undefined) view.set(path, 'unreadable')
      else if (stat.isDirectory()) walk(path)
      else {
        const link = stat.isSymbolicLink()
        const content = link ? readlinkSync(join(root, path)) : readFileSync(join(root, path))
        view.set(path.normalize('NFC'), createHash('sha256').update(content).digest('hex'))
      }
    }
  }
  if (lstatSync(root, { throwIfNoEntry: false }) !== undefined) walk('.')
  return view
}

/** The exit status of `openssl cms` where it could not read what it was given. */
const OPENSSL_UNREAD = 2

/**
 * OpenSSL: whether the signature is by somebody whom the root vouches for, over exactly this content; `unread` where it takes
 * the bytes for no CMS, as those with a broken certificate beside the signer's, which lead nowhere with us.
 */
export function saidByOpenssl(
  cms: Uint8Array,
  files: { readonly content: string; readonly root: string; readonly atMs: number },
): 'holds' | 'does not hold' | 'unread' {
  const args = ['cms', '-verify', '-binary', '-inform', 'DER', '-content', files.content]
  args.push('-CAfile', files.root, '-purpose', 'any', '-out', '/dev/null')
  args.push('-attime', String(Math.floor(files.atMs / 1_000)))
  const { status } = spawnSync('openssl', args, { input: cms, timeout: 10_000 })
  if (status === 0) return 'holds'
  return status === OPENSSL_UNREAD ? 'unread' : 'does not hold'
}
