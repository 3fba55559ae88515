#!/usr/bin/env bash
# undici 7.30.2
# One would guess: a 304 may tell the length that a 200 would have had, and has no body (RFC 9110 sections 8.6 and 15.4.5), and
# whoever gets a 100 that he has not asked for passes over it (section 15.2.1); so a gateway may call services by this client.
# Seen: both are no answer to undici's HTTP/1.1 client, whatever it is told of strictness; Node's own http.request takes them.
# To HEAD, whose answer tells a length without a body as well, it is not so.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund undici@7.30.2
cat >ask.cjs <<'JS'
const http = require("node:http");
const net = require("node:net");
const { Client } = require("undici");
const OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const ANSWERS = {
  "/304": 'HTTP/1.1 304 Not Modified\r\nETag: "a"\r\nContent-Length: 120\r\n\r\n',
  "/100": `HTTP/1.1 100 Continue\r\n\r\n${OK}`,
  "/103": `HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n${OK}`,
  "/head": "HTTP/1.1 200 OK\r\nContent-Length: 120\r\n\r\n",
};
const server = net.createServer((socket) => {
  socket.on("error", () => undefined);
  socket.on("data", (bytes) => socket.write(ANSWERS[String(bytes).split(" ")[1]]));
});
server.listen(0, "127.0.0.1", async () => {
  const { port } = server.address();
  for (const path of Object.keys(ANSWERS)) {
    const method = path === "/head" ? "HEAD" : "GET";
    const client = new Client(`http://127.0.0.1:${port}`, { strictContentLength: false });
    const byUndici = await client
      .request({ path, method })
      .then(async ({ statusCode, body }) => `${statusCode} ${(await body.text()) || "-"}`)
      .catch((error) => error.code);
    await client.destroy();
    const byNode = await new Promise((resolve) => {
      http.request({ port, path, method, agent: false }, (answer) => {
        let text = "";
        answer.on("data", (bytes) => (text += bytes));
        answer.on("end", () => resolve(`${answer.statusCode} ${text || "-"}`));
      }).on("error", (error) => resolve(error.code)).end();
    });
    console.log(`${method} ${path}: undici ${byUndici}; node ${byNode}`);
  }
  process.exit(0);
});
JS
node ask.cjs | tee seen
diff seen - <<'SEEN'
GET /304: undici UND_ERR_RES_CONTENT_LENGTH_MISMATCH; node 304 -
GET /100: undici UND_ERR_SOCKET; node 200 ok
GET /103: undici 200 ok; node 200 ok
HEAD /head: undici 200 -; node 200 -
SEEN
echo "undici $(node -p 'require("./node_modules/undici/package.json").version'): a 304 with a length and a 100 without Expect are no answer"
