import assert from 'node:assert/strict'

/**
 * JSX for pages that are only ever written out (`jsxFactory` in tsconfig.json). Text is escaped because of what it is: the
 * one value that is written as it stands is `Html`, and only `h` makes one. There is no way to put raw text in.
 */
export class Html {
  readonly #markup: string

  private constructor(markup: string) {
    this.#markup = markup
  }

  /** A whole document. */
  static document(root: Html): string {
    return `<!doctype html>\n${root.#markup}`
  }

  static element(tag: Tag, attributes: Attributes, children: readonly Child[]): Html {
    const head = `<${tag}${Object.entries(attributes).map(toAttribute).join('')}>`
    if (VOID_TAGS.has(tag)) return new Html(head)
    return new Html(`${head}${Html.#join(children)}</${tag}>`)
  }

  static fragment(children: readonly Child[]): Html {
    return new Html(Html.#join(children))
  }

  static #join(children: readonly Child[]): string {
    return children.map((child) => Html.#write(child)).join('')
  }

  static #write(child: Child): string {
    if (child === null || child === undefined || typeof child === 'boolean') return ''
    if (child instanceof Html) return child.#markup
    return typeof child === 'object' ? Html.#join(child) : escapeText(String(child))
  }
}

export type Child = Html | string | number | boolean | null | undefined | readonly Child[]

const TAGS = [
  'a', 'bdi', 'body', 'br', 'button', 'caption', 'code', 'dd', 'del', 'details', 'div', 'dl', 'dt', 'fieldset', 'footer', 'form',
  'h1', 'h2', 'h3', 'head', 'header', 'html', 'input', 'ins', 'label', 'legend', 'li', 'link', 'main', 'meta', 'nav', 'ol',
  'option', 'output', 'p', 'path', 'pre', 'script', 'section', 'select', 'small', 'span', 'strong', 'summary', 'svg', 'table', 'tbody', 'td',
  'textarea', 'th', 'thead', 'time', 'title', 'tr', 'ul',
] as const // prettier-ignore
type Tag = (typeof TAGS)[number]
const VOID_TAGS: ReadonlySet<string> = new Set(['br', 'input', 'link', 'meta'])

type Text = string | number | undefined
/** What elements of the console carry: no handler, no style. */
interface Attributes {
  readonly [data: `data-${string}`]: Text
  readonly [aria: `aria-${string}`]: Text
  readonly action?: string
  readonly autocomplete?: 'off'
  readonly charset?: string
  readonly class?: string | undefined
  readonly content?: string
  /** Of an SVG path. */
  readonly d?: string
  readonly datetime?: string
  readonly for?: string
  readonly hidden?: boolean
  readonly href?: string
  readonly id?: string | undefined
  readonly lang?: string
  readonly max?: Text
  readonly maxlength?: Text
  readonly method?: 'get' | 'post'
  readonly min?: Text
  readonly name?: string
  readonly open?: boolean
  readonly pattern?: string | undefined
  /** As HTML's parser wants it: SVG's own spelling is its affair. */
  readonly preserveaspectratio?: 'none'
  readonly rel?: string
  readonly required?: boolean | undefined
  readonly role?: string
  readonly scope?: 'col' | 'row'
  readonly selected?: boolean
  readonly src?: string
  readonly step?: string | undefined
  readonly tabindex?: number
  readonly title?: string
  readonly type?: string
  readonly value?: Text
  readonly viewbox?: string
}

type Component<P> = (props: P) => Html | null
type Props = Attributes & { readonly children?: Child }

export function h<P extends object>(
  tag: Tag | Component<P>,
  props: P | null,
  ...children: readonly Child[]
): Html {
  if (typeof tag === 'function') {
    const inner = children.length === 1 ? children[0] : children
    return Html.fragment([tag({ ...props, ...(children.length > 0 && { children: inner }) } as P)])
  }
  return Html.element(tag, { ...props }, children)
}

/** `<>…</>` */
export function Fragment({ children }: { readonly children?: Child }): Html {
  return Html.fragment([children])
}

/** Types of JSX, as the compiler looks for them. */
export declare namespace h {
  namespace JSX {
    type Element = Html
    type ElementType = Tag | Component<never>
    type IntrinsicElements = { readonly [tag in Tag]: Props }
    interface ElementChildrenAttribute {
      readonly children: unknown
    }
  }
}

const NAME = /^(?!on)[a-z]+(?:-[a-z]+)*$/
const URL_ATTRIBUTES = new Set(['href', 'src', 'action'])
/** On this page or beside it; `//host` and `/\host` are neither. */
const OWN_URL = /^(?:\/(?![/\\])|#)/

function toAttribute([name, value]: [string, string | number | boolean | undefined]): string {
  if (value === undefined || value === false) return ''
  assert(NAME.test(name) && name !== 'style', `no attribute \`${name}\` in pages`)
  if (value === true) return ` ${name}`
  const text = String(value)
  assert(!URL_ATTRIBUTES.has(name) || OWN_URL.test(text), 'pages lead to the console alone')
  return ` ${name}="${escapeText(text)}"`
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
  '`': '&#96;',
}

/** For text and quoted attributes alike; lone surrogates become what UTF-8 can say. */
function escapeText(text: string): string {
  return text.toWellFormed().replace(/[&<>"'`]/g, (char) => ENTITIES[char] ?? '')
}
