/**
 * An assembler for classic BPF as seccomp takes it: `struct sock_filter { u16 code; u8 jt, jf; u32 k }`, native byte order
 * (both architectures served here are little-endian). Labels are resolved to forward jumps of at most 255 instructions.
 */
export type Instruction =
  | { readonly op: 'load'; readonly offset: number }
  | { readonly op: 'and'; readonly mask: number }
  | { readonly op: 'jump-equal' | 'jump-at-least'; readonly value: number; readonly to: string }
  | { readonly op: 'jump'; readonly to: string }
  | { readonly op: 'return'; readonly value: number }
  | { readonly op: 'label'; readonly name: string }

const LD_W_ABS = 0x20
const ALU_AND_K = 0x54
const JMP_JA = 0x05
const JMP_JEQ_K = 0x15
const JMP_JGE_K = 0x35
const RET_K = 0x06
const INSTRUCTION_BYTES = 8
/** The kernel's BPF_MAXINSNS. */
const INSTRUCTION_LIMIT = 4_096

export function assemble(program: readonly Instruction[]): Buffer {
  const labels = new Map<string, number>()
  let count = 0
  for (const instruction of program) {
    if (instruction.op === 'label') labels.set(instruction.name, count)
    else count += 1
  }
  if (count > INSTRUCTION_LIMIT) throw new RangeError(`${count} instructions are too many`)
  const out = Buffer.alloc(count * INSTRUCTION_BYTES)
  let at = 0
  for (const instruction of program) {
    if (instruction.op === 'label') continue
    encode(out, at, instruction, (name) => distance(labels, name, at))
    at += 1
  }
  return out
}

function distance(labels: ReadonlyMap<string, number>, name: string, from: number): number {
  const target = labels.get(name)
  if (target === undefined) throw new RangeError(`no label ${name}`)
  const forward = target - from - 1
  if (forward < 0) throw new RangeError(`label ${name} lies behind; BPF jumps forward only`)
  return forward
}

function encode(
  out: Buffer,
  index: number,
  instruction: Exclude<Instruction, { op: 'label' }>,
  to: (label: string) => number,
): void {
  const write = (code: number, k: number, jt = 0): void => {
    if (jt > 255) throw new RangeError('a conditional jump reaches 255 instructions')
    const at = index * INSTRUCTION_BYTES
    out.writeUInt16LE(code, at)
    out.writeUInt8(jt, at + 2)
    out.writeUInt8(0, at + 3)
    out.writeUInt32LE(k >>> 0, at + 4)
  }
  switch (instruction.op) {
    case 'load':
      return write(LD_W_ABS, instruction.offset)
    case 'and':
      return write(ALU_AND_K, instruction.mask)
    case 'jump-equal':
      return write(JMP_JEQ_K, instruction.value, to(instruction.to))
    case 'jump-at-least':
      return write(JMP_JGE_K, instruction.value, to(instruction.to))
    case 'jump':
      return write(JMP_JA, to(instruction.to))
    case 'return':
      return write(RET_K, instruction.value)
  }
}
