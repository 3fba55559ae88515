#!/usr/bin/env bash
# Envoy Gateway 1.9.1 (egctl, Go module)
# One would guess: a ClientTrafficPolicy that keeps every part of a path (escapedSlashesAction: KeepUnchanged, disableMergeSlashes: true) has
# Envoy pass a path on as it came.
# Seen: dot segments are resolved all the same (normalizePath: true), and no field says otherwise: a service behind it sees /b for /a/../b.
# Whoever judges paths as they came needs an EnvoyPatchPolicy.
set -euo pipefail

folder=$(mktemp -d)
trap 'chmod -R u+w "$folder" && rm -rf "$folder"' EXIT
GOBIN=$folder CGO_ENABLED=0 go install github.com/envoyproxy/gateway/cmd/egctl@v1.9.1

cat >"$folder/objects.yaml" <<'YAML'
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: { name: eg }
spec: { controllerName: gateway.envoyproxy.io/gatewayclass-controller }
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: shop, namespace: default }
spec: { gatewayClassName: eg, listeners: [{ name: http, protocol: HTTP, port: 8888 }] }
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: Backend
metadata: { name: shop, namespace: default }
spec: { endpoints: [{ ip: { address: 192.0.2.1, port: 3000 } }] }
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: shop, namespace: default }
spec:
  parentRefs: [{ name: shop }]
  rules: [{ backendRefs: [{ group: gateway.envoyproxy.io, kind: Backend, name: shop }] }]
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: ClientTrafficPolicy
metadata: { name: shop, namespace: default }
spec:
  targetRefs: [{ group: gateway.networking.k8s.io, kind: Gateway, name: shop }]
  path: { escapedSlashesAction: KeepUnchanged, disableMergeSlashes: true }
YAML

"$folder/egctl" x translate --from gateway-api --to xds --type all -o json -f "$folder/objects.yaml" >"$folder/xds.json"
echo "Envoy Gateway 1.9.1 writes:"
grep -oE '"(normalizePath|mergeSlashes|pathWithEscapedSlashesAction)": *("?[A-Za-z_]+"?)' "$folder/xds.json" | sort -u
grep -qE '"normalizePath": *true' "$folder/xds.json" || { echo "dot segments are kept now" && exit 1; }
! grep -qE '"mergeSlashes": *true' "$folder/xds.json" || { echo "slashes are merged now" && exit 1; }
grep -q '"pathWithEscapedSlashesAction": *"KEEP_UNCHANGED"' "$folder/xds.json" || { echo "escaped slashes are treated otherwise now" && exit 1; }
echo "as found: slashes stay as they came, dot segments do not"
