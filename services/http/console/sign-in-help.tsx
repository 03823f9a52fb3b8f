import type { Assets } from './assets.ts'
import { Document } from './layout.tsx'
import { urlOf } from './page.ts'
import { Notice, Text } from './parts.tsx'
import { type Html, h } from './markup.ts'

/** How people get in. */
export interface Doorway {
  readonly assets: Assets
  /** The identity provider by which they sign in, and where that begins; absent where none is configured. */
  readonly provider:
    { readonly name: string; readonly path: string; readonly signOutPath: string } | undefined
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

/** Where somebody has signed out here, and not at the provider that signed him in. */
export function SignedOut({ doorway }: { readonly doorway: Doorway }): Html {
  const { provider } = doorway
  return (
    <Document assets={doorway.assets} title="Signed out">
      <Notice tone="good">
        <p>You are signed out of this console.</p>
      </Notice>
      {provider && (
        <div>
          <p>
            <Text>{provider.name}</Text> may still know you, and then signs you in again without
            asking.
          </p>
          <p>
            <a class="button" href={provider.signOutPath}>
              {'Sign out of '}
              <Text>{provider.name}</Text>
            </a>
          </p>
        </div>
      )}
      <ProviderLink doorway={doorway} />
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
