import type { Assets } from './assets.ts'
import { Document } from './layout.tsx'
import { Notice } from './parts.tsx'
import { type Html, h } from './markup.ts'

/** Where nobody is signed in. */
export function SignInHelp({ assets }: { readonly assets: Assets }): Html {
  return (
    <Document assets={assets} title="Sign in">
      <Notice tone="open">
        <p>Nobody is signed in here, or the session is over.</p>
      </Notice>
      <p>On the machine of the service, or with an access key of your own, ask for a link:</p>
      <pre tabindex={0}>
        <code>lacre console login --data DIR</code>
      </pre>
      <p>It signs you in once, within a minute.</p>
    </Document>
  )
}
