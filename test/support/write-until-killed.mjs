import { openState, writeSetting } from './state.ts'

// A process of its own that writes, and says what was acknowledged, until it is killed.
const state = await openState(process.argv[2] ?? '')
for (let count = 0; ; count += 1) {
  const name = `s${count % 50}`
  const index = await writeSetting(state, name, `value ${count}`)
  process.stdout.write(`${index} ${name} ${count}\n`)
  if (count % 7 === 0) await state.audit.checkpoint()
}
