/**
 * Two small scripts that lie in every archive: what verification does to one entry and to one signature, with nothing but
 * a shell, coreutils and openssl.
 */

/** RFC 9162 §2.1.3.2 over one entry and its proof. */
export const INCLUSION_SCRIPT = `#!/bin/sh
# usage: sh inclusion.sh INDEX   (in the folder of the unpacked archive)
# RFC 9162, 2.1.3.2: whether ledger/entries/INDEX.json stands in the log of ledger/checkpoint.
set -eu
index=$1
size=$(sed -n 2p ledger/checkpoint)
root=$(sed -n 3p ledger/checkpoint)
hash() { openssl dgst -sha256 -binary | base64; }
bytes() { printf '%s\\n' "$1" | base64 -d; }
here=$({ printf '\\000'; cat "ledger/entries/$index.json"; } | hash)
fn=$index
sn=$((size - 1))
for sibling in $(sed '1,2d;/^$/,$d' "ledger/entries/$index.tlog-proof"); do
  if [ "$sn" -eq 0 ]; then echo "entry $index: the path is too long"; exit 1; fi
  if [ $((fn % 2)) -eq 1 ] || [ "$fn" -eq "$sn" ]; then
    here=$({ printf '\\001'; bytes "$sibling"; bytes "$here"; } | hash)
    while [ $((fn % 2)) -eq 0 ] && [ "$fn" -ne 0 ]; do fn=$((fn / 2)); sn=$((sn / 2)); done
  else
    here=$({ printf '\\001'; bytes "$here"; bytes "$sibling"; } | hash)
  fi
  fn=$((fn / 2))
  sn=$((sn / 2))
done
if [ "$sn" -eq 0 ] && [ "$here" = "$root" ]; then echo "entry $index is in the log"; else
  echo "entry $index is NOT in the log"
  exit 1
fi
`

/** DSSE over an in-toto statement in a Sigstore bundle, as it lies in the archive. */
export const DSSE_SCRIPT = `#!/bin/sh
# usage: sh dsse.sh BUNDLE.sigstore.json KEY.pem   (ECDSA and RSA keys with SHA-256)
# Whether the statement in the bundle is signed by the key; prints the statement, whose subject is the artifact's digest.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
member() { sed -n "s/.*\\"$1\\":\\"\\([^\\"]*\\)\\".*/\\1/p" "$2"; }
member payload "$1" | base64 -d > "$dir/payload"
member sig "$1" | base64 -d > "$dir/sig"
type=$(member payloadType "$1")
{ printf 'DSSEv1 %d %s %d ' "\${#type}" "$type" "$(wc -c < "$dir/payload")"; cat "$dir/payload"; } > "$dir/signed"
openssl dgst -sha256 -verify "$2" -signature "$dir/sig" "$dir/signed"
cat "$dir/payload"
echo
`
