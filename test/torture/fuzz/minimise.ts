const TRIES_LIMIT = 3_000

/** A shorter input of which the same is true: pieces are left out, larger ones first, as long as it stays so. */
export async function minimise(
  input: Buffer,
  isSame: (candidate: Buffer) => Promise<boolean>,
): Promise<Buffer> {
  let best = input
  let tries = 0
  for (
    let size = Math.ceil(best.length / 2);
    size >= 1;
    size = size === 1 ? 0 : Math.ceil(size / 2)
  ) {
    for (let at = 0; at < best.length && tries < TRIES_LIMIT;) {
      const candidate = Buffer.concat([best.subarray(0, at), best.subarray(at + size)])
      tries += 1
      if (await isSame(candidate)) best = candidate
      else at += size
    }
  }
  return best
}
