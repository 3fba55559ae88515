#!/bin/sh
# The package as it is published: JavaScript and types, and beside them what they read.
set -eu
cd "$(dirname "$0")/.."
rm -rf dist
npx tsc -p tsconfig.build.json
# Of cdk8s-plus the Kubernetes objects alone (ADR 18).
npx esbuild imports/k8s.ts --bundle --minify-whitespace --platform=node --target=node20 \
  --external:cdk8s --external:constructs --outfile=dist/imports/k8s.js --allow-overwrite --log-level=warning
# The script of the page, of the sources.
npx tsx lib/page/build.ts dist/lib/page/page.js
cp -R templates cdk.json dist/
mkdir dist/docs
cp -R docs/diagnostics dist/docs/
cp lib/conformance/parts/wheels.txt dist/lib/conformance/parts/
node -p 'JSON.stringify({ version: require("./package.json").version, type: "commonjs" })' >dist/package.json
