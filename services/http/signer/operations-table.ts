/** `[operation, method, path template]` of AWS Signer's API, as its model has them. */
export type SignerOperationRow = readonly [
  name: string,
  method: 'GET' | 'POST' | 'PUT' | 'DELETE',
  path: string,
]

// prettier-ignore
export const SIGNER_OPERATIONS: readonly SignerOperationRow[] = [
  ['PutSigningProfile', 'PUT', '/signing-profiles/{profileName}'],
  ['GetSigningProfile', 'GET', '/signing-profiles/{profileName}'],
  ['ListSigningProfiles', 'GET', '/signing-profiles'],
  ['CancelSigningProfile', 'DELETE', '/signing-profiles/{profileName}'],
  ['RevokeSigningProfile', 'PUT', '/signing-profiles/{profileName}/revoke'],
  ['AddProfilePermission', 'POST', '/signing-profiles/{profileName}/permissions'],
  ['ListProfilePermissions', 'GET', '/signing-profiles/{profileName}/permissions'],
  ['RemoveProfilePermission', 'DELETE', '/signing-profiles/{profileName}/permissions/{statementId}'],
  ['GetSigningPlatform', 'GET', '/signing-platforms/{platformId}'],
  ['ListSigningPlatforms', 'GET', '/signing-platforms'],
  // Before the job of that id: no job is called so.
  ['SignPayload', 'POST', '/signing-jobs/with-payload'],
  ['StartSigningJob', 'POST', '/signing-jobs'],
  ['ListSigningJobs', 'GET', '/signing-jobs'],
  ['DescribeSigningJob', 'GET', '/signing-jobs/{jobId}'],
  ['RevokeSignature', 'PUT', '/signing-jobs/{jobId}/revoke'],
  ['GetRevocationStatus', 'GET', '/revocations'],
  ['ListTagsForResource', 'GET', '/tags/{resourceArn}'],
  ['TagResource', 'POST', '/tags/{resourceArn}'],
  ['UntagResource', 'DELETE', '/tags/{resourceArn}'],
]

export interface SignerRoute {
  readonly operation: string
  readonly changing: boolean
  /** Labels of the path, percent-decoded once. */
  readonly path: Readonly<Record<string, string>>
}

/** Whether a path is Signer's: Lambda's own all begin with the date of their version. */
export function isSignerPath(url: string): boolean {
  return /^\/(?:signing-(?:profiles|jobs|platforms)|revocations|tags)(?:[/?]|$)/.test(url)
}

/** The operation that method and raw path name; empty and dot segments match nothing, as what was signed is routed. */
export function resolveSignerRoute(method: string, path: string): SignerRoute | undefined {
  const segments = (path.endsWith('/') ? path.slice(1, -1) : path.slice(1)).split('/')
  for (const [operation, wanted, template] of SIGNER_OPERATIONS) {
    if (wanted !== method) continue
    const labels = matchTemplate(template.slice(1).split('/'), segments)
    if (labels !== undefined) return { operation, changing: method !== 'GET', path: labels }
  }
  return undefined
}

function matchTemplate(
  template: readonly string[],
  segments: readonly string[],
): Record<string, string> | undefined {
  if (template.length !== segments.length) return undefined
  const labels: Record<string, string> = {}
  for (const [at, expected] of template.entries()) {
    const segment = segments[at] ?? ''
    if (!expected.startsWith('{')) {
      if (segment !== expected) return undefined
      continue
    }
    const value = decodeLabel(segment)
    if (value === undefined) return undefined
    labels[expected.slice(1, -1)] = value
  }
  return labels
}

function decodeLabel(segment: string): string | undefined {
  if (segment === '' || segment === '.' || segment === '..') return undefined
  try {
    return decodeURIComponent(segment)
  } catch {
    return undefined
  }
}
