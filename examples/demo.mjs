#!/usr/bin/env node
// The whole job on real input, told as it goes. Ends non-zero when any step does not do what it says.
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import {
  CreateCodeSigningConfigCommand,
  GetAliasCommand,
  LambdaClient,
  ListFunctionsCommand,
  PublishLayerVersionCommand,
} from '@aws-sdk/client-lambda'

import { forge } from './forge.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const cli = join(root, 'dist/cli/main.js')
const work = mkdtempSync(join(tmpdir(), 'lacre-demo-'))
const data = join(work, 'data')
const at = (name) => join(work, name)

// Known: the floor is Node 20, and the SDK says so at every start.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = 'true'

let steps = 0
const step = (title) => console.log(`\n\x1b[1m${(steps += 1)}. ${title}\x1b[0m`)
const show = (text) => console.log(text.trimEnd().replace(/^/gm, '   '))

/** Runs the CLI and demands its exit code; answers what it printed. */
function lacre(args, { code = 0, quiet = false } = {}) {
  const run = spawnSync(process.execPath, [cli, ...args], { encoding: 'utf8', cwd: work })
  if (!quiet) show(`$ lacre ${args.map((arg) => arg.replace(`${work}/`, '')).join(' ')}`)
  if (run.status !== code) {
    throw new Error(`expected exit ${code}, got ${run.status}\n${run.stdout}\n${run.stderr}`)
  }
  if (!quiet && run.stdout !== '') show(run.stdout)
  return { stdout: run.stdout, stderr: run.stderr, json: () => JSON.parse(run.stdout) }
}
const service = (args, options) => lacre([...args, '--data', data], options)
const json = (args, options) =>
  lacre([...args, '--json', '--data', data], { quiet: true, ...options }).json()

/** Copies an example and installs its npm dependencies from its lockfile. */
function build(example, npmFolder) {
  cpSync(join(root, 'examples', example), at(example), { recursive: true })
  if (npmFolder === undefined) return
  const npm = spawnSync(
    'npm',
    [
      'ci',
      '--install-links',
      '--omit=dev',
      '--ignore-scripts',
      '--no-audit',
      '--no-fund',
      '--prefer-offline',
    ],
    { cwd: join(work, example, npmFolder), encoding: 'utf8' },
  )
  assert.equal(npm.status, 0, npm.stderr)
}

