// Adds lines to a log as they come; without script there is no button, and the page shows what comes by "Newer".
const LINES_LIMIT = 2000
/** How far from the end somebody still counts as reading there, pixels. */
const NEAR_END = 40

const button = document.getElementById('follow')
const state = document.getElementById('follow-state')
const log = document.getElementById('log')
let source
let count = 0

function say(text) {
  state.textContent = text
}

function part(name, text) {
  const element = document.createElement('span')
  element.className = name
  element.textContent = text
  return element
}

function lineOf({ time, version, requestId, text }) {
  const line = document.createElement('li')
  const when = document.createElement('time')
  when.textContent = time
  when.dateTime = `${time.replace(' ', 'T')}Z`
  line.append(when, ' ', part('version', version), ' ')
  if (requestId !== '') {
    const link = document.createElement('a')
    link.href = log.dataset.request + encodeURIComponent(requestId)
    link.textContent = requestId.slice(0, 8)
    link.setAttribute('aria-label', `invocation ${requestId}`)
    line.append(link, ' ')
  }
  const words = document.createElement('bdi')
  words.textContent = text
  line.append(words)
  return line
}

function add(lines) {
  const list = log.querySelector('ol')
  const isAtEnd = log.scrollHeight - log.scrollTop - log.clientHeight < NEAR_END
  list.append(...lines.map(lineOf))
  while (list.childElementCount > LINES_LIMIT) list.firstElementChild.remove()
  if (isAtEnd) log.scrollTop = log.scrollHeight
  count += lines.length
  say(`Following: ${count} new`)
}

function stop(why) {
  source?.close()
  source = undefined
  button.textContent = 'Follow'
  say(why)
}

function start() {
  const url = new URL(button.dataset.url, location.href)
  if (button.dataset.after) url.searchParams.set('after', button.dataset.after)
  source = new EventSource(url)
  button.textContent = 'Stop following'
  say('Following')
  source.addEventListener('lines', (event) => {
    button.dataset.after = event.lastEventId
    add(JSON.parse(event.data))
  })
  source.addEventListener('end', (event) =>
    stop(`Not followed any more: ${JSON.parse(event.data)}`),
  )
  source.addEventListener('error', () => {
    // A refusal closes it; a connection that broke is made again by the browser.
    if (source?.readyState === EventSource.CLOSED)
      stop('The service does not let this log be followed now: reload the page to see why')
    else say('The connection broke: trying again')
  })
}

if (button !== null) {
  button.hidden = false
  log.scrollTop = log.scrollHeight
  button.addEventListener('click', () => {
    if (source === undefined) start()
    else stop('Stopped')
  })
}
