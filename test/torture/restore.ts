import { execFileSync, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import {
  existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync,
} from 'node:fs' // prettier-ignore
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

import { lacreCommand, startService, type Service } from '../support/service.ts'
import type { TortureClient } from './client.ts'
import { textOf, type Expected } from './expected.ts'
import { judgeRestart } from './judge.ts'
import { makeClients } from './kill.ts'
import { observe } from './observe.ts'
import { OutsideEvidence, latestCheckpoint } from './outside.ts'
import { Seeded } from './seeded.ts'
import { nextStep } from './steps.ts'

/** Bytes flipped in each backup; every one has to be found. */
const FLIPS = 4
const SMALL_DISK = 'size=600k'

interface Room {
  readonly root: string
  readonly keyFile: string
  readonly chance: Seeded
}

/**
 * The disaster drill, again and again: random work, a backup under it (killed now and then), kill -9 of the service, a
 * backup of what it left, a restore (killed now and then), and the work goes on upon what was restored.
 */
export async function torture(options: { n: number; seed: number }): Promise<number> {
  const { n, seed } = options
  const root = mkdtempSync(join(tmpdir(), 'lacre-restore-'))
  const keyFile = join(root, 'master.key')
  writeFileSync(keyFile, randomBytes(32))
  const room: Room = { root, keyFile, chance: new Seeded(seed) }
  console.log(`restore: ${n} times, seed ${seed}`)
  let failed = 0
  let service = await start(room, join(root, 'data-0'))
  try {
    const clients = await makeClients(service, seed)
    using outside = new OutsideEvidence(await latestCheckpoint(service))
    for (let index = 1; index <= n; index += 1) {
      const said: string[] = []
      const wrong: string[] = []
      const live = await workAndBackUp(room, { service, clients, outside, said })
      wrong.push(...live.wrong)
      const data = join(root, `data-${index}`)
      wrong.push(...(await restoreLive(room, { live, clients, index, said })))
      wrong.push(...(await findFlips(room, { live, said })))
      wrong.push(...(await fillDisk(room, { live, said })))
      wrong.push(...(await restoreLast(room, { old: service.data, data, index, said })))
      rmSync(service.data, { recursive: true, force: true, maxRetries: 5 })
      service = await start(room, data)
      wrong.push(...(await judgeRestart(service, clients, { chance: room.chance, outside })))
      if (wrong.length > 0) failed += 1
      console.log(`  ${index}/${n} ${said.join(', ')}: ${wrong.length === 0 ? 'ok' : 'FAILED'}`)
      for (const line of wrong) console.log(`    ${line}`)
    }
    console.log(
      `restore: ${n} done, ${failed} failed (seed ${seed}; replay: npm run torture -- restore --n ${n} --seed ${seed})`,
    )
  } finally {
    if (service.ended === undefined) await service.stop()
    if (failed === 0) rmSync(root, { recursive: true, force: true, maxRetries: 5 })
    else console.log(`restore: everything is kept at ${root}`)
  }
  return failed
}

const start = (room: Room, data: string): Promise<Service> =>
  startService({ data, args: ['--master-key-file', room.keyFile] })

interface Live {
  readonly path: string
  /** What each client may find in the backup: its states while it was made. */
  readonly states: readonly (readonly Expected[])[]
  readonly wrong: string[]
  readonly acknowledged: number
}

/** A backup while all clients change things, begun once before and killed; then the service dies. */
async function workAndBackUp(
  room: Room,
  round: {
    readonly service: Service
    readonly clients: readonly TortureClient[]
    readonly outside: OutsideEvidence
    readonly said: string[]
  },
): Promise<Live> {
  const { service, clients, outside, said } = round
  const { chance } = room
  const path = join(room.root, chance.fraction() < 0.7 ? 'backup' : 'backup.tar')
  const before = clients.reduce((sum, client) => sum + client.acknowledged, 0)
  const histories: Expected[][] = clients.map(() => [])
  const sdks = clients.map(() => service.client())
  const working = clients.map((client, index) =>
    client.work(sdks[index]!, (shop, now) => {
      histories[index]!.push(now)
      return nextStep(shop, now)
    }),
  )
  await sleep(chance.integer(100, 1_500))
  const args = ['backup', '--data', service.data, '--out', path]
  if (chance.fraction() < 0.6) {
    const afterMs = chance.integer(50, 1_500)
    const code = await run(args, afterMs)
    said.push(code === null ? `a backup killed after ${afterMs} ms` : 'a backup')
  }
  const from = histories.map((history) => history.length - 1)
  const code = await run(args)
  const states = histories.map((history, index) => history.slice(Math.max(0, from[index]!)))
  await sleep(chance.integer(0, 500))
  outside.keep(await latestCheckpoint(service))
  await service.kill9()
  await Promise.all(working)
  for (const sdk of sdks) sdk.destroy()
  // A change that was under way at the end of the backup may be in it.
  const after = states.map((some, index) => {
    const next = histories[index]![from[index]! + some.length]
    const { now, uncertain } = clients[index]!
    return [...some, ...(next === undefined ? [now] : [next]), ...(uncertain === undefined ? [] : [uncertain.after])]
  }) // prettier-ignore
  const acknowledged = clients.reduce((sum, client) => sum + client.acknowledged, 0) - before
  said.push(`${acknowledged} acknowledged`)
  return {
    path,
    states: after,
    acknowledged,
    wrong: code === 0 ? [] : [`the backup ended with ${code}`],
  }
}

/** What was backed up under the load is one state of each client between its begin and its end. */
async function restoreLive(
  room: Room,
  round: {
    readonly live: Live
    readonly clients: readonly TortureClient[]
    readonly index: number
    readonly said: string[]
  },
): Promise<string[]> {
  const { live, clients, index } = round
  const data = join(room.root, `live-${index}`)
  const note = join(room.root, 'live.note')
  writeFileSync(note, noteIn(live.path))
  const code = await run(restoreArgs(room, { from: live.path, data, note }))
  if (code !== 0) return [`the backup made under load was not restored: ${code}`]
  await using service = await start(room, data)
  const sdk = service.client()
  const wrong: string[] = []
  for (const [at, client] of clients.entries()) {
    const layers = Object.keys(client.now.layers)
    const found = textOf(await observe(sdk, { functions: client.functionNames, layers }))
    const some = live.states[at]!.map((state) => textOf(onlyLayers(state, layers)))
    if (!some.includes(found))
      wrong.push(`client ${at} finds ${found}, none of ${some.join(' | ')}`)
  }
  sdk.destroy()
  await service.stop()
  rmSync(data, { recursive: true, force: true, maxRetries: 5 })
  round.said.push('restored from under load')
  return wrong
}

const onlyLayers = (state: Expected, names: readonly string[]): Expected => ({
  ...state,
  layers: Object.fromEntries(Object.entries(state.layers).filter(([name]) => names.includes(name))),
})

async function findFlips(room: Room, round: { live: Live; said: string[] }): Promise<string[]> {
  const { path } = round.live
  const files = existsSync(join(path, 'manifest.json')) ? filesOf(path) : [path]
  const wrong: string[] = []
  for (let flip = 0; flip < FLIPS; flip += 1) {
    const file = room.chance.pick(files)
    const bytes = readFileSync(file)
    const at = room.chance.integer(0, bytes.length - 1)
    const changed = Buffer.from(bytes)
    changed[at] = (changed[at] ?? 0) ^ (1 << room.chance.integer(0, 7))
    writeFileSync(file, changed)
    const data = join(room.root, 'flipped')
    const note = join(room.root, 'live.note')
    const code = await run(restoreArgs(room, { from: path, data, note }))
    if (code !== 1) wrong.push(`byte ${at} of ${file} was flipped: restore ended with ${code}`)
    wrong.push(...nothingLeft(room, 'flipped'))
    writeFileSync(file, bytes)
  }
  round.said.push(`${FLIPS - wrong.length} of ${FLIPS} flips found`)
  return wrong
}

/** A disk too small for the backup, and one too small for what is restored. */
async function fillDisk(room: Room, round: { live: Live; said: string[] }): Promise<string[]> {
  const small = join(room.root, 'small')
  mkdirSync(small, { recursive: true })
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', SMALL_DISK, 'tmpfs', small], { stdio: 'ignore' })
  } catch {
    round.said.push('no small disk')
    return []
  }
  try {
    const out = join(small, 'backup')
    const latest = readdirSync(room.root).find((name) => name.startsWith('data-')) ?? ''
    const data = join(room.root, latest)
    const backup = await run(['backup', '--data', data, '--out', out])
    const note = join(room.root, 'live.note')
    const restored = await run(
      restoreArgs(room, { from: round.live.path, data: join(small, 'd'), note }),
    )
    round.said.push('full disks')
    return [
      ...(backup === 3 ? [] : [`a backup to a full disk ended with ${backup}`]),
      ...(existsSync(join(out, 'manifest.json')) ? ['a full disk has a manifest'] : []),
      ...(restored === 3 ? [] : [`a restore to a full disk ended with ${restored}`]),
      ...(readdirSync(small).some((name) => name.startsWith('d')) ? ['a full disk has a restored directory'] : []),
    ] // prettier-ignore
  } finally {
    execFileSync('umount', [small])
  }
}

