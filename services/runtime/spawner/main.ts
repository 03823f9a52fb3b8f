import { Socket } from 'node:net'

import { serveSpawner } from './server.ts'

/**
 * The spawner: a process of its own, small, because starting a child blocks a large one (41 ms at 1 GB). It is told what
 * to do over descriptor 3 and dies when that closes, and every sandbox with it.
 */
process.title = 'lacre-spawner'
// A terminal's ^C reaches the whole session; the service decides, and this process follows it.
process.on('SIGINT', () => undefined)
serveSpawner(new Socket({ fd: 3, readable: true, writable: true }))
