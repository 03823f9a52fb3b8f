/** What may be shipped with us or inside our own files: licences that ask for no more than their notice (SPDX). */
const ACCEPTED = new Set([
  'MIT',
  'ISC',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'Apache-2.0',
  'BlueOak-1.0.0',
])

/**
 * Whether one of the licences to choose from is accepted: `MIT`, `(BSD-3-Clause OR GPL-2.0)`.
 * What joins licences otherwise (AND, WITH) is for a person to read, and is not accepted.
 */
export const isAcceptedLicence = (/** @type {unknown} */ expression) =>
  typeof expression === 'string' &&
  expression
    .replace(/^\((.*)\)$/, '$1')
    .split(' OR ')
    .some((licence) => ACCEPTED.has(licence))
