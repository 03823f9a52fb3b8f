import { Fragment, h, type Html } from './markup.ts'

/** One line of a chart; nothing is drawn where a value is `null`. */
export interface Series {
  readonly label: string
  readonly values: readonly (number | null)[]
}

interface ChartProps {
  /** What is seen, in a sentence, for whoever does not see it. */
  readonly label: string
  /** Under the left and the right end. */
  readonly ends: readonly [string, string]
}

/** SVG's own units; a chart is stretched to the width that there is. */
const WIDTH = 600
const HEIGHT = 160
/** Lines differ by these classes: dashes say the same as colours. */
const LINES = ['first', 'second', 'third'] as const

/** Lines over the same points, on a logarithmic scale: a slow tail beside a fast median shows both. */
export function LineChart({
  series,
  label,
  ends,
  format,
}: ChartProps & {
  /** Three at most. */
  readonly series: readonly Series[]
  readonly format: (value: number) => string
}): Html {
  const values = series.flatMap((one) => one.values.filter((value) => value !== null))
  const low = Math.floor(Math.log10(Math.max(0.1, Math.min(...values))))
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(0.1, ...values))))
  const decades = Array.from({ length: high - low + 1 }, (_, at) => high - at)
  const y = (value: number): number =>
    HEIGHT * (1 - (Math.log10(Math.max(0.1, value)) - low) / (high - low))
  return (
    <div class="chart">
      <ul class="legend">
        {series.map((one, at) => (
          <li>
            <svg class={`sample ${LINES[at] ?? ''}`} viewbox="0 0 30 8" aria-hidden="true">
              <path d="M0 4H30" />
            </svg>
            {` ${one.label}`}
          </li>
        ))}
      </ul>
      <Plot
        label={label}
        ends={ends}
        scale={decades.map((power) => format(10 ** power))}
        paths={[
          ['grid', decades.map((power) => `M0 ${round(y(10 ** power))}H${WIDTH}`).join('')],
          ...series.map((one, at) => [LINES[at] ?? '', lineOf(one.values, y)] as const),
        ]}
      />
    </div>
  )
}

/** Bars from the ground up; of each a part stands out. */
export function BarChart({
  bars,
  label,
  ends,
}: ChartProps & {
  readonly bars: readonly { readonly all: number; readonly part: number }[]
}): Html {
  const most = Math.max(1, ...bars.map(({ all }) => all))
  const step = WIDTH / Math.max(1, bars.length)
  const bar = (count: number, at: number): string => {
    if (count === 0) return ''
    // What is there at all is seen, however much there is beside it.
    const height = Math.max(2, (HEIGHT * count) / most)
    const [left, width] = [round(at * step + step * 0.1), round(step * 0.8)]
    return `M${left} ${HEIGHT}v${round(-height)}h${width}v${round(height)}z`
  }
  return (
    <div class="chart">
      <Plot
        label={label}
        ends={ends}
        scale={[String(most), '0']}
        paths={[
          ['grid', `M0 0H${WIDTH}M0 ${HEIGHT}H${WIDTH}`],
          ['all', bars.map(({ all }, at) => bar(all, at)).join('')],
          ['part', bars.map(({ part }, at) => bar(part, at)).join('')],
        ]}
      />
    </div>
  )
}

function Plot({
  label,
  ends: [from, until],
  scale,
  paths,
}: ChartProps & {
  /** Of the left edge, from above. */
  readonly scale: readonly string[]
  readonly paths: readonly (readonly [name: string, d: string])[]
}): Html {
  return (
    <Fragment>
      <div class="plot">
        <ul class="scale" aria-hidden="true">
          {scale.map((text) => (
            <li>{text}</li>
          ))}
        </ul>
        <svg
          role="img"
          aria-label={label}
          viewbox={`0 0 ${WIDTH} ${HEIGHT}`}
          preserveaspectratio="none"
        >
          {paths.map(([name, d]) => d !== '' && <path class={name} d={d} />)}
        </svg>
      </div>
      <p class="ends" aria-hidden="true">
        <span>{from}</span>
        <span>{until}</span>
      </p>
    </Fragment>
  )
}

/** A point of a slot lies in its middle; one that stands alone is a dash. */
function lineOf(values: readonly (number | null)[], y: (value: number) => number): string {
  const step = WIDTH / Math.max(1, values.length)
  return values
    .map((value, at) => {
      if (value === null) return ''
      const [left, right] = [values[at - 1] ?? null, values[at + 1] ?? null]
      const x = (at + 0.5) * step
      if (left !== null) return `L${round(x)} ${round(y(value))}`
      const alone = right === null ? `h${round(step * 0.4)}` : ''
      return `M${round(alone === '' ? x : x - step * 0.2)} ${round(y(value))}${alone}`
    })
    .join('')
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}
