#!/usr/bin/env bash
# @grpc/grpc-js 1.14.0 on Node 20 (nghttp2 looks at :authority), and so Node's own http2 servers
# One would guess: a gRPC server does not care what :authority says, as Go's and Envoy's do not.
# Seen: with a bar in it the stream is reset (PROTOCOL_ERROR) before any handler hears of it. Envoy's `envoy_grpc` sends the
# cluster's name as :authority unless `authority` says otherwise, and Istio's clusters are called outbound|9000||name.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund @grpc/grpc-js@1.14.0 >/dev/null 2>&1
cat >ask.js <<'JS'
const grpc = require("@grpc/grpc-js");
const same = (x) => x;
const method = { path: "/a.B/C", requestStream: false, responseStream: false, requestSerialize: same, requestDeserialize: same, responseSerialize: same, responseDeserialize: same };
const server = new grpc.Server();
server.addService({ C: method }, { C: (_call, answer) => answer(null, Buffer.from("ok")) });
server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), async (_error, port) => {
  const ask = (authority) =>
    new Promise((resolve) => {
      const client = new grpc.Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure(), { "grpc.default_authority": authority });
      client.makeUnaryRequest("/a.B/C", same, same, Buffer.alloc(0), { deadline: Date.now() + 5000 }, (error) =>
        resolve(error ? error.details.replace(/^Received RST_STREAM.*/, "reset") : "answered"),
      );
    });
  console.log(`plain: ${await ask("collector.logs.svc")}; with bars: ${await ask("outbound|9000||collector.logs.svc")}`);
  process.exit();
});
JS
seen=$(node ask.js)
echo "grpc-js 1.14.0, Node $(node --version): $seen"
[ "$seen" = "plain: answered; with bars: reset" ]
