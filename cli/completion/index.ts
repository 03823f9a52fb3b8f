/** Completion for shells, made from the declarations of the commands. */
/** The words of every command; loads all of them. */
export { commandWords } from './words.ts'
/** A script for one shell. */
export { SHELLS, completionScript, type Shell } from './scripts.ts'
