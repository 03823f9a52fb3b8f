import { PlatformError } from '../../services/model/index.ts'

/** Where a key is: what `--key` names. */
export type KeyReference =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'env'; readonly variable: string }
  | { readonly kind: 'pkcs11'; readonly uri: string }
  | { readonly kind: 'aws'; readonly host: string | undefined; readonly keyId: string }
  | { readonly kind: 'gcp'; readonly version: string }
  | {
      readonly kind: 'azure'
      readonly vault: string
      readonly key: string
      readonly version: string | undefined
    }
  | { readonly kind: 'vault'; readonly key: string }

/**
 * A file, or a URI as cosign writes it. A scheme that is not known is no file name: a typing error in one must not make
 * another key sign.
 * @throws PlatformError INVALID_PARAMETER
 */
export function parseKeyReference(text: string): KeyReference {
  if (/^pkcs11:/i.test(text)) return { kind: 'pkcs11', uri: text }
  const [, scheme, rest = ''] = /^([a-z][a-z0-9+.-]*):\/\/(.*)$/is.exec(text) ?? []
  if (scheme === undefined) return { kind: 'file', path: text }
  switch (scheme) {
    case 'env':
      return { kind: 'env', variable: match(/^([A-Za-z_]\w{0,127})$/, rest, 'env://VARIABLE')[0] }
    case 'awskms':
      return parseAws(rest)
    case 'gcpkms':
      return parseGcp(rest)
    case 'azurekms':
      return parseAzure(rest)
    case 'hashivault':
      return { kind: 'vault', key: match(/^([\w.-]{1,128})$/, rest, 'hashivault://KEY')[0] }
    default:
      throw refuse(
        `keys of the kind \`${scheme.slice(0, 40)}://\` are not known: give a file, env://, pkcs11:, awskms://, gcpkms://, azurekms:// or hashivault://`,
      )
  }
}

function parseAws(rest: string): KeyReference {
  const form = 'awskms:///KEY_ID, awskms:///alias/NAME, awskms:///ARN or awskms://HOST/…'
  const [host, keyId] = match(
    /^([A-Za-z0-9.:-]{0,255})\/((?:arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:)?(?:(?:key\/)?(?:mrk-)?[0-9a-f-]{32,36}|alias\/[\w/-]{1,250}))$/,
    rest,
    form,
  )
  return { kind: 'aws', host: host === '' ? undefined : host, keyId: keyId ?? '' }
}

function parseGcp(rest: string): KeyReference {
  const [path, number] = match(
    /^(projects\/[\w.:-]+\/locations\/[\w-]+\/keyRings\/[\w-]+\/cryptoKeys\/[\w-]+)\/(?:cryptoKeyVersions|versions)\/(\d{1,10})$/,
    rest,
    'gcpkms://projects/P/locations/L/keyRings/R/cryptoKeys/K/cryptoKeyVersions/N',
  )
  return { kind: 'gcp', version: `${path}/cryptoKeyVersions/${number ?? ''}` }
}

function parseAzure(rest: string): KeyReference {
  const [vault, key = '', version] = match(
    /^([A-Za-z0-9.-]{1,255})\/([A-Za-z0-9-]{1,127})(?:\/([0-9a-f]{32}))?$/,
    rest,
    'azurekms://VAULT/KEY or azurekms://VAULT/KEY/VERSION',
  )
  return { kind: 'azure', vault, key, version }
}

function match(pattern: RegExp, text: string, form: string): [string, ...string[]] {
  const found = pattern.exec(text)
  if (found === null) throw refuse(`the key reference is not of the form ${form}`)
  const [first = '', ...more] = found.slice(1)
  return [first, ...more]
}

/** How messages call a key: never with what a URI may hold of a PIN. */
export function nameOfReference(reference: KeyReference): string {
  switch (reference.kind) {
    case 'file':
      return `\`${reference.path}\``
    case 'env':
      return `\`${reference.variable}\``
    case 'pkcs11':
      return 'the PKCS#11 token'
    case 'aws':
      return 'AWS KMS'
    case 'gcp':
      return 'Google Cloud KMS'
    case 'azure':
      return 'Azure Key Vault'
    case 'vault':
      return 'HashiCorp Vault'
  }
}

function refuse(message: string): PlatformError {
  return new PlatformError('INVALID_PARAMETER', message)
}
