#!/usr/bin/env bash
# Regenerates imports/ (typed Istio manifests) from the CRDs of the Istio API module pinned in tools/istio/go.mod.
# One version per kind (v1; EnvoyFilter has v1alpha3 only), so that nobody can write a version we don't emit.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
api=$(cd tools/istio && go list -m -f '{{.Dir}}' istio.io/api)
node - "$api/kubernetes/customresourcedefinitions.gen.yaml" "$work/crds.yaml" <<'NODE'
const { parseAllDocuments, stringify } = require(process.cwd() + "/node_modules/yaml");
const fs = require("node:fs");
const [, , from, to] = process.argv;
const kinds = new Set(["Gateway", "VirtualService", "DestinationRule", "EnvoyFilter", "PeerAuthentication", "ServiceEntry", "RequestAuthentication", "AuthorizationPolicy", "Telemetry"]);
const crds = parseAllDocuments(fs.readFileSync(from, "utf8")).map((d) => d.toJS()).filter((d) => kinds.has(d?.spec?.names?.kind));
for (const crd of crds) {
  const wanted = crd.spec.names.kind === "EnvoyFilter" ? "v1alpha3" : "v1";
  crd.spec.versions = crd.spec.versions.filter((v) => v.name === wanted);
}
fs.writeFileSync(to, crds.map((c) => stringify(c)).join("---\n"));
NODE
npx cdk8s import "$work/crds.yaml" --language typescript --output imports
