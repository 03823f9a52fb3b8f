#!/usr/bin/env bash
# pack -> sign keyless -> attest -> plan -> deploy exactly what was planned to the first alias -> promote to the second one.
# Ends with lacre's own exit code: 1 refused, 2 usage, 3 could not be done, 4 service not reachable.
#
#   FUNCTION         the function; it is made where it is not there
#   SOURCE           the folder to pack (.)
#   RUNTIME HANDLER  nodejs20.x index.handler, for a new function
#   STAGING          the alias that gets the release first (staging)
#   PRODUCTION       the alias that gets it then; empty: nothing is promoted (prod)
#   CODE_SIGNING_CONFIG  an ARN that judges the code; attached to a new function, expected of one that is there
#   SIGNING_CONFIG TRUSTED_ROOT   the authority's files: lacre authority trusted-root [--signing-config]
#   BUILDER_ID       who builds, as the publisher lists it
#   LACRE            the command, node_modules/.bin/lacre where not given: what the lockfile pins, never what a registry has
#   AWS_ENDPOINT_URL AWS_REGION AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY   the service
#
# The identity token is taken from the CI itself: docs/keyless.md says from where.
set -euo pipefail

: "${FUNCTION:?the name of the function}" "${SIGNING_CONFIG:?a file}" "${TRUSTED_ROOT:?a file}"
: "${AWS_ENDPOINT_URL:?the address of the service}"
read -ra lacre <<<"${LACRE:-node_modules/.bin/lacre}"
export SOURCE=${SOURCE:-.}
export BUILDER_ID=${BUILDER_ID:-${GITHUB_SERVER_URL:-${CI_SERVER_URL:-https://localhost}}/lacre-ci}
staging=${STAGING:-staging} production=${PRODUCTION-prod}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
zip=$work/$FUNCTION.zip
signing=(--signing-config "$SIGNING_CONFIG" --trusted-root "$TRUSTED_ROOT")

echo "pack $SOURCE"
"${lacre[@]}" pack "$SOURCE" -o "$zip"

echo "sign $FUNCTION"
"${lacre[@]}" sign "$zip" "${signing[@]}"

echo "attest how it was built"
node -e '
  const { env } = process
  const server = env.GITHUB_SERVER_URL ?? env.CI_SERVER_URL ?? "https://localhost"
  const source = `git+${server}/${env.GITHUB_REPOSITORY ?? env.CI_PROJECT_PATH ?? env.FUNCTION}@${env.GITHUB_REF ?? env.CI_COMMIT_REF_NAME ?? "local"}`
  const commit = env.GITHUB_SHA ?? env.CI_COMMIT_SHA
  console.log(JSON.stringify({
    buildDefinition: {
      buildType: "https://lacre.dev/build-types/pack/v1",
      externalParameters: { source, path: env.SOURCE },
      internalParameters: {},
      resolvedDependencies: commit === undefined ? [] : [{ uri: source, digest: { gitCommit: commit } }],
    },
    runDetails: {
      builder: { id: env.BUILDER_ID },
      metadata: { invocationId: `${env.GITHUB_RUN_ID ?? env.CI_JOB_URL ?? "local"}` },
    },
  }))' >"$work/provenance.json"
"${lacre[@]}" attest "$zip" --type slsaprovenance1 --predicate "$work/provenance.json" \
  --detached "$work/provenance.sigstore.json" "${signing[@]}" --upload

options=(--function "$FUNCTION" --runtime "${RUNTIME:-nodejs20.x}" --handler "${HANDLER:-index.handler}")
options+=(--alias "$staging")
if [ -n "${CODE_SIGNING_CONFIG:-}" ]; then options+=(--code-signing-config "$CODE_SIGNING_CONFIG"); fi

echo "plan: what the deployment would do to what is live"
"${lacre[@]}" plan deploy "$zip" "${options[@]}" | tee "$work/plan.txt"
plan=$(sed -n 's/^to commit exactly this until .*: --plan \([0-9a-f]\{64\}\)$/\1/p' "$work/plan.txt")
if [ -z "$plan" ]; then
  echo "the plan has nothing to commit" >&2
  exit 3
fi

echo "deploy to $FUNCTION:$staging what was planned, and nothing where anything changed since"
"${lacre[@]}" deploy "$zip" "${options[@]}" --plan "$plan"

if [ -n "$production" ]; then
  echo "promote to $FUNCTION:$production"
  "${lacre[@]}" promote "$FUNCTION" --from "$staging" --to "$production"
fi
