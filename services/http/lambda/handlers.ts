import type { Deps } from '../../operations/index.ts'
import { AWS_URL_BASE } from '../urls/address.ts'
import { accountHandlers } from './account.ts'
import { aliasHandlers } from './aliases.ts'
import { codeSigningHandlers } from './code-signing.ts'
import { concurrencyHandlers } from './concurrency.ts'
import { eventInvokeHandlers } from './event-invoke.ts'
import { eventSourceHandlers } from './event-sources.ts'
import { functionOptionHandlers } from './function-options.ts'
import { functionUrlHandlers } from './function-urls.ts'
import { functionHandlers } from './functions.ts'
import type { LambdaHandlers } from './handler.ts'
import { layerHandlers } from './layers.ts'
import { permissionHandlers } from './permissions.ts'
import { resourcePolicyHandlers } from './resource-policies.ts'
import { tagHandlers } from './tags.ts'
import { versionHandlers } from './versions.ts'

/**
 * Every operation that is built, by AWS's name; Invoke takes a path of its own. `urlBase` is what function URLs are named
 * by: AWS's own form where nothing listens for them.
 */
export function lambdaHandlers(deps: Deps, urlBase: string = AWS_URL_BASE): LambdaHandlers {
  return {
    ...functionHandlers(deps),
    ...versionHandlers(deps),
    ...aliasHandlers(deps),
    ...layerHandlers(deps),
    ...codeSigningHandlers(deps),
    ...concurrencyHandlers(deps),
    ...eventInvokeHandlers(deps),
    ...eventSourceHandlers(deps),
    ...functionOptionHandlers(deps),
    ...functionUrlHandlers(deps, urlBase),
    ...permissionHandlers(deps),
    ...resourcePolicyHandlers(deps),
    ...tagHandlers(deps),
    ...accountHandlers(deps),
  }
}
