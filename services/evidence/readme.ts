import { toIsoTime } from '../model/index.ts'
import type { EvidenceContents } from './contents.ts'
import { folderOf } from './ledgers.ts'
import { ownEntries } from './report.ts'

/** The README inside: how to check the same with tools that are not ours. A function of the rest of the archive. */
export function readmeOf(contents: EvidenceContents): string {
  const { head, newest } = contents
  const { checkpoint, verifierKey, base } = newest
  const { scope } = head
  const places = [ownEntries(contents).at(-1)?.index, contents.entries.keys().next().value, base]
  const index = (places.find((place) => place !== undefined && place >= base) ?? 0) - base
  return `# Evidence of what was live in ${scope.functionName}:${scope.alias}

From ${toIsoTime(scope.fromMs)} up to, without, ${toIsoTime(scope.toMs)}; log \`${checkpoint.origin}\`, ${checkpoint.size} entries.
\`report.html\` and \`report.json\` are for reading and prove nothing by themselves.

## With Lacre, offline

    lacre evidence verify FILE.zip --log-key '${verifierKey.trim()}' --checkpoint KEPT

Take the log's key from where you keep it, not from this file: with the key inside alone the answer is "consistent, not
authenticated" (exit 5). \`--checkpoint\` is a checkpoint of this log that you kept elsewhere, of any earlier time.

## With openssl and a shell

Unpack the archive and go into its folder. **The checkpoint's signature** (C2SP signed-note, Ed25519), by the log's key:

    sed '/^$/,$d' ledger/checkpoint > text
    grep -F '— ${checkpoint.origin} ' ledger/checkpoint | head -n 1 | cut -d ' ' -f 3 | base64 -d | tail -c +5 > sig
    openssl pkeyutl -verify -pubin -inkey ledger/log-key.pem -rawin -in text -sigfile sig

**That an entry is in that log** (RFC 9162); the number is the entry's index, any in \`ledger/entries\`:

    sh inclusion.sh ${index}

**That a decision is the one of an entry**: the two are equal.

    sha256sum decisions/ID/decision.json
    grep -o '"decision":{"digest":"[0-9a-f]*"' ledger/entries/INDEX.json

**That a row is what an entry says**: the SHA-256 of \`row\` as it stands in a line of \`rows.jsonl\`, from brace to brace,
stands among the \`changes\` of the entry named there.

    sed -n 1p rows.jsonl | sed 's/.*"row":\\({.*}\\),"table".*/\\1/' | tr -d '\\n' | sha256sum

**A seal that is a Sigstore bundle with a plain key** (the statement printed names the artifact's digest):

    sh dsse.sh seals/DIGEST/NAME.sigstore.json publishers/NAME-VERSION-1.pem

**A seal that is CMS**, over the artifact's bytes without its seal block:

    openssl cms -verify -binary -inform DER -in seals/DIGEST/NAME.p7s -content F.zip -CAfile publishers/NAME-VERSION-1.pem -purpose any -out /dev/null

## With cosign (written by its manual; not tried here)

    cosign verify-blob-attestation --bundle seals/DIGEST/NAME.sigstore.json --key publishers/NAME-VERSION-1.pem \\
      --type TYPE --insecure-ignore-tlog F.zip

\`TYPE\` is the statement's \`predicateType\`. For a keyless seal give \`--certificate-identity\`, \`--certificate-oidc-issuer\` and
\`--trusted-root publishers/NAME-VERSION-trusted-root.json\` in place of the key.

## With a client of transparency logs

\`ledger/checkpoint\` is a C2SP tlog-checkpoint, \`ledger/log-key.vkey\` its verifier key, each \`ledger/entries/*.tlog-proof\` a C2SP
tlog-proof of the entry beside it, whose bytes are the leaf. \`ledger/checkpoints.jsonl\` holds earlier checkpoints, each with
its RFC 9162 consistency proof to this one.

${contents.ledgers.length > 1 ? ledgersOf(contents) : ''}${insideOf(contents)}`
}

function ledgersOf({ head, ledgers }: EvidenceContents): string {
  const lines = ledgers.map(({ epoch, base, size, checkpoint }) => {
    const folder = folderOf(head, epoch)
    return `| ${epoch} | \`${checkpoint.origin}\` | ${base} up to, without, ${base + size} | \`${folder}ledger/\` |`
  })
  return `## Several ledgers

The key of the ledger was rotated, or it was given up, and a new one began: this archive reaches back over it. Findings and
the report count entries through all ledgers; the files, \`rows.jsonl\` and the proofs have each ledger's own index, and a line
of \`rows.jsonl\` names an earlier ledger by \`epoch\`.

| ledger | log | numbers | folder |
| --- | --- | --- | --- |
${lines.join('\n')}

In the folder of an earlier ledger everything is checked as above, by its own key and checkpoint:

    (cd earlier/${ledgers[0]?.epoch} && sh ../../inclusion.sh INDEX)

**That it is the ledger before**: the first entry of the next one (index 0, \`sh inclusion.sh 0\` in that one's folder) quotes its
\`size\` and \`root\` (hex there, base64 in the third line of \`checkpoint\`) as \`previous\`. So the key of the newest ledger is
enough: it says which tree the one before was. Where that was given up (\`"how":"recovered"\`), its \`checkpoint\` may have no
signature: the next ledger then only quotes what was kept of it.

`
}

function insideOf({ head }: EvidenceContents): string {
  return `## What is inside

| path | what |
| --- | --- |
| \`ledger/range.jsonl\` | the entries from ${head.range.first} up to, without, ${head.range.end}, a line each: the leaf, or its hash where the entry was left out |
| \`ledger/entries/\` | entries about this alias, and those that prove rows, with their proofs |
| \`rows.jsonl\` | rows of the service: what was live, publishers, revocations, policy sets, approvals, exceptions |
| \`decisions/\` | each decision with the facts that it is a function of |
| \`policies/\` | the policy sets that decided, their files and schemas |
| \`publishers/\` | whom the service trusted: documents, keys, roots |
| \`seals/\`, \`attestations/\` | signatures and statements about the artifacts |
| \`artifacts/\` | the code itself, where it was asked for |
| \`manifest.json\` | the question, and the SHA-256 of every file |
`
}
