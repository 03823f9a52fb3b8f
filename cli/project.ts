import { chmodSync, existsSync, mkdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

import { PlatformError, packageUrl } from '../services/model/index.ts'
import { writeTextFile } from './files.ts'

export const CI_KINDS = ['github', 'gitlab', 'none'] as const
export type CiKind = (typeof CI_KINDS)[number]

/** Where a file goes, by where it comes from below `examples/`. */
type Files = Readonly<Record<string, string>>

const STARTER: Files = {
  'starter/index.mjs': 'index.mjs',
  'starter/lacreignore': '.lacreignore',
  'starter/policies/admission.cedar': 'policies/admission.cedar',
  'starter/policies/cases.yaml': 'policies/cases.yaml',
  'starter/README.md': 'README.md',
}
const SCRIPT = 'ci/deploy.sh'
const CI: Readonly<Record<CiKind, Files>> = {
  github: { [SCRIPT]: SCRIPT, 'ci/github-workflow.yml': '.github/workflows/deploy.yml' },
  gitlab: { [SCRIPT]: SCRIPT, 'ci/gitlab-ci.yml': '.gitlab-ci.yml' },
  none: {},
}

/** What AWS takes as the name of a function, and every shell and YAML as a plain word. */
const NAME = /^[A-Za-z][A-Za-z0-9_-]{0,63}$/

/**
 * Writes a project; its files, relative to its directory.
 * @throws PlatformError INVALID_PARAMETER for a name, RESOURCE_CONFLICT where a file is there already: none is written then
 */
export function makeProject(asked: {
  readonly directory: string
  readonly name: string
  readonly ci: CiKind
}): string[] {
  const { directory, name, ci } = asked
  if (!NAME.test(name))
    throw new PlatformError(
      'INVALID_PARAMETER',
      `\`${name.slice(0, 64)}\` is no name: a letter, then letters, digits, - and _, 64 at most`,
    )
  const files = Object.entries({ ...STARTER, ...CI[ci] })
  const taken = files.map(([, to]) => to).filter((to) => existsSync(join(directory, to)))
  if (taken.length > 0)
    throw new PlatformError('RESOURCE_CONFLICT', `there already: ${taken.join(', ')}`)
  for (const [from, to] of files) {
    const path = join(directory, to)
    mkdirSync(dirname(path), { recursive: true })
    writeTextFile(path, readShipped(from).replaceAll('__FUNCTION__', name))
    if (to === SCRIPT) chmodSync(path, 0o755)
  }
  return files.map(([, to]) => to)
}

function readShipped(name: string): string {
  return readFileSync(packageUrl(import.meta.url, `examples/${name}`), 'utf8')
}
