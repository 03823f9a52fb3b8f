import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { startTestApp, type TestApp } from '../../support/app.ts'
import { accessibilityFaults, browserPath, newVisitor, openBrowser } from '../../support/browser.ts'
import { governance } from '../../support/governance.ts'
import { SignInIssuer } from '../../support/sign-in-issuer.ts'

let dir: string
let issuer: SignInIssuer
let app: TestApp
let browser: Browser

/** The first thing of that name that Tab reaches, pressed; the page is another then. */
async function press(page: Page, name: RegExp): Promise<void> {
  for (let tabs = 0; tabs < 20; tabs += 1) {
    await page.keyboard.press('Tab')
    const focused = (await page.evaluate('document.activeElement.textContent ?? ""')) as string
    if (!name.test(focused.trim())) continue
    await page.keyboard.press('Enter')
    return
  }
  throw new Error(`the keyboard does not reach ${name} on ${page.url()}`)
}

describe.skipIf(browserPath === undefined)('by keyboard alone', { timeout: 120_000 }, () => {
  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'lacre-oidc-'))
    issuer = await SignInIssuer.start()
    writeFileSync(join(dir, 'secret'), issuer.clientSecret)
    app = await startTestApp(issuer.serveOptions(join(dir, 'secret')))
    // Another site than the console's: so that what browsers send across sites is what is tested.
    issuer.redirectUris.add(`${consoleUrl()}/console/sign-in/oidc/callback`)
    const identity = { issuer: issuer.url, subject: 'ada', claims: {} }
    const body = { kind: 'user', name: 'ada', roles: ['auditor'], identity }
    await governance(app.admin, { method: 'POST', path: '/principals', body })
    browser = await openBrowser()
  }, 120_000)
  afterAll(async () => {
    await browser.close()
    await app[Symbol.asyncDispose]()
    await issuer[Symbol.asyncDispose]()
    rmSync(dir, { recursive: true, force: true })
  })
  const consoleUrl = (): string => app.url.replace('127.0.0.1', 'localhost')

  test.each([true, false])(
    'somebody signs in at the provider and is back on the page that he wanted (script: %s)',
    async (script) => {
      const context = await newVisitor(browser, { script: true, ...(!script && { theme: 'dark' }) })
      const page = await context.newPage()
      if (!script) await page.route('**/*.js', (route) => route.abort())
      await page.goto(`${consoleUrl()}/console/decisions?outcome=deny`)
      const faults = await accessibilityFaults(page)
      await press(page, /^Sign in with 127\.0\.0\.1/)
      await page.waitForURL(`${issuer.url}/**`)
      await press(page, /^I am ada$/)
      await page.waitForURL('**/console/decisions?outcome=deny')
      const who = await page.locator('.who').textContent()
      const cookies = await context.cookies()
      await press(page, /^Sign out$/)
      await page.waitForURL('**/console/sign-in')
      await context.close()

      expect(faults).toEqual([])
      expect(who).toContain('Signed in as ada')
      expect(cookies.find(({ name }) => name === 'lacre-console')).toMatchObject({
        sameSite: 'Strict',
        httpOnly: true,
      })
      expect(issuer.faults).toEqual([])
    },
  )

  test('a stranger reads why he is not let in, and nothing is wrong with the page', async () => {
    issuer.person = { sub: 'stranger' }
    const context = await newVisitor(browser, { width: 360 })
    const page = await context.newPage()
    await page.goto(`${consoleUrl()}/console/live`)
    await press(page, /^Sign in with/)
    await page.waitForURL(`${issuer.url}/**`)
    await press(page, /^I am stranger$/)
    await page.waitForURL('**/callback?**')
    const told = await page.locator('.notice').textContent()
    const faults = await accessibilityFaults(page)
    const wide = (await page.evaluate('document.documentElement.scrollWidth')) as number
    const cookies = await context.cookies(consoleUrl())
    await context.close()

    expect(told).toContain('nobody here comes by the subject `stranger`')
    expect(faults).toEqual([])
    expect(wide).toBeLessThanOrEqual(360)
    expect(cookies.map(({ name }) => name)).not.toContain('lacre-console')
  })
})
