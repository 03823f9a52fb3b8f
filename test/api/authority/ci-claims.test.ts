import { X509Certificate } from 'node:crypto'

import { expect, test } from 'vitest'

import { readDer, toOid, type Der } from '../../../services/seal/index.ts'
import {
  TestAuthority,
  TestIssuer,
  certificateRequest,
  chainOf,
  ecKeyPair,
  type Claims,
} from '../../support/authority.ts'

const SUBJECT = 'the subject of the job'
const base: Claims = { sub: SUBJECT, email: undefined, email_verified: undefined }

const GITHUB: Claims = {
  repository: 'octo/app', repository_id: '42', repository_owner: 'octo', repository_owner_id: '7',
  job_workflow_ref: 'octo/build/.github/workflows/release.yml@refs/tags/v1', job_workflow_sha: 'b'.repeat(40),
  workflow_ref: 'octo/app/.github/workflows/main.yml@refs/heads/main', workflow_sha: 'c'.repeat(40),
  workflow: 'main', ref: 'refs/heads/main', sha: 'a'.repeat(40), event_name: 'push', run_id: '1001', run_attempt: '2',
  runner_environment: 'github-hosted', repository_visibility: 'private', environment: 'production',
} // prettier-ignore
const GITLAB: Claims = {
  project_path: 'group/app', project_id: '99', namespace_path: 'group', namespace_id: '5', ref: 'v1', ref_type: 'tag',
  ci_config_ref_uri: 'gitlab.example/group/app//.gitlab-ci.yml@refs/tags/v1', ci_config_sha: 'd'.repeat(40),
  sha: 'e'.repeat(40), job_id: '777', pipeline_source: 'web', runner_environment: 'self-hosted',
  project_visibility: 'public',
} // prettier-ignore
const BUILDKITE: Claims = {
  organization_slug: 'acme', pipeline_slug: 'app', build_number: 12, job_id: 'j-1', build_commit: 'f'.repeat(40),
  build_source: 'webhook', runner_environment: 'buildkite-hosted',
} // prettier-ignore
const CIRCLECI: Claims = {
  'oidc.circleci.com/project-id': 'p-1', 'oidc.circleci.com/pipeline-definition-id': 'd-1',
  'oidc.circleci.com/pipeline-id': 'l-1', 'oidc.circleci.com/workflow-id': 'w-1', 'oidc.circleci.com/job-id': 'j-1',
  'oidc.circleci.com/ssh-rerun': true, 'oidc.circleci.com/vcs-origin': 'github.com/acme/app',
  'oidc.circleci.com/vcs-ref': 'refs/heads/main',
} // prettier-ignore

type Expected = (issuer: string) => { uri: string; extensions: Record<number, string> }

const CASES: readonly (readonly [string, Claims, Expected])[] = [
  ['github', GITHUB, () => ({
    uri: 'https://github.com/octo/build/.github/workflows/release.yml@refs/tags/v1',
    extensions: {
      2: 'push', 3: 'a'.repeat(40), 4: 'main', 5: 'octo/app', 6: 'refs/heads/main',
      9: 'https://github.com/octo/build/.github/workflows/release.yml@refs/tags/v1', 10: 'b'.repeat(40),
      11: 'github-hosted', 12: 'https://github.com/octo/app', 13: 'a'.repeat(40), 14: 'refs/heads/main', 15: '42',
      16: 'https://github.com/octo', 17: '7',
      18: 'https://github.com/octo/app/.github/workflows/main.yml@refs/heads/main', 19: 'c'.repeat(40), 20: 'push',
      21: 'https://github.com/octo/app/actions/runs/1001/attempts/2', 22: 'private', 23: 'production',
    },
  })],
  ['gitlab', GITLAB, (issuer) => ({
    uri: 'https://gitlab.example/group/app//.gitlab-ci.yml@refs/tags/v1',
    extensions: {
      9: 'https://gitlab.example/group/app//.gitlab-ci.yml@refs/tags/v1', 10: 'd'.repeat(40), 11: 'self-hosted',
      12: `${issuer}/group/app`, 13: 'e'.repeat(40), 14: 'refs/tags/v1', 15: '99', 16: `${issuer}/group`, 17: '5',
      18: 'https://gitlab.example/group/app//.gitlab-ci.yml@refs/tags/v1', 19: 'd'.repeat(40), 20: 'web',
      21: `${issuer}/group/app/-/jobs/777`, 22: 'public',
    },
  })],
  ['buildkite', BUILDKITE, () => ({
    uri: 'https://buildkite.com/acme/app',
    extensions: {
      11: 'buildkite-hosted', 13: 'f'.repeat(40), 20: 'webhook', 21: 'https://buildkite.com/acme/app/builds/12#j-1',
    },
  })],
  ['circleci', CIRCLECI, () => ({
    uri: 'https://circleci.com/api/v2/projects/p-1/pipeline-definitions/d-1',
    extensions: {
      9: 'https://circleci.com/api/v2/projects/p-1/pipeline-definitions/d-1', 11: 'ssh-rerun',
      12: 'github.com/acme/app', 14: 'refs/heads/main', 18: 'https://circleci.com/api/v2/pipeline/l-1/config',
      21: 'https://app.circleci.com/workflow/w-1/job/j-1',
    },
  })],
] // prettier-ignore

