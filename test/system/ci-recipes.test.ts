import { execFile } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

import { CreateCodeSigningConfigCommand, GetAliasCommand } from '@aws-sdk/client-lambda'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parse } from 'yaml'

import { TestIssuer } from '../support/authority.ts'
import { AuthorityProcess } from '../support/authority-process.ts'
import { lacre, lacreJson } from '../support/command.ts'
import { lacreCommand, projectRoot, startService, type Service } from '../support/service.ts'

const SLSA = 'https://slsa.dev/provenance/v1'
const BUILDER = 'https://ci.example.org/builder'

interface Recipe {
  readonly script: string
  readonly env: Readonly<Record<string, string>>
}

let dir = ''
let issuer: TestIssuer
let authority: AuthorityProcess
let service: Service
let config = ''
const at = (name: string): string => join(dir, name)

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'lacre-ci-'))
  issuer = await TestIssuer.start()
  authority = await AuthorityProcess.start(at('authority'), issuer)
  service = await startService({ args: ['--allow-source', '127.0.0.0/8'] })
  const trustedRoot = ['authority', 'trusted-root', '--data', at('authority')]
  writeFileSync(at('trusted_root.json'), lacre(trustedRoot).stdout)
  writeFileSync(at('signing_config.json'), lacre([...trustedRoot, '--signing-config']).stdout)
  const identity = [
    '--certificate-identity',
    'ada@example.org',
    '--certificate-oidc-issuer',
    issuer.url,
  ]
  const purposes = ['--purpose', 'seal', '--purpose', `attest:${SLSA}`, '--builder', BUILDER]
  const root = ['--trusted-root', at('trusted_root.json'), '--data', service.data]
  const publisher = lacreJson<{ versions: { arn: string }[] }>(
    ['publisher', 'create', 'ci'].concat(identity, purposes, root),
  )
  const made = await service.client().send(
    new CreateCodeSigningConfigCommand({
      AllowedPublishers: { SigningProfileVersionArns: [publisher.versions[0]?.arn ?? ''] },
      CodeSigningPolicies: { UntrustedArtifactOnDeployment: 'Enforce' },
    }),
  )
  config = made.CodeSigningConfig?.CodeSigningConfigArn ?? ''
})

afterAll(async () => {
  await authority.end('SIGKILL')
  await service[Symbol.asyncDispose]()
  await issuer[Symbol.asyncDispose]()
  rmSync(dir, { recursive: true, force: true, maxRetries: 5 })
})

/** As a runner starts a step: a clean environment, and this process free to answer as the issuer. */
async function runStep({ script, env }: Recipe, cwd: string) {
  return await new Promise<{ status: number; output: string }>((resolve) => {
    execFile(
      'bash',
      ['--noprofile', '--norc', '-eo', 'pipefail', '-c', script],
      {
        cwd,
        env: {
          PATH: `${dirname(process.execPath)}:${process.env['PATH'] ?? ''}`,
          HOME: dir,
          ...env,
        },
      },
      (error, stdout, stderr) =>
        resolve({ status: error === null ? 0 : Number(error.code), output: stdout + stderr }),
    )
  })
}

/** The variables of the service and of the identity, as a CI has them. */
async function surroundings(name: string): Promise<Record<string, string>> {
  const { admin } = service
  return {
    FUNCTION: name,
    LACRE: `${process.execPath} ${lacreCommand}`,
    SIGNING_CONFIG: at('signing_config.json'),
    TRUSTED_ROOT: at('trusted_root.json'),
    CODE_SIGNING_CONFIG: config,
    BUILDER_ID: BUILDER,
    SIGSTORE_ID_TOKEN: await issuer.token(),
    AWS_ENDPOINT_URL: admin.endpoint,
    AWS_REGION: admin.region,
    AWS_ACCESS_KEY_ID: admin.accessKeyId,
    AWS_SECRET_ACCESS_KEY: admin.secretAccessKey,
  }
}