/** The dead directory is backed up and restored, killed in between now and then: nothing acknowledged is missing. */
async function restoreLast(
  room: Room,
  round: { readonly old: string; readonly data: string; readonly index: number; said: string[] },
): Promise<string[]> {
  const { old, data, index, said } = round
  const from = join(room.root, 'last')
  const backedUp = await run(['backup', '--data', old, '--out', from])
  if (backedUp !== 0) return [`the dead directory could not be backed up: ${backedUp}`]
  const note = join(old, 'checkpoints', 'latest')
  const args = restoreArgs(room, { from, data, note })
  for (let tries = 0; tries < 2 && !existsSync(data); tries += 1) {
    const afterMs = room.chance.integer(200, 1_500)
    if (room.chance.fraction() < 0.6 && (await run(args, afterMs)) === null)
      said.push(`a restore killed after ${afterMs} ms (${existsSync(data) ? 'done' : 'not begun'})`)
  }
  if (!existsSync(data)) {
    const code = await run(args)
    if (code !== 0) return [`the last backup was not restored: ${code}`]
  }
  return nothingLeft(room, `data-${index}.`)
}

function nothingLeft(room: Room, start: string): string[] {
  const left = readdirSync(room.root).filter((name) => name.startsWith(start))
  return left.map((name) => `left behind: ${name}`)
}