async function startService() {
  const child = spawn(process.execPath, [cli, 'serve', '--data', data, '--listen', '127.0.0.1:0'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let log = ''
  child.stderr.on('data', (chunk) => (log += chunk))
  const url = await new Promise((resolve, reject) => {
    let out = ''
    child.stdout.on('data', (chunk) => {
      out += chunk
      const match = /lacre listening on (\S+)/.exec(out)
      if (match) resolve(match[1])
    })
    child.once('exit', (code) => reject(new Error(`serve ended with ${code}\n${log}`)))
  })
  const logKey = /ledger key: (\S+)/.exec(log)?.[1]
  assert.ok(logKey, 'serve says which key signs the ledger')
  return {
    url,
    logKey,
    async stop() {
      child.kill('SIGTERM')
      const code = await new Promise((resolve) => child.once('exit', resolve))
      assert.equal(code, 0, `serve ended with ${code}\n${log}`)
    },
  }
}

const order = {
  country: 'PT',
  items: [
    { sku: 'tea', price: '12.50', quantity: 2 },
    { sku: 'cup', price: '7.10', quantity: 1 },
  ],
}
const quote = (target) => json(['invoke', target, '--payload', JSON.stringify(order)]).payload

/** A deploy that must be refused: the explanation is shown, and nothing of the zip is kept. */
function refused(zip, because, expected) {
  const before = json(['live']).live
  const run = service(['deploy', at(zip), '--function', 'orders', '--publish'], { code: 1 })
  show(run.stderr)
  assert.match(run.stdout + run.stderr, expected, `the refusal should tell that ${because}`)
  assert.deepEqual(json(['live']).live, before, 'a refusal changes nothing that is live')
}

let running
try {
  step('Build two functions and a layer, with their npm dependencies')
  build('orders', '.')
  build('orders-layer', 'nodejs')
  build('report')
  rmSync(join(work, 'orders-layer/nodejs/pricing'), { recursive: true })

  step('Make the keys of our CI, of a publisher that will be revoked, and of a stranger')
  for (const who of ['ci', 'retired', 'stranger'])
    lacre(['key', 'create', '--out', at(`${who}.pem`)])

  step('Pack reproducibly: the same tree gives the same bytes')
  lacre(['pack', at('orders'), '-o', at('orders-1.zip')])
  lacre(['pack', at('orders'), '-o', at('again.zip')], { quiet: true })
  assert.deepEqual(readFileSync(at('orders-1.zip')), readFileSync(at('again.zip')))
  lacre(['pack', at('orders-layer'), '-o', at('layer.zip')], { quiet: true })
  lacre(['pack', at('report'), '-o', at('report.zip')], { quiet: true })
  writeFileSync(join(work, 'orders/release.json'), '{ "release": 2, "discountPercent": 10 }\n')
  lacre(['pack', at('orders'), '-o', at('orders-2.zip'), '--store'], { quiet: true })
  cpSync(at('orders-2.zip'), at('orders-unsigned.zip'))
  cpSync(at('orders-2.zip'), at('orders-stranger.zip'))
  cpSync(at('orders-2.zip'), at('orders-retired.zip'))

  step('Seal them: the signature travels inside the zip, and names what it is for')
  const seal = (zip, key, kind, name, counter) =>
    lacre([
      'sign',
      at(zip),
      '--key',
      at(`${key}.pem`),
      '--kind',
      kind,
      '--name',
      name,
      '--counter',
      counter,
    ])
  seal('orders-1.zip', 'ci', 'function', 'orders', '1')
  seal('orders-2.zip', 'ci', 'function', 'orders', '2')
  seal('layer.zip', 'ci', 'layer', 'orders-layer', '1')
  seal('report.zip', 'ci', 'function', 'report', '1')
  seal('orders-stranger.zip', 'stranger', 'function', 'orders', '3')
  seal('orders-retired.zip', 'retired', 'function', 'orders', '3')
  forge(
    at('orders-2.zip'),
    at('orders-tampered.zip'),
    '"discountPercent": 10',
    '"discountPercent": 90',
  )

  step('Verify offline, and see that a zip still unpacks with ordinary tools')
  lacre(['verify', at('orders-1.zip'), '--key', at('ci.pem.pub'), '--name', 'orders'])
  lacre(['verify', at('orders-1.zip'), '--key', at('stranger.pem.pub'), '--name', 'orders'], {
    code: 1,
    quiet: true,
  })
  lacre(['inspect', at('report.zip')])

  step('Start the service')
  running = await startService()
  show(`lacre listening on ${running.url}`)
  const admin = JSON.parse(readFileSync(join(data, 'admin.json'), 'utf8'))
  const aws = new LambdaClient({
    endpoint: admin.endpoint,
    region: admin.region,
    credentials: { accessKeyId: admin.accessKeyId, secretAccessKey: admin.secretAccessKey },
  })

  step('Register the publishers, and require them: a code signing config that enforces')
  const ci = json(['publisher', 'create', 'ci', '--key', at('ci.pem.pub')])
  const retired = json(['publisher', 'create', 'retired', '--key', at('retired.pem.pub')])
  const { CodeSigningConfig: config } = await aws.send(
    new CreateCodeSigningConfigCommand({
      Description: 'only what our CI sealed',
      AllowedPublishers: {
        SigningProfileVersionArns: [ci.versions.at(-1).arn, retired.versions.at(-1).arn],
      },
      CodeSigningPolicies: { UntrustedArtifactOnDeployment: 'Enforce' },
    }),
  )
  show(config.CodeSigningConfigArn)

  step('Publish the layer with the unmodified AWS SDK')
  const layer = await aws.send(
    new PublishLayerVersionCommand({
      LayerName: 'orders-layer',
      Content: { ZipFile: readFileSync(at('layer.zip')) },
      CompatibleRuntimes: ['nodejs20.x'],
    }),
  )
  show(layer.LayerVersionArn)

  step('Deploy version 1, publish it, point prod at it, invoke it')
  service([
    'deploy', at('orders-1.zip'), '--function', 'orders', '--runtime', 'nodejs20.x', '--handler', 'index.handler',
    '--layer', layer.LayerVersionArn, '--env', 'CURRENCY=EUR', '--code-signing-config', config.CodeSigningConfigArn,
    '--publish', '--alias', 'prod',
  ]) // prettier-ignore
  service(['invoke', 'orders:prod', '--payload', JSON.stringify(order), '--tail'])
  const first = quote('orders:prod')
  assert.equal(first.release, 1)
  assert.equal(first.total, '39.48')

  step('A Python function, under the same config')
  service([
    'deploy', at('report.zip'), '--function', 'report', '--runtime', 'python3.11', '--handler', 'app.handler',
    '--code-signing-config', config.CodeSigningConfigArn, '--publish', '--alias', 'prod',
  ]) // prettier-ignore
  const report = json(['invoke', 'report:prod', '--payload', JSON.stringify({ quotes: [{ country: 'PT', total: first.total }] })]) // prettier-ignore
  assert.deepEqual(report.payload.totals, { PT: '39.48' })
  show(JSON.stringify(report.payload))

  step('Version 2 as a canary: a tenth of the calls')
  service([
    'deploy',
    at('orders-2.zip'),
    '--function',
    'orders',
    '--publish',
    '--alias',
    'prod',
    '--weight',
    '0.1',
  ])
  const alias = await aws.send(new GetAliasCommand({ FunctionName: 'orders', Name: 'prod' }))
  assert.equal(alias.FunctionVersion, '1')
  assert.deepEqual(alias.RoutingConfig?.AdditionalVersionWeights, { 2: 0.1 })
  const drawn = { 1: 0, 2: 0 }
  for (let i = 0; i < 40; i += 1) drawn[quote('orders:prod').release] += 1
  show(`40 calls: ${drawn[1]} on version 1, ${drawn[2]} on version 2`)
  assert.ok(drawn[1] > drawn[2])

  step('Version 2 wholly')
  service(['deploy', at('orders-2.zip'), '--function', 'orders', '--publish', '--alias', 'prod'])
  assert.equal(quote('orders:prod').release, 2)
  const whileTwo = new Date().toISOString()

  step('Refused: a zip changed after sealing, its checksums repaired')
  refused('orders-tampered.zip', 'its content is not what was signed', /integrity/)

  step('Refused: an unsigned zip')
  refused('orders-unsigned.zip', 'nobody signed it', /mismatch/)

  step('Refused: a zip sealed by a stranger')
  refused('orders-stranger.zip', 'nobody approved that key', /mismatch/)

  step('Refused: a zip sealed by a publisher that has been revoked')
  service(['publisher', 'revoke', 'retired', '--reason', 'the key was on a lost laptop'])
  refused('orders-retired.zip', 'its publisher was revoked', /revocation/)

  step('Roll back to what was live before')
  service(['rollback', 'orders:prod'])
  assert.equal(quote('orders:prod').release, 1)

  step('What is live now, and what was')
  service(['live'])
  service(['live', '--at', whileTwo])
  const prodThen = json(['live', '--at', whileTwo]).live.find((row) => row.functionName === 'orders' && row.alias === 'prod') // prettier-ignore
  assert.equal(prodThen.version, '2')
  const { Functions } = await aws.send(new ListFunctionsCommand({}))
  assert.deepEqual(Functions.map((one) => one.FunctionName).sort(), ['orders', 'report'])

  step('Verify the ledger, with every row it speaks of, while the service is stopped')
  const { logKey } = running
  await running.stop()
  running = undefined
  lacre(['ledger', 'verify', '--data', data, '--log-key', logKey])
  lacre(['ledger', 'verify', '--data', data], { code: 5, quiet: true })

  console.log(`\nAll ${steps} steps did what they say.`)
} finally {
  if (running !== undefined) await running.stop().catch((error) => console.error(error.message))
  rmSync(work, { recursive: true, force: true })
}
