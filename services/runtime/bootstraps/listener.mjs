// Runs in a sandbox's network namespace, outside everything else of it: makes the Runtime API's listener there, hands it
// to the spawner over IPC and ends. The namespace may still be without its loopback address for a moment.
import { createServer } from 'node:net'

const PORT = 9001
const RETRY_MS = 2
const server = createServer({ pauseOnConnect: true })
const listen = () => server.listen(PORT, '127.0.0.1', 511)
server.on('error', () => setTimeout(listen, RETRY_MS))
server.on('listening', () => process.send('listening', server, () => process.exit(0)))
listen()
