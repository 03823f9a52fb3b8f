import { closeSync, openSync, readSync } from 'node:fs'

import type { TreeItem } from './walk.ts'

/** Why a file should perhaps not be in a package. */
export interface SecretWarning {
  readonly path: string
  readonly reason: string
}

const HEAD_BYTES = 1_024

const nameRules: readonly { readonly pattern: RegExp; readonly reason: string }[] = [
  {
    pattern: /^\.env(?:\.(?!example$|sample$|template$|dist$).+)?$/,
    reason: 'environment file',
  },
  { pattern: /^id_(?:rsa|dsa|ecdsa|ed25519)(?:_sk)?$/, reason: 'SSH private key' },
  { pattern: /\.(?:p12|pfx|jks|keystore|kdbx)$/i, reason: 'key store' },
  {
    pattern: /^(?:\.npmrc|\.pypirc|\.netrc|\.git-credentials|\.dockercfg)$/,
    reason: 'credentials of a tool',
  },
  { pattern: /^(?:terraform\.tfstate(?:\.backup)?|.+\.tfvars)$/, reason: 'Terraform state' },
]

const pathRules: readonly { readonly pattern: RegExp; readonly reason: string }[] = [
  { pattern: /(?:^|\/)\.aws\/(?:credentials|config)$/, reason: 'AWS credentials' },
  { pattern: /(?:^|\/)\.docker\/config\.json$/, reason: 'credentials of a tool' },
  { pattern: /(?:^|\/)\.kube\/config$/, reason: 'credentials of a tool' },
]

/** Files that look like secrets, by name or by how they begin. A warning, no proof: whoever packs decides. */
export function findSecrets(items: readonly TreeItem[]): SecretWarning[] {
  const warnings: SecretWarning[] = []
  for (const item of items) {
    const reason = item.kind === 'file' ? reasonOf(item) : undefined
    if (reason !== undefined) warnings.push({ path: item.path, reason })
  }
  return warnings
}

function reasonOf(item: TreeItem): string | undefined {
  const name = item.path.slice(item.path.lastIndexOf('/') + 1)
  const byName = nameRules.find((rule) => rule.pattern.test(name))
  const byPath = pathRules.find((rule) => rule.pattern.test(item.path))
  return byName?.reason ?? byPath?.reason ?? reasonByContent(headOf(item.source))
}

function reasonByContent(head: string): string | undefined {
  if (/-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----/.test(head)) return 'private key'
  return /\baws_secret_access_key\s*=/i.test(head) ? 'AWS credentials' : undefined
}

function headOf(path: string): string {
  const head = Buffer.alloc(HEAD_BYTES)
  const descriptor = openSync(path, 'r')
  try {
    return head.toString('latin1', 0, readSync(descriptor, head, 0, HEAD_BYTES, 0))
  } finally {
    closeSync(descriptor)
  }
}
