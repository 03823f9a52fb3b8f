import { lockDataDirectory } from '../../services/store/index.ts'

// A process of its own that holds a data directory until it is killed.
await lockDataDirectory(process.argv[2] ?? '')
process.stdout.write('held\n')
setInterval(() => undefined, 1_000)
