import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { Agent, request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { LambdaClient } from '@aws-sdk/client-lambda'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'

import { accessibilityFaults, browserPath, newVisitor, openBrowser } from '../../support/browser.ts'
import { lacre } from '../../support/command.ts'
import { createActive } from '../../support/functions.ts'
import { issue, keyPair, root, type TestCertificate } from '../../support/pki.ts'
import { startService, type Service } from '../../support/service.ts'
import { CLIENT_ID, SignInIssuer, type Tls } from '../../support/sign-in-issuer.ts'

/** The console's sign-in as it is in earnest: service and provider by TLS, each with a certificate of an own authority. */

const SERVER_AUTH = '1.3.6.1.5.5.7.3.1'
const HOUR_MS = 3_600_000
const times = { fromMs: Date.now() - HOUR_MS, untilMs: Date.now() + 24 * HOUR_MS }
const authorityOf = (subject: string): TestCertificate =>
  root({ subject, serial: 1, key: keyPair(), ...times })
const serverOf = (issuer: TestCertificate): TestCertificate =>
  issue({
    subject: 'server',
    issuer,
    serial: 2,
    key: keyPair(),
    usages: [SERVER_AUTH],
    altNames: [
      { tag: 0x82, value: 'localhost' },
      { tag: 0x87, value: '\x7f\0\0\x01' },
    ],
    ...times,
  })
const tlsOf = ({ pem, key }: TestCertificate): Tls => ({
  cert: pem,
  key: key.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
})
const spkiOf = ({ key }: TestCertificate): string =>
  createHash('sha256')
    .update(key.publicKey.export({ format: 'der', type: 'spki' }))
    .digest('base64')

const [theirs, ours] = [authorityOf('of the provider'), authorityOf('of the service')]
const [provider, own] = [serverOf(theirs), serverOf(ours)]
/** What ada alone may see: an auditor reads everything but what functions wrote. */
const LOG = '/console/logs?function=hers'
const SESSION = '__Host-lacre-console'

let dir: string
let issuer: SignInIssuer
let service: Service
let browser: Browser
const file = (name: string): string => join(dir, name)

async function serve(env: Readonly<Record<string, string>>): Promise<Service> {
  const args = ['--tls-cert', file('cert.pem'), '--tls-key', file('key.pem')]
  const by = ['--console-oidc-issuer', issuer.url, '--console-oidc-client-id', CLIENT_ID]
  const secret = ['--console-oidc-client-secret-file', file('secret')]
  const source = ['--allow-source', '127.0.0.1']
  return await startService({ args: [...args, ...by, ...secret, ...source], env })
}

/** Another site than the provider's: so that what browsers send across sites is what is tested. */
function consoleUrl(at = service): string {
  return at.url.replace('127.0.0.1', 'localhost')
}

function addPerson(name: string, role: string): void {
  const whose = ['--issuer', issuer.url, '--subject', name, '--role', role]
  const { status, stderr } = lacre(['user', 'create', name, ...whose, '--data', service.data], {
    NODE_EXTRA_CA_CERTS: file('ours.pem'),
  })
  expect(stderr).toBe('')
  expect(status).toBe(0)
}

interface Answered {
  readonly status: number | undefined
  readonly page: string
}

/** A request by TLS without a browser, which believes the service's authority alone. */
async function call(
  path: string,
  { cookie = '', form }: { readonly cookie?: string; readonly form?: URLSearchParams } = {},
): Promise<Answered> {
  return await new Promise((resolve, reject) => {
    const type = form === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' }
    const method = form === undefined ? 'GET' : 'POST'
    const options = { ca: ours.pem, method, headers: { cookie, ...type } }
    request(consoleUrl() + path, options, (response) => {
      let page = ''
      response.setEncoding('utf8').on('data', (text: string) => (page += text))
      response.on('end', () => resolve({ status: response.statusCode, page }))
    })
      .on('error', reject)
      .end(form?.toString())
  })
}

/** What the browser would send of that name. */
async function cookieOf(context: BrowserContext, name = SESSION): Promise<string> {
  const found = (await context.cookies(consoleUrl())).find((one) => one.name === name)
  return found === undefined ? '' : `${name}=${found.value}`
}

/** Every `Set-Cookie` that comes to a page. */
function settingsOn(page: Page): string[] {
  const seen: string[] = []
  page.on('response', (response) => {
    const note = (headers: readonly { name: string; value: string }[]): void => {
      for (const { name, value } of headers)
        if (name.toLowerCase() === 'set-cookie') seen.push(...value.split('\n'))
    }
    // A page that is closed meanwhile says nothing more.
    response.headersArray().then(note, () => undefined)
  })
  return seen
}

/** From the page that is not open to whoever is not signed in, by the provider, to that page. */
async function signIn(page: Page, path = LOG): Promise<void> {
  await page.goto(consoleUrl() + path)
  await page.getByRole('link', { name: /^Sign in with 127\.0\.0\.1/ }).click()
  await page.waitForURL(`${issuer.url}/**`)
  await page.getByRole('button', { name: `I am ${issuer.person.sub}` }).click()
  await page.waitForURL(`**${path.replace('?', '\\?')}`)
}

describe.skipIf(browserPath === undefined)('by TLS', { timeout: 120_000 }, () => {
  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'lacre-oidc-tls-'))
    issuer = await SignInIssuer.start(tlsOf(provider))
    issuer.hostile = { discovery: { end_session_endpoint: `${issuer.url}/sign-out` } }
    const { cert, key } = tlsOf(own)
    for (const [name, text] of Object.entries({
      'cert.pem': cert,
      'key.pem': key,
      'theirs.pem': theirs.pem,
      'ours.pem': ours.pem,
      secret: issuer.clientSecret,
    }))
      writeFileSync(file(name), text)
    service = await serve({ NODE_EXTRA_CA_CERTS: file('theirs.pem') })
    issuer.redirectUris.add(`${consoleUrl()}/console/sign-in/oidc/callback`)
    for (const [name, role] of [
      ['ada', 'deployer'],
      ['bob', 'auditor'],
    ] as const)
      addPerson(name, role)
    const agent = new Agent({ ca: ours.pem })
    const { endpoint, region, accessKeyId, secretAccessKey } = service.admin
    const credentials = { accessKeyId, secretAccessKey }
    const requestHandler = { httpsAgent: agent }
    const client = new LambdaClient({ endpoint, region, credentials, requestHandler })
    await createActive(client, 'hers')
    client.destroy()
    browser = await openBrowser([spkiOf(provider), spkiOf(own)])
  }, 120_000)
  afterAll(async () => {
    await browser.close()
    await service[Symbol.asyncDispose]()
    await issuer[Symbol.asyncDispose]()
    rmSync(dir, { recursive: true, force: true })
  })
  beforeEach(() => {
    issuer.person = { sub: 'ada' }
    issuer.faults.length = 0
  })

  test('somebody signs in, sees what he alone may see, and signs out here and at the provider', async () => {
    const context = await newVisitor(browser)
    const page = await context.newPage()
    const settings = settingsOn(page)
    const shut = await call(LOG)
    await signIn(page)
    const heading = await page.locator('h1').textContent()
    const kept = await context.cookies(consoleUrl())
    const readable = (await page.evaluate('document.cookie')) as string
    const cookie = await cookieOf(context)
    const opened = await call(LOG, { cookie })
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.getByRole('link', { name: /^Sign out of 127\.0\.0\.1/ }).waitFor()
    const faults = await accessibilityFaults(page)
    const [after, again] = [await cookieOf(context), await call(LOG, { cookie })]
    await page.getByRole('link', { name: /^Sign out of/ }).click()
    await page.waitForURL(`${issuer.url}/sign-out?client_id=${CLIENT_ID}`)
    await context.close()

    expect([shut.status, opened.status, again.status]).toEqual([401, 200, 401])
    expect(heading).toBe('Log of hers')
    expect(faults).toEqual([])
    const flags = { secure: true, httpOnly: true, path: '/', domain: 'localhost' }
    expect(kept.find(({ name }) => name === SESSION)).toMatchObject({
      ...flags,
      sameSite: 'Strict',
    })
    expect(kept.find(({ name }) => name === `${SESSION}-sign-in`)).toMatchObject({
      ...flags,
      sameSite: 'Lax',
    })
    expect([readable, after]).toEqual(['', ''])
    expect(settings).toEqual([
      expect.stringMatching(
        /^__Host-lacre-console-sign-in=\d+\.[\w-]{43}\.[\w-]+; Path=\/; HttpOnly; SameSite=Lax; Max-Age=600; Secure$/,
      ),
      expect.stringMatching(
        /^__Host-lacre-console=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict; Max-Age=43200; Secure$/,
      ),
      '__Host-lacre-console=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0; Secure',
    ])
    expect(issuer.faults).toEqual([])
  })

  test('a second sign-in is another session, and the first is over', async () => {
    const context = await newVisitor(browser)
    const page = await context.newPage()
    await signIn(page)
    const first = await cookieOf(context)
    await page.goto(`${consoleUrl()}/console/sign-in/oidc`)
    await page.getByRole('button', { name: 'I am ada' }).click()
    await page.waitForURL('**/console/live')
    const second = await cookieOf(context)
    await context.close()
    const statuses = [first, second].map(async (cookie) => (await call(LOG, { cookie })).status)

    expect(first).toMatch(/=[\w-]{43}$/)
    expect(second).toMatch(/=[\w-]{43}$/)
    expect(second).not.toBe(first)
    expect(await Promise.all(statuses)).toEqual([401, 200])
  })

  test('somebody else is signed in, and does not see it', async () => {
    issuer.person = { sub: 'bob' }
    const context = await newVisitor(browser)
    const page = await context.newPage()
    await signIn(page, LOG)
    const told = await page.locator('main').textContent()
    const { status } = await call(LOG, { cookie: await cookieOf(context) })
    const live = await call('/console/live', { cookie: await cookieOf(context) })
    await context.close()

    expect(told).toContain('ACCESS_DENIED')
    expect([status, live.status]).toEqual([403, 200])
  })

  test('the provider ends that session, and the next click leads to the door', async () => {
    issuer.person = { sub: 'ada', claims: { sid: 'this' } }
    const context = await newVisitor(browser)
    const page = await context.newPage()
    await signIn(page)
    const other = await call('/console/back-channel-logout', {
      form: new URLSearchParams({ logout_token: await issuer.logoutToken({ sid: 'other' }) }),
    })
    const before = (await page.reload())?.status()
    const told = await call('/console/back-channel-logout', {
      form: new URLSearchParams({ logout_token: await issuer.logoutToken({ sid: 'this' }) }),
    })
    const after = (await page.reload())?.status()
    const door = await page.getByRole('link', { name: /^Sign in with/ }).count()
    await context.close()

    expect([other, told]).toEqual(Array(2).fill({ status: 200, page: '' }))
    expect([before, after, door]).toEqual([200, 401, 1])
  })

  test('a browser that believes neither authority gets no page', async () => {
    const other = await openBrowser()
    const page = await (await newVisitor(other)).newPage()
    const failed = await page.goto(`${consoleUrl()}/console/sign-in`).catch(String)
    await other.close()

    expect(failed).toContain('ERR_CERT_AUTHORITY_INVALID')
  })

  test('a service that does not believe the provider’s authority signs nobody in', async () => {
    await using other = await serve({})
    const context = await newVisitor(browser)
    const page = await context.newPage()
    const answer = await page.goto(`${consoleUrl(other)}/console/sign-in/oidc`)
    const told = await page.locator('main').textContent()
    await context.close()

    expect(answer?.status()).toBe(502)
    expect(told).toContain('ISSUER_FAILED')
  })
})
