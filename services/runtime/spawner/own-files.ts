import { copyFileSync, cpSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'

import { seccompFilter } from './seccomp.ts'
import { JAVA_CONFIGURATIONS } from './view.ts'

/**
 * Minimal /etc and the bootstraps, at a path every sandbox can reach. Returns where the seccomp filter lies, if this machine's
 * is known.
 */
export function writeOwnFiles(own: string, bootstrapsDir: string): string | undefined {
  const etc = join(own, 'etc')
  const shown = JAVA_CONFIGURATIONS.map((path) => basename(path))
  for (const dir of ['ssl/certs', 'alternatives', ...shown])
    mkdirSync(join(etc, dir), { recursive: true })
  const files = {
    passwd: 'root:x:0:0:root:/:/sbin/nologin\nsbx_user1051:x:993:990::/tmp:/sbin/nologin\n',
    group: 'root:x:0:\nsbx_user1051:x:990:\n',
    hosts: '127.0.0.1 localhost sandbox sandbox.localdomain\n::1 localhost\n',
    'nsswitch.conf': 'passwd: files\ngroup: files\nhosts: files dns\n',
    'resolv.conf': '',
  }
  for (const [name, content] of Object.entries(files)) writeFileSync(join(etc, name), content)
  for (const name of ['ld.so.cache', 'ssl/openssl.cnf']) {
    if (existsSync(join('/etc', name))) copyFileSync(join('/etc', name), join(etc, name))
  }
  cpSync(bootstrapsDir, join(own, 'runtime'), { recursive: true })
  if (process.arch !== 'x64' && process.arch !== 'arm64') return undefined
  const filterPath = join(own, 'seccomp.bpf')
  writeFileSync(filterPath, seccompFilter(process.arch), { mode: 0o600 })
  return filterPath
}
