import type { Principal } from '../../model/index.ts'
import type { Assets } from './assets.ts'
import type { Elsewhere, PageScript } from './page.ts'
import { Hidden, Text } from './parts.tsx'
import { type Child, type Html, h } from './markup.ts'

const PLACES = [
  ['live', 'Live'],
  ['decisions', 'Decisions'],
  ['approvals', 'Approvals'],
  ['break-glass', 'Break-glass'],
  ['publishers', 'Publishers'],
  ['policies', 'Policies'],
  ['ledger', 'Ledger'],
  ['evidence', 'Evidence'],
  ['runtime', 'Runtime'],
  ['logs', 'Logs'],
] as const

interface DocumentProps {
  readonly assets: Assets
  readonly title: string
  readonly children: Child
  /** Absent where nobody is signed in. */
  readonly who?: { readonly principal: Principal; readonly csrf: string } | undefined
  /** The path of the request. */
  readonly path?: string
  readonly elsewhere?: Elsewhere
  readonly scripts?: readonly PageScript[]
}

/** A whole document. */
export function Document(props: DocumentProps): Html {
  const { assets, title, children, who, path = '', elsewhere, scripts = [] } = props
  return (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>{`${title} · Lacre`}</title>
        <link rel="icon" href={assets.url('icon.svg')} />
        <link rel="stylesheet" href={assets.url('console.css')} />
        {['copy.js' as const, ...scripts].map((name) => (
          <script type="module" src={assets.url(name)} />
        ))}
      </head>
      <body>
        <a class="skip" href="#content">
          Skip to content
        </a>
        <header class="top">
          <p class="brand">
            <a href="/console/live">Lacre</a>
          </p>
          {who && <Places path={path} />}
          {who && (
            <form class="who" method="post" action="/console/sign-out">
              <Hidden csrf={who.csrf} />
              <span>
                Signed in as <Text>{who.principal.name}</Text>
              </span>
              <button type="submit">Sign out</button>
            </form>
          )}
        </header>
        <main id="content" tabindex={-1}>
          <h1>{title}</h1>
          {children}
        </main>
        {elsewhere && <Elsewhere elsewhere={elsewhere} />}
      </body>
    </html>
  )
}

function Places({ path }: { readonly path: string }): Html {
  return (
    <nav aria-label="Console">
      <ul>
        {PLACES.map(([name, label]) => {
          const here = path === `/console/${name}` || path.startsWith(`/console/${name}/`)
          return (
            <li>
              <a href={`/console/${name}`} aria-current={here ? 'page' : undefined}>
                {label}
              </a>
            </li>
          )
        })}
      </ul>
    </nav>
  )
}

/** The same as JSON, and as a command. */
function Elsewhere({ elsewhere: { api, cli } }: { readonly elsewhere: Elsewhere }): Html {
  return (
    <footer class="elsewhere">
      <h2>The same elsewhere</h2>
      <p class="command">
        <code id="cli">{cli}</code>
        <button type="button" hidden data-copies="cli">
          Copy command
        </button>
      </p>
      {api !== undefined && (
        <p>
          As JSON: <a href={`/console/api/v1${api}`}>{`GET /api/v1${api}`}</a>
        </p>
      )}
    </footer>
  )
}
