/** One thing that was looked at: `failed` is what a service cannot do without, `warning` what it is worse without. */
export interface Check {
  readonly name: string
  readonly status: 'ok' | 'warning' | 'failed'
  readonly found: string
  readonly fix?: string
}