/** A checkout with a function, a lockfile, and the recipe's script where `lacre init` puts it. */
function checkout(name: string, source: string): string {
  const path = at(name)
  mkdirSync(join(path, 'ci'), { recursive: true })
  writeFileSync(join(path, 'index.js'), source)
  writeFileSync(join(path, '.lacreignore'), '/ci/\n')
  const manifest = { name, version: '1.0.0' }
  const lock = { ...manifest, lockfileVersion: 3, packages: { '': manifest } }
  writeFileSync(join(path, 'package.json'), JSON.stringify(manifest))
  writeFileSync(join(path, 'package-lock.json'), JSON.stringify(lock))
  copyFileSync(join(projectRoot, 'examples/ci/deploy.sh'), join(path, 'ci/deploy.sh'))
  return path
}

const readYaml = (path: string): unknown => parse(readFileSync(join(projectRoot, path), 'utf8'))

/** `${{ inputs.x }}`, as the runner fills it in; what the recipe asks of `github` is a fixed word. */
function actionStep(given: Readonly<Record<string, string>>): Recipe {
  const action = readYaml('action.yml') as {
    inputs: Record<string, { default?: string; required?: boolean }>
    runs: { steps: { run: string; env: Record<string, string> }[] }
  }
  const [step, ...more] = action.runs.steps
  if (step === undefined || more.length > 0) throw new Error('the action has not one step')
  const required = Object.keys(action.inputs).filter((name) => action.inputs[name]?.required)
  expect(required.filter((name) => given[name] === undefined)).toEqual([])
  expect(Object.keys(given).filter((name) => action.inputs[name] === undefined)).toEqual([])
  // Nothing foreign is part of the script itself.
  expect(step.run).not.toContain('${{')
  const fill = (text: string): string =>
    text.replaceAll(/\$\{\{ inputs\.([a-z-]+)(?: \|\| [^}]*)? \}\}/g, (_, name: string) => {
      const input = action.inputs[name]
      if (input === undefined) throw new Error(`there is no input \`${name}\``)
      return given[name] ?? input.default ?? ''
    })
  const env = Object.entries(step.env).map(([name, value]) => [name, fill(value)])
  return { script: step.run, env: { ...Object.fromEntries(env), GITHUB_ACTION_PATH: projectRoot } }
}

const source = (answer: string): string => `exports.handler = async () => '${answer}'\n`

const expectLive = async (name: string, answer: string): Promise<void> => {
  const invoked = lacre(['invoke', `${name}:prod`, '--data', service.data])
  expect(invoked.stdout).toContain(answer)
  const alias = new GetAliasCommand({ FunctionName: name, Name: 'staging' })
  expect((await service.client().send(alias)).FunctionVersion).toBe('1')
}

test('the shell script deploys what CI itself signed and attested, and promotes it', async () => {
  const env = await surroundings('plain')

  const run = await runStep(
    { script: 'bash ci/deploy.sh', env },
    checkout('plain', source('shell')),
  )

  expect(run.status, run.output).toBe(0)
  expect(run.output).not.toContain('counts for nothing')
  await expectLive('plain', 'shell')
})

test("GitHub's action does the same, by its inputs alone", async () => {
  const { SIGSTORE_ID_TOKEN = '', ...env } = await surroundings('acted')
  const step = actionStep({
    function: 'acted',
    endpoint: env['AWS_ENDPOINT_URL'] ?? '',
    'access-key-id': env['AWS_ACCESS_KEY_ID'] ?? '',
    'secret-access-key': env['AWS_SECRET_ACCESS_KEY'] ?? '',
    'signing-config': at('signing_config.json'),
    'trusted-root': at('trusted_root.json'),
    'code-signing-config': config,
    'builder-id': BUILDER,
    lacre: env['LACRE'] ?? '',
  })

  const run = await runStep(
    { script: step.script, env: { ...step.env, SIGSTORE_ID_TOKEN } },
    checkout('acted', source('github')),
  )

  expect(run.status, run.output).toBe(0)
  await expectLive('acted', 'github')
})

