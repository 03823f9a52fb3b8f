import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core'

import type { AdminFile } from './client.ts'
import { governance } from './governance.ts'

const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']

/** The browser of this machine; `undefined` where there is none: what needs it then skips itself. */
export const browserPath = PLACES.find((path) => existsSync(path))

/** @param trustedKeys of certificates that it takes whoever signed them: SHA-256 of each SPKI, base64 */
export async function openBrowser(trustedKeys: readonly string[] = []): Promise<Browser> {
  return await chromium.launch({
    ...(browserPath !== undefined && { executablePath: browserPath }),
    // Chromium has no sandbox of its own as root.
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-dev-shm-usage',
      ...(trustedKeys.length === 0
        ? []
        : [`--ignore-certificate-errors-spki-list=${trustedKeys.join(',')}`]),
    ],
  })
}

export interface Look {
  readonly theme?: 'light' | 'dark'
  readonly width?: number
  readonly script?: boolean
}

/** A browser of its own, with nobody signed in. */
export async function newVisitor(browser: Browser, look: Look = {}): Promise<BrowserContext> {
  const { theme = 'light', width = 1200, script = true } = look
  return await browser.newContext({
    colorScheme: theme,
    javaScriptEnabled: script,
    viewport: { width, height: 800 },
  })
}

/** The path of a fresh link, as `lacre console login` prints it behind the endpoint. */
export async function newLink(who: AdminFile): Promise<string> {
  const { body, status } = await governance<{ path: string }>(who, {
    method: 'POST',
    path: '/console/links',
  })
  if (status !== 201) throw new Error(`no link: ${status}`)
  return body.path
}

/** A page signed in as the owner of the key, by keyboard as people do it. */
export async function signedIn(context: BrowserContext, who: AdminFile): Promise<Page> {
  const page = await context.newPage()
  await page.goto(who.endpoint + (await newLink(who)))
  await page.getByRole('button', { name: /^Sign in as/ }).press('Enter')
  await page.waitForURL('**/console/live')
  return page
}

const axeSource = readFileSync(
  createRequire(import.meta.url).resolve('axe-core/axe.min.js'),
  'utf8',
)

/** What axe-core finds wrong with the page as it stands, in words. */
export async function accessibilityFaults(page: Page): Promise<string[]> {
  // Through the debugger: the page's own policy lets no script in.
  await page.evaluate(axeSource)
  const found = (await page.evaluate(
    `axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) => violations.map(({ id, nodes }) => id + ': ' + nodes.slice(0, 3).map(({ html }) => html).join(' | ')))`,
  )) as string[]
  return found
}