function restoreArgs(room: Room, of: { from: string; data: string; note: string }): string[] {
  const { from, data, note } = of
  const key = ['--master-key-file', room.keyFile]
  return ['restore', '--from', from, '--data', data, '--checkpoint', note, ...key]
}

/** The checkpoint in a backup's manifest, directory or archive. */
function noteIn(path: string): string {
  const manifest = join(path, 'manifest.json')
  const bytes = readFileSync(existsSync(manifest) ? manifest : path).toString('latin1')
  const text = /"checkpoint":("(?:[^"\\]|\\.)*")/.exec(
    bytes.slice(bytes.lastIndexOf('"createdAt"')),
  )
  if (text?.[1] === undefined) throw new Error(`no checkpoint in ${path}`)
  return Buffer.from(JSON.parse(text[1]) as string, 'latin1').toString('utf8')
}

function filesOf(path: string): string[] {
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter(
      (entry) => entry.isFile() && /^(?:manifest\.json|[0-9a-f]{64}|.*\.db)$/.test(entry.name),
    )
    .map((entry) => join(entry.parentPath, entry.name))
    .toSorted()
}

/** The command's exit code; null where it was killed after that time. */
function run(args: readonly string[], killAfterMs?: number): Promise<number | null> {
  const child = spawn(process.execPath, [lacreCommand, ...args], { stdio: 'ignore' })
  const timer = killAfterMs === undefined ? undefined : setTimeout(() => child.kill('SIGKILL'), killAfterMs)
  return new Promise((resolve) => {
    child.once('exit', (code) => {
      clearTimeout(timer)
      resolve(code)
    })
  })
} // prettier-ignore
