// Runs in a sandbox's network namespace, outside everything else of it: makes the listeners of the given ports there, hands
// them to the spawner over IPC, in their order, and ends. The namespace may still be without its loopback address for a moment.
import { createServer } from 'node:net'

const RETRY_MS = 2

const listen = (port) =>
  new Promise((resolve) => {
    const server = createServer({ pauseOnConnect: true })
    const attempt = () => server.listen(port, '127.0.0.1', 511)
    server.on('error', () => setTimeout(attempt, RETRY_MS))
    server.on('listening', () => process.send(port, server, resolve))
    attempt()
  })

for (const port of process.argv.slice(2)) await listen(Number(port))
process.exit(0)
