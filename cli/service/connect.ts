import type { Command } from 'commander'

import { systemClock } from '../../services/model/index.ts'
import { openClient, readConnection } from '../client/index.ts'
import type { Environment } from '../command.ts'
import { Service } from './service.ts'

/** The options by which a command finds the service. */
export interface ConnectionOptions {
  readonly data?: string
  readonly endpoint?: string
}

/** Adds them to a command. */
export function withConnection(command: Command): Command {
  return command
    .option('--data <dir>', "the service's data directory: endpoint and key are read there")
    .option('--endpoint <url>', 'the service; AWS_ENDPOINT_URL and AWS_* keys where not given')
}

/** @throws PlatformError CONFIGURATION */
export function connect(options: ConnectionOptions, environment: Environment): Service {
  return new Service(openClient(readConnection(options, environment), systemClock))
}
