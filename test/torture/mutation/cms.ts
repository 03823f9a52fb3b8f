import { sign } from 'node:crypto'

import type { TestCertificate } from '../../support/pki.ts'
import type { Seeded } from '../seeded.ts'
import { mutateDer, readNodes, writeNodes, type Node } from './der.ts'

const SET = 0x31
const SIGNED_ATTRIBUTES = 0xa0
const OCTET_STRING = 0x04

/** Changed anywhere, or in what is signed and then signed anew: what an unsound signer could make. */
export function mutateCms(cms: Buffer, signer: TestCertificate, chance: Seeded): Buffer {
  const mutant = chance.integer(0, 2) > 0 ? changedAttributes(cms, signer, chance) : undefined
  return mutant ?? mutateDer(cms, chance, [cms, Buffer.from(signer.der)])
}

/** The signer info of a ContentInfo of ours, its attributes changed and signed. */
function changedAttributes(
  cms: Buffer,
  signer: TestCertificate,
  chance: Seeded,
): Buffer | undefined {
  const change = (info: readonly Node[]): readonly Node[] => {
    const at = info.findIndex(({ tag }) => tag === SIGNED_ATTRIBUTES)
    const attributes = writeNodes(childrenOf(info[at]))
    const changed = mutateDer(attributes, chance, [cms, Buffer.from(signer.der)])
    const signed = writeNodes([{ tag: SET, content: changed }])
    const signature = sign('sha256', signed, signer.key.privateKey)
    return info.map((node, index) => {
      if (index === at) return { ...node, content: changed }
      return index > at && node.tag === OCTET_STRING ? { ...node, content: signature } : node
    })
  }
  const root = readNodes(cms)
  return root && writeNodes(changeAlong(root, ['first', 'last', 'first', 'last', 'first'], change))
}

/** Goes down by the first or last child each time, and changes the children of the node that is reached. */
function changeAlong(
  nodes: readonly Node[],
  path: readonly ('first' | 'last')[],
  change: (children: readonly Node[]) => readonly Node[],
): readonly Node[] {
  const [step, ...rest] = path
  if (step === undefined) return change(nodes)
  const at = step === 'first' ? 0 : nodes.length - 1
  const content = changeAlong(childrenOf(nodes[at]), rest, change)
  return nodes.map((node, index) => (index === at ? { ...node, content } : node))
}

function childrenOf(node: Node | undefined): readonly Node[] {
  return node === undefined || Buffer.isBuffer(node.content) ? [] : (node.content as Node[])
}
