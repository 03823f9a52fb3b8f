import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { startTestApp, type TestApp } from '../../support/app.ts'
import { browserPath, newVisitor, openBrowser, signedIn } from '../../support/browser.ts'
import {
  HOSTILE,
  tellConsoleStory,
  tellLines,
  type ConsoleStory,
} from '../../support/console-story.ts'
import { governance, liveTable } from '../../support/governance.ts'

let app: TestApp
let story: ConsoleStory
let browser: Browser

const TABS_LIMIT = 120

/** Tab by Tab until what has the focus is named so: by keyboard alone, as the page orders it. */
async function tabTo(page: Page, name: string): Promise<void> {
  for (let tabs = 0; tabs < TABS_LIMIT; tabs += 1) {
    await page.keyboard.press('Tab')
    const focused = (await page.evaluate(
      `(({ labels, ariaLabel, textContent } = document.activeElement) => (ariaLabel ?? labels?.[0]?.textContent ?? textContent ?? '').trim())()`,
    )) as string
    if (focused === name) return
  }
  throw new Error(`the keyboard does not reach \`${name}\` on ${page.url()}`)
}

/** What has the focus, pressed; the page that comes of it. */
async function enter(page: Page): Promise<void> {
  await Promise.all([page.waitForEvent('load'), page.keyboard.press('Enter')])
}

async function go(page: Page, name: string): Promise<void> {
  await tabTo(page, name)
  await enter(page)
}

const heading = async (page: Page): Promise<string> =>
  (await page.locator('h1').textContent()) ?? ''

