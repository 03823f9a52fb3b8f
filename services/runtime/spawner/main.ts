import { Socket } from 'node:net'

import { closeStrays } from './descriptors.ts'
import { serveSpawner } from './server.ts'

const CONTROL = 3

/**
 * The spawner: a process of its own, small, because starting a child blocks a large one (41 ms at 1 GB). It is told what
 * to do over descriptor 3 and dies when that closes, and every sandbox with it.
 */
process.title = 'lacre-spawner'
// A terminal's ^C reaches the whole session; the service decides, and this process follows it.
process.on('SIGINT', () => undefined)
closeStrays(CONTROL)
serveSpawner(new Socket({ fd: CONTROL, readable: true, writable: true }))
