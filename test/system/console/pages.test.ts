import { readdirSync } from 'node:fs'
import { join } from 'node:path'

import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { startTestApp, type TestApp } from '../../support/app.ts'
import {
  accessibilityFaults,
  browserPath,
  newLink,
  newVisitor,
  openBrowser,
  signedIn,
} from '../../support/browser.ts'
import { consolePages } from '../../support/console-pages.ts'
import { tellConsoleStory, type ConsoleStory } from '../../support/console-story.ts'
import { invoke } from '../../support/functions.ts'
import { projectRoot } from '../../support/service.ts'

let app: TestApp
let story: ConsoleStory
let browser: Browser

describe.skipIf(browserPath === undefined)(
  'every page of the console',
  { timeout: 240_000 },
  () => {
    beforeAll(async () => {
      app = await startTestApp()
      story = await tellConsoleStory(app)
      await invoke(app.client, story.functionName)
      browser = await openBrowser()
    }, 240_000)
    afterAll(async () => {
      await browser.close()
      await app[Symbol.asyncDispose]()
    })

    test.each([
      { theme: 'light', width: 1200 },
      { theme: 'dark', width: 1200 },
      { theme: 'light', width: 360 },
    ] as const)(
      'is without a fault for axe-core, runs no foreign text, and fits: $theme, $width px',
      async (look) => {
        const context = await newVisitor(browser, look)
        const page = await signedIn(context, app.admin)
        const complaints: string[] = []
        page.on('console', (message) => {
          if (message.type() === 'error') complaints.push(message.text())
        })
        const found: Record<string, unknown> = {}
        for (const [name, path] of consolePages(story)) {
          const response = await page.goto(`${app.url}/console${path}`)
          const overflow = await page.evaluate('document.documentElement.scrollWidth - innerWidth')
          const foreign = await page.evaluate(
            "document.querySelectorAll('img, svg:not(.chart svg), iframe, object').length",
          )
          found[name] = {
            status: response?.status(),
            hacked: (await page.title()).includes('hacked'),
            foreign,
            overflow: Math.max(0, Number(overflow)),
            faults: await accessibilityFaults(page),
          }
        }
        await context.close()

        const sound = { status: 200, hacked: false, foreign: 0, overflow: 0, faults: [] }
        expect(found).toEqual(
          Object.fromEntries(consolePages(story).map(([name]) => [name, sound])),
        )
        expect(complaints).toEqual([])
      },
    )

    test.each(['light', 'dark'] as const)(
      'so are those at the door, those of plans and those that refuse: %s',
      async (theme) => {
        const context = await newVisitor(browser, { theme, width: 360 })
        const page = await context.newPage()
        const faults: Record<string, string[]> = {}
        const look = async (name: string): Promise<void> => {
          const title = await page.title()
          faults[`${name}: ${title}`] = await accessibilityFaults(page)
        }
        await page.goto(`${app.url}/console/sign-in`)
        await look('nobody signed in')
        await page.goto(app.url + (await newLink(app.admin)))
        await look('a link')
        await page.getByRole('button', { name: /^Sign in as/ }).press('Enter')
        await page.goto(`${app.url}/console/functions/${story.functionName}`)
        await page.getByRole('button', { name: 'Show the plan' }).press('Enter')
        await page.waitForURL('**/plan-move')
        await look('a plan')
        await page.goto(`${app.url}/console/decisions/none`)
        await look('a refusal')
        await context.close()

        expect(faults).toEqual({
          'nobody signed in: Sign in · Lacre': [],
          'a link: Sign in · Lacre': [],
          'a plan: Plan: checkout:prod to version 2, 100 % · Lacre': [],
          'a refusal: Not done · Lacre': [],
        })
      },
    )

    test('has its picture in docs/images', () => {
      const pictures = new Set(readdirSync(join(projectRoot, 'docs/images')))
      const wanted = consolePages(story).map(([name]) => `console-${name}.png`)

      expect(wanted.filter((name) => !pictures.has(name))).toEqual([])
    })

    test('is where the foreign text is read as text, and where axe-core would find a fault', async () => {
      const context = await newVisitor(browser)
      const page = await signedIn(context, app.admin)
      const telling = [
        `/functions/${story.functionName}`,
        '/approvals',
        `/approvals/${story.approval}`,
        `/break-glass/${story.breakGlass}`,
        '/publishers/corporate',
        '/policies/admission',
        `/logs?function=${story.functionName}`,
      ]
      const told: Record<string, boolean> = {}
      for (const path of telling) {
        await page.goto(`${app.url}/console${path}`)
        const text = await page.locator('main').textContent()
        told[path] = text?.includes('<img src=x onerror') === true && !text.includes('\u202e')
      }
      await page.evaluate("document.querySelector('label').remove()")
      const faults = await accessibilityFaults(page)
      await context.close()

      expect(told).toEqual(Object.fromEntries(telling.map((path) => [path, true])))
      expect(faults).not.toEqual([])
    })
  },
)