test.each([
  ['GitHub', 'examples/ci/github-workflow.yml'],
  ['GitLab', 'examples/ci/gitlab-ci.yml'],
])('the job for %s runs what it names, with the variables that it names', async (_name, path) => {
  const name = path.includes('gitlab') ? 'labbed' : 'flowed'
  const document = readYaml(path) as {
    jobs?: { deploy: { steps: { run?: string; env?: Record<string, string> }[] } }
    deploy?: { script: string[]; variables: Record<string, string> }
  }
  const steps = document.jobs?.deploy.steps ?? []
  const script = document.deploy?.script ?? steps.flatMap(({ run }) => run ?? [])
  const named = document.deploy?.variables ?? steps.find(({ env }) => env !== undefined)?.env ?? {}
  expect(script).toEqual(['npm ci', 'bash ci/deploy.sh'])
  const folder = checkout(name, source(name))
  copyFileSync(at('signing_config.json'), join(folder, 'ci/signing_config.json'))
  copyFileSync(at('trusted_root.json'), join(folder, 'ci/trusted_root.json'))
  const {
    FUNCTION: _1,
    SIGNING_CONFIG: _2,
    TRUSTED_ROOT: _3,
    ...outside
  } = await surroundings(name)
  const written = Object.entries(named)
    .filter(([, value]) => !value.includes('${{'))
    .map(([key, value]) => [key, value.replaceAll('__FUNCTION__', name)])

  const env = { ...Object.fromEntries(written), ...outside }
  const run = await runStep({ script: script.join(' && '), env }, folder)

  expect(run.status, run.output).toBe(0)
  await expectLive(name, name)
})

/** `lacre` as a script that does something of its own right before the deployment: the world changes after the plan. */
function meanwhile(name: string, doing: string): string {
  const path = at(name)
  const real = `"${process.execPath}" "${lacreCommand}"`
  writeFileSync(
    path,
    `#!/bin/bash\nif [ "$1" = deploy ]; then ${real} ${doing} >&2 || exit 9; fi\nexec ${real} "$@"\n`,
    { mode: 0o755 },
  )
  return path
}

test('a further release is held to its plan, and a world that changed since refuses it', async () => {
  const folder = checkout('held', source('one'))
  const script = 'bash ci/deploy.sh'
  const first = await runStep({ script, env: await surroundings('held') }, folder)
  writeFileSync(join(folder, 'index.js'), source('two'))
  const changing = meanwhile(
    'changing.sh',
    `publisher create other --key "${at('other.pem.pub')}" --data "${service.data}"`,
  )
  lacre(['key', 'create', '--out', at('other.pem')])
  const refused = await runStep(
    { script, env: { ...(await surroundings('held')), LACRE: changing } },
    folder,
  )
  const served = lacre(['invoke', 'held:prod', '--data', service.data]).stdout
  const latest = lacre(['invoke', 'held', '--data', service.data]).stdout
  const idle = meanwhile('idle.sh', `live --data "${service.data}"`)
  const second = await runStep(
    { script, env: { ...(await surroundings('held')), LACRE: idle } },
    folder,
  )

  expect(first.status, first.output).toBe(0)
  expect(refused.output).toContain('to commit exactly this until')
  expect(refused.output).toContain('what it was based on has changed')
  expect(refused.status, refused.output).toBe(3)
  expect([served, latest]).toEqual([expect.stringContaining('one'), expect.stringContaining('one')])
  expect(second.status, second.output).toBe(0)
  expect(lacre(['invoke', 'held:prod', '--data', service.data]).stdout).toContain('two')
})

test('what somebody else signed is refused, and the script ends with that', async () => {
  const env = {
    ...(await surroundings('foreign')),
    SIGSTORE_ID_TOKEN: await issuer.token({ email: 'eve@example.org', sub: 'eve' }),
  }

  const run = await runStep(
    { script: 'bash ci/deploy.sh', env },
    checkout('foreign', source('eve')),
  )

  expect(run.status, run.output).toBe(1)
  expect(lacre(['invoke', 'foreign:staging', '--data', service.data]).status).not.toBe(0)
})

test('Lacre is never fetched by its name: what no lockfile pinned does not run', async () => {
  const { LACRE: _, ...env } = await surroundings('unpinned')
  const step = { script: 'bash ci/deploy.sh', env }

  const run = await runStep(step, checkout('unpinned', source('x')))

  expect(run.status).not.toBe(0)
  expect(run.output).toContain('node_modules/.bin/lacre: No such file or directory')
})

test('a variable that is missing ends it before anything is done', async () => {
  const { SIGNING_CONFIG: _, ...env } = await surroundings('unset')

  const run = await runStep({ script: 'bash ci/deploy.sh', env }, checkout('unset', source('x')))

  expect(run.status).toBe(1)
  expect(run.output).toContain('SIGNING_CONFIG')
  expect(run.output).not.toContain('pack ')
})
