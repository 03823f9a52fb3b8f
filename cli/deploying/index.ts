/**
 * From a zip to a live version: upload, configuration, code, version, alias, each settled before the next. It judges
 * nothing: the service's gate does.
 */
/** Has a managed publisher seal a zip. */
export { configurePublisherSign } from './publisher-sign.ts'
/** Deploys and answers what became live; throws what the service refuses, INVALID_PARAMETER for options that do not fit. */
export { deploy, newFunction, type Deployed, type DeployOptions } from './deploy.ts'
/** Bytes to the service, by their digest. */
export { uploadZip } from './upload.ts'
/** Attaches an attestation, and fetches the service's own; throw what the service answers. */
export { attachBundle, saveSummary } from './attach.ts'
