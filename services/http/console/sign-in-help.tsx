import type { Assets } from './assets.ts'
import { Document } from './layout.tsx'
import { urlOf } from './page.ts'
import { Notice, Text } from './parts.tsx'
import { type Html, h } from './markup.ts'

/** How people get in. */
export interface Doorway {
  readonly assets: Assets
  /** The identity provider by which they sign in, and where that begins; absent where none is configured. */
  readonly provider: { readonly name: string; readonly path: string } | undefined
}

interface HelpProps {
  readonly doorway: Doorway
  /** The page that they wanted. */
  readonly to?: string | undefined
}

/** Where nobody is signed in. */
export function SignInHelp({ doorway, to }: HelpProps): Html {
  return (
    <Document assets={doorway.assets} title="Sign in">
      <Notice tone="open">
        <p>Nobody is signed in here, or the session is over.</p>
      </Notice>
      <ProviderLink doorway={doorway} to={to} />
      <OtherWays />
    </Document>
  )
}

/** To the identity provider, where there is one. */
export function ProviderLink({
  doorway: { provider },
  to,
  again = false,
}: HelpProps & { readonly again?: boolean }): Html | null {
  if (provider === undefined) return null
  return (
    <p>
      <a class="button" href={urlOf(provider.path, { to })}>
        {again ? 'Try again with ' : 'Sign in with '}
        <Text>{provider.name}</Text>
      </a>
    </p>
  )
}

/** By a link, which asks nobody else. */
export function OtherWays(): Html {
  return (
    <div>
      <p>On the machine of the service, or with an access key of your own, ask for a link:</p>
      <pre tabindex={0}>
        <code>lacre console login --data DIR</code>
      </pre>
      <p>It signs you in once, within a minute.</p>
    </div>
  )
}
