/**
 * All that goes out from the service: documents of URLs that an operator configured, fetched under RULES §11, and kept; what
 * they mean is for others to say. And the connections of functions to the hosts of their lists, by the same rule.
 */

/** Which addresses may be connected to; throws CONFIGURATION for a list that cannot be read. */
export { addressRules, type AddressRules } from './addresses.ts'
/** Where functions may be connected to, and the connections. */
export { Dialer, egressRules, type Dialed } from './egress.ts'
/** One document; throws UNAVAILABLE. */
export { fetchDocument, type FetchRequest } from './fetch.ts'
/** Hands a document over, or asks by one; throws UNAVAILABLE. */
export {
  askByPost,
  postDocument,
  postForAnswer,
  type PostAnswer,
  type PostHead,
  type PostRequest,
} from './post.ts'
/** The revocation lists that were fetched, the newest of each URL. */
export {
  putRevocationList,
  storedRevocationLists,
  type StoredRevocationList,
} from './revocation-lists.ts'
