// npm run screenshots: a picture of every page of the console into docs/images, small, in the light theme, and some dark and
// on a phone; the door, plans and a refusal too. Wants Chromium, and a build for the service's workers.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

import type { Page } from 'playwright-core'

import { startTestApp } from './app.ts'
import { browserPath, newLink, newVisitor, openBrowser, signedIn, type Look } from './browser.ts'
import { consolePages } from './console-pages.ts'
import { tellConsoleStory } from './console-story.ts'
import { invoke } from './functions.ts'
import { SignInIssuer } from './sign-in-issuer.ts'
import { smallPng } from './small-png.ts'

const folder = fileURLToPath(new URL('../../docs/images/', import.meta.url))
if (browserPath === undefined)
  throw new Error('there is no Chromium here: apt-get install chromium')
mkdirSync(folder, { recursive: true })
await using issuer = await SignInIssuer.start()
const secretFile = join(mkdtempSync(join(tmpdir(), 'lacre-screenshots-')), 'secret')
writeFileSync(secretFile, issuer.clientSecret)
await using app = await startTestApp(issuer.serveOptions(secretFile))
rmSync(dirname(secretFile), { recursive: true })
const story = await tellConsoleStory(app, 'Release 7 of the checkout')
await invoke(app.client, story.functionName)
await using browser = await openBrowser()
const pages = consolePages(story)

async function picture(names: readonly string[], look: Look, ending = ''): Promise<void> {
  const context = await newVisitor(browser, look)
  const page = await signedIn(context, app.admin)
  for (const [name, path] of pages.filter(([one]) => names.includes(one))) {
    await page.goto(`${app.url}/console${path}`)
    await keep(page, `${name}${ending}`)
  }
  await context.close()
}

async function keep(page: Page, name: string): Promise<void> {
  writeFileSync(join(folder, `console-${name}.png`), smallPng(await page.screenshot()))
}

/** What has no address of its own: the door, what a form shows before anything is done, and a page that is not there. */
async function onTheWay(): Promise<void> {
  const context = await newVisitor(browser, { width: 760 })
  const page = await context.newPage()
  await page.goto(`${app.url}/console/sign-in`)
  await keep(page, 'sign-in')
  await page.goto(app.url + (await newLink(app.admin)))
  await keep(page, 'sign-in-link')
  await page.getByRole('button', { name: /^Sign in as/ }).press('Enter')
  await page.waitForURL('**/console/live')
  for (const [name, path, form] of [
    ['plan-move', `/functions/${story.functionName}`, 'plan-move'],
    ['plan-revoke', '/publishers/ci_release', 'plan-revoke'],
    ['plan-rollback', '/policies/admission', 'plan-rollback'],
  ] as const) {
    await page.goto(`${app.url}/console${path}`)
    const asked = page.locator(`form[action$="/${form}"]`)
    for (const field of await asked.locator('input[name=reason]').all())
      await field.fill('a laptop was lost')
    await asked.locator('button').first().press('Enter')
    await page.waitForURL(`**/${form}`)
    await keep(page, name)
  }
  await page.goto(`${app.url}/console/decisions/none`)
  await keep(page, 'refusal')
  await context.close()
}

await picture(
  pages.map(([name]) => name),
  { width: 760 },
)
await picture(['live', 'decision'], { width: 760, theme: 'dark' }, '-dark')
await picture(['live', 'approval'], { width: 360 }, '-phone')
await onTheWay()