/** Fulcio's extensions by their last number: raw up to 6, a UTF8String from 8 on. */
function fulcioExtensions(pem: string): Record<number, string> {
  const [tbs] = readDer(new X509Certificate(pem).raw).children
  const list = tbs?.children.at(-1)?.children[0]?.children ?? []
  const found: Record<number, string> = {}
  for (const one of list) {
    const number = /^1\.3\.6\.1\.4\.1\.57264\.1\.(\d+)$/.exec(toOid(one.children[0]))?.[1]
    if (number === undefined) continue
    const value = (one.children.at(-1) as Der).content
    const text = Number(number) <= 6 ? value : readDer(value).content
    if (Number(number) > 6) expect(readDer(value).tag).toBe(0x0c)
    found[Number(number)] = Buffer.from(text).toString()
  }
  return found
}

for (const [kind, claims, expected] of CASES) {
  test(`a job of ${kind} gets its URI and the extensions that Fulcio's documents map, for a proof over its subject`, async () => {
    await using issuer = await TestIssuer.start()
    await using authority = await TestAuthority.start(issuer, {
      oidcKind: [`${issuer.url}=${kind}`],
    })
    const token = await issuer.token({ ...base, ...claims })

    const answer = await authority.post(
      '/api/v2/signingCert',
      certificateRequest(token, ecKeyPair(), SUBJECT),
    )

    const [leaf = ''] = chainOf(answer)
    const { uri, extensions } = expected(issuer.url)
    expect(new X509Certificate(leaf).subjectAltName).toBe(`URI:${uri}`)
    expect(fulcioExtensions(leaf)).toEqual({ 1: issuer.url, 8: issuer.url, ...extensions })
  })

  test(`a job of ${kind} whose token lacks a claim that its name is made of gets nothing`, async () => {
    await using issuer = await TestIssuer.start()
    await using authority = await TestAuthority.start(issuer, {
      oidcKind: [`${issuer.url}=${kind}`],
    })
    const [first = ''] = [
      'job_workflow_ref',
      'ci_config_ref_uri',
      'pipeline_slug',
      'oidc.circleci.com/project-id',
    ].filter((name) => name in claims)
    const tokens = [
      await issuer.token({ ...base, ...claims, [first]: undefined }),
      await issuer.token({ ...base, ...claims, [first]: '' }),
      await issuer.token({ ...base, ...claims, [first]: { a: 1 } }),
      await issuer.token({ ...base, ...claims, [first]: 'with space' }),
    ]

    const answers = []
    for (const token of tokens)
      answers.push(
        await authority.post(
          '/api/v2/signingCert',
          certificateRequest(token, ecKeyPair(), SUBJECT),
        ),
      )

    expect(answers.map(({ json }) => json['reason'])).toEqual(tokens.map(() => 'token-claims'))
  })
}

test('the claims of a CI in a token of an issuer of people make no URI', async () => {
  await using issuer = await TestIssuer.start()
  await using authority = await TestAuthority.start(issuer)
  const token = await issuer.token({ ...GITHUB, email: 'eve@example.org' })

  const answer = await authority.post(
    '/api/v2/signingCert',
    certificateRequest(token, ecKeyPair(), 'eve@example.org'),
  )

  const [leaf = ''] = chainOf(answer)
  expect(new X509Certificate(leaf).subjectAltName).toBe('email:eve@example.org')
  expect(fulcioExtensions(leaf)).toEqual({ 1: issuer.url, 8: issuer.url })
})
