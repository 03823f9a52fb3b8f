import { expect, test } from 'vitest'

import { crc32c } from '../../../cli/signing/kms/crc32c.ts'
import {
  awsAccess,
  azureAccess,
  gcpAccess,
  toEndpoint,
  vaultAccess,
} from '../../../cli/signing/key-environment.ts'
import { parseKeyReference } from '../../../cli/signing/key-reference.ts'
import { parsePkcs11Uri } from '../../../cli/signing/pkcs11/uri.ts'

const uuid = '1234abcd-12ab-34cd-56ef-1234567890ab'
const version = 'projects/p/locations/eu/keyRings/r/cryptoKeys/k/cryptoKeyVersions/7'

test.each([
  ['key.pem', { kind: 'file', path: 'key.pem' }],
  ['./awskms/key.pem', { kind: 'file', path: './awskms/key.pem' }],
  ['C:/keys/key.pem', { kind: 'file', path: 'C:/keys/key.pem' }],
  ['env://SIGNING_KEY', { kind: 'env', variable: 'SIGNING_KEY' }],
  [`awskms:///${uuid}`, { kind: 'aws', host: undefined, keyId: uuid }],
  ['awskms:///alias/release/a', { kind: 'aws', host: undefined, keyId: 'alias/release/a' }],
  [
    `awskms://kms.example:4566/arn:aws:kms:eu-west-1:111122223333:key/mrk-${uuid.replaceAll('-', '')}`,
    {
      kind: 'aws',
      host: 'kms.example:4566',
      keyId: `arn:aws:kms:eu-west-1:111122223333:key/mrk-${uuid.replaceAll('-', '')}`,
    },
  ],
  [`gcpkms://${version}`, { kind: 'gcp', version }],
  [`gcpkms://${version.replace('cryptoKeyVersions', 'versions')}`, { kind: 'gcp', version }],
  [
    'azurekms://v.vault.azure.net/k',
    { kind: 'azure', vault: 'v.vault.azure.net', key: 'k', version: undefined },
  ],
  [
    `azurekms://v/k/${'0f'.repeat(16)}`,
    { kind: 'azure', vault: 'v', key: 'k', version: '0f'.repeat(16) },
  ],
  ['hashivault://release', { kind: 'vault', key: 'release' }],
])('reads the key reference %s', (text, reference) => {
  expect(parseKeyReference(text)).toEqual(reference)
})

test.each([
  'k8s://namespace/key',
  'awskm:///alias/release',
  'AWSKMS:///alias/release',
  'file:///key.pem',
  'awskms://alias/release',
  'awskms:///',
  'awskms:///alias/a?x=y',
  'awskms://user@host/alias/a',
  'gcpkms://projects/p/locations/eu/keyRings/r/cryptoKeys/k',
  'gcpkms://projects/p/locations/eu/keyRings/r/cryptoKeys/../cryptoKeyVersions/1',
  'azurekms://v/k/latest',
  'azurekms://v/../secrets/s',
  'hashivault://a/b',
  'hashivault://',
  'env://A-B',
])('takes the reference %s for no file and for no other key', (text) => {
  expect(() => parseKeyReference(text)).toThrow(
    expect.objectContaining({ code: 'INVALID_PARAMETER' }),
  )
})

test('reads every attribute of a PKCS#11 URI, percent-encoded', () => {
  const uri =
    'pkcs11:token=My%20token;manufacturer=M;model=X;serial=0a1;slot-id=17;object=a%3Bb;id=%00%ff;type=private?module-path=/m.so&pin-source=file:/etc/pin'

  expect(parsePkcs11Uri(uri)).toEqual({
    token: 'My token',
    manufacturer: 'M',
    model: 'X',
    serial: '0a1',
    slotId: 17,
    object: 'a;b',
    id: Buffer.from([0, 255]),
    modulePath: '/m.so',
    pin: undefined,
    pinFile: '/etc/pin',
  })
})

test.each([
  ['no key', 'pkcs11:token=t'],
  ['an attribute twice', 'pkcs11:object=a;object=b'],
  ['an attribute of its own', 'pkcs11:object=a;x-vendor=1'],
  ['a query attribute in the path', 'pkcs11:object=a;pin-value=1234'],
  ['a path attribute in the query', 'pkcs11:object=a?token=t'],
  ['a program for the PIN', 'pkcs11:object=a?pin-source=%7Ccat%20/etc/pin'],
  ['two sources of the PIN', 'pkcs11:object=a?pin-value=1&pin-source=/p'],
  ['a slot that is no number', 'pkcs11:object=a;slot-id=1x'],
  ['a broken escape', 'pkcs11:object=%zz'],
  ['a name that is not UTF-8', 'pkcs11:object=%ff'],
  ['two question marks', 'pkcs11:object=a?pin-value=1?x=1'],
  ['a public key', 'pkcs11:object=a;type=public'],
  ['more than it may', `pkcs11:object=${'a'.repeat(5_000)}`],
])('refuses a PKCS#11 URI with %s, and repeats no value', (_title, uri) => {
  expect(() => parsePkcs11Uri(uri)).toThrow(expect.objectContaining({ code: 'INVALID_PARAMETER' }))
  expect(() => parsePkcs11Uri(uri)).not.toThrow(/1234|\/etc\/pin/)
})

