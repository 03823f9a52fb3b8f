// npm run screenshots: a picture of every page of the console into docs/images, small, in the light theme, and one page dark
// and on a phone. Wants Chromium, and a build for the service's workers.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { startTestApp } from './app.ts'
import { browserPath, newVisitor, openBrowser, signedIn, type Look } from './browser.ts'
import { consolePages } from './console-pages.ts'
import { tellConsoleStory } from './console-story.ts'
import { invoke } from './functions.ts'
import { smallPng } from './small-png.ts'

const folder = fileURLToPath(new URL('../../docs/images/', import.meta.url))
if (browserPath === undefined)
  throw new Error('there is no Chromium here: apt-get install chromium')
mkdirSync(folder, { recursive: true })
await using app = await startTestApp()
const story = await tellConsoleStory(app, 'Release 7 of the checkout')
await invoke(app.client, story.functionName)
await using browser = await openBrowser()
const pages = consolePages(story)

async function picture(names: readonly string[], look: Look, ending = ''): Promise<void> {
  const context = await newVisitor(browser, look)
  const page = await signedIn(context, app.admin)
  for (const [name, path] of pages.filter(([one]) => names.includes(one))) {
    await page.goto(`${app.url}/console${path}`)
    const picture = smallPng(await page.screenshot())
    writeFileSync(join(folder, `console-${name}${ending}.png`), picture)
  }
  await context.close()
}

await picture(
  pages.map(([name]) => name),
  { width: 760 },
)
await picture(['live', 'decision'], { width: 760, theme: 'dark' }, '-dark')
await picture(['live', 'approval'], { width: 360 }, '-phone')
