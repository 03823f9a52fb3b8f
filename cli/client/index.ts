/**
 * The client of a running service: finds it, signs (SigV4) and sends. It knows no operation by name, and nothing of
 * what the service does.
 */
/** Sends signed requests; throws PlatformError with the service's own code, UNAVAILABLE where nothing answers. */
export { openClient, type Client, type ClientCall, type ClientReply } from './client.ts'
/** Where the service is and what to sign with, from `--data`, `--endpoint` and the environment; throws CONFIGURATION. */
export { readConnection, type Connection, type ConnectionSource } from './connection.ts'
