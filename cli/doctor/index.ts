/**
 * What `lacre doctor` looks at from here: versions, disk, keys, and a service's clock and TLS. Isolation is probed by the
 * service's own code (`commands/doctor-offline.ts`).
 */
export type { Check } from './check.ts'
/** Versions of what is needed, the disk and the secrets of a data directory. */
export { checkDisk, checkKeys, checkVersions } from './machine.ts'
/** What a service says of itself; throws what it refuses with. */
export { askService, checkClock, type ServiceState } from './service.ts'