describe.skipIf(browserPath === undefined)('by keyboard alone', { timeout: 180_000 }, () => {
  beforeAll(async () => {
    app = await startTestApp()
    story = await tellConsoleStory(app)
    browser = await openBrowser()
  }, 240_000)
  afterAll(async () => {
    await browser.close()
    await app[Symbol.asyncDispose]()
  })

  test('the engineer sees why a deployment was refused, and moves an alias by its plan', async () => {
    const context = await newVisitor(browser)
    const page = await signedIn(context, app.admin)
    await go(page, 'Decisions')
    await go(page, story.refusal)
    const refused = await page.locator('.notice').textContent()
    await go(page, 'Live')
    await go(page, 'checkout:prod')
    await tabTo(page, 'Share in percent')
    await page.keyboard.press('Control+A')
    await page.keyboard.type('25')
    await go(page, 'Show the plan')
    const planned = await heading(page)
    const before = await weights()
    await go(page, 'Commit this plan')
    await context.close()

    expect(refused).toContain('got no seal')
    expect(planned).toContain('Plan: checkout:prod')
    expect(before).toEqual([0.1])
    expect(await weights()).toEqual([0.25])
  })

  test('the engineer finds what failed, and follows its log, whatever it says', async () => {
    const context = await newVisitor(browser)
    const page = await signedIn(context, app.admin)
    await go(page, 'Runtime')
    const charts = await page.getByRole('img', { name: /^(Duration|Attempts) every/ }).count()
    await go(page, 'log of checkout')
    const shown = await page.locator('#log li').count()
    await tabTo(page, 'Follow')
    await page.keyboard.press('Enter')
    await page.getByRole('button', { name: 'Stop following' }).waitFor()
    tellLines(app, story.functionName, HOSTILE)
    await page
      .locator('#log li')
      .nth(shown + 7)
      .waitFor()
    const added = (await page.locator('#log li').last().textContent()) ?? ''
    const hostile = (await page.locator('#log li').nth(-2).textContent()) ?? ''
    const state = await page.locator('#follow-state').textContent()
    await page.keyboard.press('Enter')
    const stopped = await page.locator('#follow-state').textContent()
    const title = await page.title()
    const markup = await page.locator('#log img, #log script').count()
    await context.close()

    expect([charts, shown]).toEqual([2, 8])
    expect(added).toContain('END RequestId: 5a2d3b6c')
    expect(hostile).toContain(
      String.raw`\u001b[31mERROR\u001b[0m card refused\u0000: "'><img src=x`,
    )
    expect([state, stopped]).toEqual(['Following: 8 new', 'Stopped'])
    expect([title, markup]).toEqual(['Log of checkout · Lacre', 0])
  })

  test('the same is done where no script runs', async () => {
    const context = await newVisitor(browser, { script: false })
    const page = await signedIn(context, app.admin)
    await page.goto(`${app.url}/console/functions/${story.functionName}`)
    await page.getByLabel('Share in percent').fill('50')
    await page.getByLabel('Share in percent').press('Enter')
    await page.getByRole('button', { name: 'Commit this plan' }).press('Enter')
    await page.waitForURL('**/console/functions/checkout')
    await page.goto(`${app.url}/console/logs?function=checkout`)
    const lines = await page.locator('#log li').count()
    const follow = await page.getByRole('button', { name: 'Follow' }).count()
    await page.getByLabel('With').fill('"card refused"')
    await page.getByLabel('With').press('Enter')
    const refused = await page.locator('#log li').count()
    await page.goto(`${app.url}/console/ledger/entries/3`)
    const told = await page.locator('.notice').textContent()
    const hidden = await page.locator('#proof-form').isHidden()
    await context.close()

    expect(await weights()).toEqual([0.5])
    expect([lines > refused, refused > 0, follow]).toEqual([true, true, 0])
    expect(told).toContain('The service finds: the entry lies in the tree')
    expect(hidden).toBe(true)
  })

  test('the approver sees what will change, and approves; then grants an exception', async () => {
    const context = await newVisitor(browser, { width: 360 })
    const page = await signedIn(context, story.alice)
    await go(page, 'Approvals')
    await go(page, 'checkout:prod to version 2, 100 %')
    const preview = await page.locator('main').textContent()
    await tabTo(page, 'Comment')
    await page.keyboard.type('looks right')
    await go(page, 'Approve')
    const { body: approval } = await governance<{
      approvals: { principal: string; comment: string }[]
    }>(app.admin, { path: `/approvals/${story.approval}` })
    await go(page, 'Break-glass')
    await go(page, 'checkout:prod to version 2')
    await go(page, 'Grant it as the second person')
    const state = await page.locator('.facts .state').first().textContent()
    await context.close()

    expect(preview).toContain('What will change')
    expect(preview).toContain('Affected:')
    expect(approval.approvals).toMatchObject([
      { principal: story.alice.principal, comment: 'looks right' },
    ])
    expect(state).toBe('in force')
  })

  test('the auditor goes back in time, checks a proof in the browser, and takes evidence away', async () => {
    const context = await newVisitor(browser)
    const page = await signedIn(context, app.admin)
    await tabTo(page, 'Hours back, to 720')
    await page.keyboard.press('ArrowRight')
    await go(page, 'Go back in time')
    const then = await heading(page)
    const difference = await page.getByRole('table', { name: 'What is different now' }).count()
    await go(page, 'Ledger')
    const key = (await page.locator('#log-key').textContent()) ?? ''
    await go(page, 'entry 3')
    const told = await page.locator('.notice').textContent()
    const check = async (text: string): Promise<string> => {
      await page.locator('#field-key').fill(text)
      await page.locator('#field-key').press('Enter')
      await page.waitForFunction(
        "!['', '…'].includes(document.getElementById('proof-result').textContent)",
      )
      const result = (await page.locator('#proof-result').textContent()) ?? ''
      await page.evaluate("document.getElementById('proof-result').textContent = ''")
      return result
    }
    const [byPage, byOwn, byOther] = [
      await check(''),
      await check(key),
      await check(key.replace(/\+[^+]{8}\+/, '+00000000+')),
    ]
    await page.evaluate("document.getElementById('proof').dataset.leaf = btoa('{}')")
    const forged = await check(key)
    await go(page, 'Evidence')
    await tabTo(page, 'Function')
    await page.keyboard.type('checkout')
    await tabTo(page, 'Alias or version')
    await page.keyboard.type('prod')
    await tabTo(page, 'Download')
    const [file] = await Promise.all([page.waitForEvent('download'), page.keyboard.press('Enter')])
    const failed = await file.failure()
    await context.close()

    expect([then, difference]).toEqual(['Live then', 1])
    expect(told).toContain('The service finds: the entry lies in the tree')
    expect(byPage).toContain('consistent, not authenticated')
    expect(byOwn).toContain('the entry is in the ledger of the key that you keep')
    expect(byOther).toContain('NOT signed')
    expect(forged).toContain('does NOT lie')
    expect([file.suggestedFilename(), failed]).toEqual(['evidence-checkout-prod.zip', null])
  })

  test('a revocation shows what it reaches, and does nothing until that is confirmed', async () => {
    const context = await newVisitor(browser)
    const page = await signedIn(context, app.admin)
    await go(page, 'Publishers')
    await go(page, 'ci_release')
    await tabTo(page, 'Reason')
    await page.keyboard.type('key lost')
    await go(page, 'Show what it would do')
    const reach = await page.locator('main').textContent()
    const { body: before } = await governance<{ revocations: unknown[] }>(app.admin, {
      path: '/revocations',
    })
    await go(page, 'Revoke it')
    const { body: after } = await governance<{ revocations: { reason: string }[] }>(app.admin, {
      path: '/revocations',
    })
    await context.close()

    expect(reach).toContain('checkout:prod')
    expect(before.revocations).toEqual([])
    expect(after.revocations).toMatchObject([{ reason: 'key lost' }])
  })
})

async function weights(): Promise<number[]> {
  return (await liveTable(app.admin))
    .filter(({ slot }) => slot === 'weighted')
    .map(({ weight }) => weight)
}
