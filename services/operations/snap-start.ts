import type { FunctionConfigurationDocument } from '../catalog/index.ts'
import { PlatformError } from '../model/index.ts'

/** Java from 11 on, Python from 3.12, .NET from 8 (SPEC A16). */
const SUPPORTED = /^(?:java(?:1[17]|2[15])(?:\.al2023)?|python3\.1[2-9]|dotnet(?:8|10))$/

/** Looked at once runtime and setting stand together. @throws PlatformError INVALID_PARAMETER in AWS's sentence */
export function checkSnapStart({ Runtime, SnapStart }: FunctionConfigurationDocument): void {
  if (SnapStart.ApplyOn !== 'PublishedVersions' || SUPPORTED.test(Runtime)) return
  throw new PlatformError(
    'INVALID_PARAMETER',
    `${Runtime} is not supported for SnapStart enabled functions.`,
  )
}
