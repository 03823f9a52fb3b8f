// Mounts in a namespace of its own, through the kept helper, by mount(8), and after the helper was killed; says what it saw.
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { register } from 'tsx/esm/api'

register()
const { openMounts, slowMounts } = await import('../../services/runtime/spawner/mounts.ts')

const attempt = async (work) => {
  try {
    return (await work()) ?? 'done'
  } catch (error) {
    return typeof error.code === 'string' ? error.code : 'refused'
  }
}

/** Names with a space, a line end and a backslash: what mount(8)'s table and a line of orders would stumble over. */
async function use(mounts, root) {
  const [from, to, again, tmp] = ['a b', 'to\nhere', 'back\\slash', 'tmp'].map((name) => {
    mkdirSync(join(root, name))
    return join(root, name)
  })
  writeFileSync(join(from, 'file'), 'content')
  const flags = (path) => {
    const shown = path.replaceAll('\\', '\\134').replaceAll(' ', '\\040').replaceAll('\n', '\\012')
    const rows = readFileSync('/proc/self/mountinfo', 'utf8').split('\n')
    return rows.map((row) => row.split(' ')).findLast((row) => row[4] === shown)?.[5]
  }
  await mounts.bindReadOnly(from, to)
  await mounts.repeat(to, again)
  await mounts.tmpfs(tmp, 'size=1m,nr_inodes=16,mode=1777,uid=1234')
  const seen = {
    flags: [to, again, tmp].map(flags).map((text) => text?.replace(/,(no|rel)atime/, '')),
    content: readFileSync(join(again, 'file'), 'utf8'),
    write: await attempt(() => writeFileSync(join(again, 'other'), '')),
    full: await attempt(() => writeFileSync(join(tmp, 'much'), Buffer.alloc(2_000_000))),
    missing: await attempt(() => mounts.bindReadOnly(join(root, 'nowhere'), join(root, 'tmp'))),
  }
  for (const path of [again, to, tmp]) await mounts.unmount(path)
  return { ...seen, left: [to, again, tmp].map(flags), twice: await attempt(() => mounts.unmount(to)) } // prettier-ignore
}

const root = mkdtempSync(process.argv[2])
const under = (name) => {
  mkdirSync(join(root, name))
  return join(root, name)
}
const helped = await openMounts()
const told = { same: helped === slowMounts, helped: await use(helped, under('helped')) }
const [helper] = readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').split(' ')
process.kill(Number(helper), 'SIGKILL')
await new Promise((resolve) => setTimeout(resolve, 200))
const killed = await use(helped, under('killed'))
const slow = await use(slowMounts, under('slow'))
helped.close()
process.stdout.write(JSON.stringify({ ...told, killed, slow }))
