/** Where people begin who wanted to go nowhere else. */
export const HOME_PATH = '/console/live'

const LIMIT_CHARS = 1_024
/** Of pages, with their query; neither what signs in or out, nor what is no page. */
const PAGE = /^\/console\/(?!sign-|static\/|api\/)[a-z][\w.~%:@!$'()*+,;=/?&-]*$/

/**
 * A page of the console to go to after signing in, from a text that anybody may have made up: a local path and nothing else,
 * so that nobody is led elsewhere by a link that begins here. What is none leads to the first page.
 */
export function returnPath(text: string | undefined): string {
  if (text === undefined || text.length > LIMIT_CHARS || !PAGE.test(text)) return HOME_PATH
  const url = new URL(text, 'http://console.invalid')
  // `..`, however it is written, would have been taken out.
  const same = url.origin === 'http://console.invalid' && url.pathname + url.search === text
  return same && !text.includes('//') ? text : HOME_PATH
}
