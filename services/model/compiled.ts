/**
 * Where something lies in the package, for a module of it: `…/cli/x.ts` from its source, `…/dist/cli/x.js` from the build, both
 * below one root.
 */
export function packageUrl(importMetaUrl: string, path: string): URL {
  const at = Math.max(importMetaUrl.lastIndexOf('/services/'), importMetaUrl.lastIndexOf('/cli/'))
  const root = importMetaUrl.slice(0, at)
  const isSource = importMetaUrl.endsWith('.ts')
  return new URL(`${isSource ? root : root.slice(0, root.lastIndexOf('/'))}/${path}`)
}

/**
 * Where a worker's or child's compiled file lies. Node 20 cannot load TypeScript, so that a module run from
 * its source (by a test runner) starts its workers from the build: `…/services/x/y.ts` → `…/dist/services/x/y.js`.
 */
export function compiledUrl(importMetaUrl: string, relativePath: string): URL {
  const url = new URL(relativePath, importMetaUrl)
  if (!importMetaUrl.endsWith('.ts')) return url
  const at = url.href.lastIndexOf('/services/')
  return new URL(`${url.href.slice(0, at)}/dist${url.href.slice(at)}`)
}
