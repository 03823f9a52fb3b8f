/**
 * A witness of transparency logs (C2SP tlog-witness): it remembers the last checkpoint of each log it knows, and signs
 * only what extends it. It must not know whose logs they are, nor what is in them.
 */
/** Judges one add-checkpoint request, and says what it answers. */
export { Witness, type WitnessMemory, type WitnessOptions } from './witness.ts'
/** Its HTTP side, not listening yet. */
export { createWitnessServer, type WitnessLog } from './server.ts'