test.each([
  'http://kms.example',
  'ftp://127.0.0.1',
  'https://user:pass@kms.example',
  'https://kms.example/?x=1',
  'http://127.0.0.1.example',
  'http://localhost.example',
  'kms.example',
  '',
])('sends no credentials to %s', (text) => {
  expect(() => toEndpoint(text, 'VAULT_ADDR')).toThrow(
    expect.objectContaining({ code: 'CONFIGURATION' }),
  )
})

test.each(['https://kms.example', 'http://127.0.0.1:8200', 'http://[::1]:1', 'http://localhost:1'])(
  'takes %s for an endpoint',
  (text) => {
    expect(toEndpoint(text, 'VAULT_ADDR').href).toBe(new URL(text).href)
  },
)

const aws = { AWS_ACCESS_KEY_ID: 'AKIA', AWS_SECRET_ACCESS_KEY: 's', AWS_REGION: 'eu-west-1' }
const azure = { AZURE_TENANT_ID: 't', AZURE_CLIENT_ID: 'c', AZURE_CLIENT_SECRET: 's' }

test('asks the region that an ARN names, at AWS unless told otherwise, and never Lacre', () => {
  const arn = `arn:aws-cn:kms:cn-north-1:111122223333:key/${uuid}`
  const environment = { ...aws, AWS_ENDPOINT_URL: 'http://127.0.0.1:8080' }

  expect(awsAccess(environment, uuid, undefined).endpoint.href).toBe(
    'https://kms.eu-west-1.amazonaws.com/',
  )
  expect(awsAccess(environment, arn, undefined)).toMatchObject({ region: 'cn-north-1' })
  expect(awsAccess(environment, arn, undefined).endpoint.host).toBe(
    'kms.cn-north-1.amazonaws.com.cn',
  )
})

test.each([
  ['vault', 'vault.vault.azure.net', 'https://vault.azure.net/.default'],
  ['HSM.managedhsm.azure.net', 'hsm.managedhsm.azure.net', 'https://managedhsm.azure.net/.default'],
  ['v.vault.azure.cn', 'v.vault.azure.cn', 'https://vault.azure.cn/.default'],
])('finds the Azure vault %s and the scope of its cloud', (vault, host, scope) => {
  const access = azureAccess(azure, vault)

  expect([access.endpoint.host, access.scope]).toEqual([host, scope])
})

test.each(['vault.azure.net.example', 'evilvault.azure.net', '127.0.0.1'])(
  "sends no token of Azure's to %s",
  (vault) => {
    expect(() => azureAccess(azure, vault)).toThrow('is no host of Azure Key Vault')
  },
)

test.each([
  [
    'AWS_SECRET_ACCESS_KEY',
    () => awsAccess({ ...aws, AWS_SECRET_ACCESS_KEY: '' }, uuid, undefined),
  ],
  [
    'AWS_ACCESS_KEY_ID',
    () => awsAccess({ ...aws, AWS_ACCESS_KEY_ID: 'a\r\nx: y' }, uuid, undefined),
  ],
  ['AWS_REGION', () => awsAccess({ ...aws, AWS_REGION: 'a.evil/' }, uuid, undefined)],
  ['AZURE_CLIENT_SECRET', () => azureAccess({ ...azure, AZURE_CLIENT_SECRET: undefined }, 'v')],
  ['AZURE_TENANT_ID', () => azureAccess({ ...azure, AZURE_TENANT_ID: '../x' }, 'v')],
  ['GOOGLE_APPLICATION_CREDENTIALS', () => gcpAccess({})],
  ['VAULT_ADDR', () => vaultAccess({ VAULT_TOKEN: 't' })],
  ['VAULT_TOKEN', () => vaultAccess({ VAULT_ADDR: 'https://v', VAULT_TOKEN: 'a\nb' })],
  [
    'TRANSIT_SECRET_ENGINE_PATH',
    () =>
      vaultAccess({
        VAULT_ADDR: 'https://v',
        VAULT_TOKEN: 't',
        TRANSIT_SECRET_ENGINE_PATH: '../sys',
      }),
  ],
])('names %s where it is missing or unusable, and not its value', (name, read) => {
  expect(read).toThrow(expect.objectContaining({ code: 'CONFIGURATION' }))
  expect(read).toThrow(name)
})

test('computes the check value of CRC-32C', () => {
  expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283)
  expect(crc32c(Buffer.alloc(32))).toBe(0x8a9136aa)
})
