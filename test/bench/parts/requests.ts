import { closeSync, openSync, writeSync } from "node:fs";

/** Raw requests for the load client: each after its length, in four bytes. */
export function writeRequests(file: string, texts: Iterable<string>): string {
  const handle = openSync(file, "w");
  for (const text of texts) {
    const body = Buffer.from(text, "latin1");
    const length = Buffer.alloc(4);
    length.writeUInt32BE(body.length);
    writeSync(handle, Buffer.concat([length, body]));
  }
  closeSync(handle);
  return file;
}

/** What a browser's call brings along. */
const BROWSER = [
  "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/131.0",
  "Accept: application/json, text/plain, */*",
  "Accept-Encoding: gzip, deflate, br",
  "Accept-Language: es-CL,es;q=0.9,en;q=0.8",
  "X-Request-Id: 3f0c2f6e-8d0a-4a1b-9c55-0d8f5f1b7a11",
  "Referer: https://portal.bench.test/",
];

/** A proxy's question at the door; to the other servers it is a request like any. */
export function doorRequest(route: string, token: string): string {
  const lines = [
    "GET /door/nginx HTTP/1.1",
    "Host: api.bench.test",
    "X-Gateway-Method: GET",
    `X-Gateway-Target: /${route}/17?page=2`,
    "X-Gateway-Client: 203.0.113.7",
    `X-Gateway-Route: ${route}`,
    `Authorization: Bearer ${token}`,
    ...BROWSER,
  ];
  return `${lines.join("\r\n")}\r\n\r\n`;
}

/** The same call as the gateway itself gets it. */
export function gatewayRequest(route: string, token: string): string {
  const lines = [`GET /${route}/17?page=2 HTTP/1.1`, "Host: api.bench.test", `Authorization: Bearer ${token}`];
  return `${[...lines, ...BROWSER].join("\r\n")}\r\n\r\n`;
}

/** A call with a small order. */
export function orderRequest(route: string, token: string): string {
  const body = JSON.stringify({ item: "tyre", count: 4 });
  const lines = [
    ...[`POST /${route}/17 HTTP/1.1`, "Host: api.bench.test", `Authorization: Bearer ${token}`],
    ...["Content-Type: application/json", `Content-Length: ${String(body.length)}`],
  ];
  return `${[...lines, ...BROWSER].join("\r\n")}\r\n\r\n${body}`;
}

/** The token as OPA's REST interface takes it. */
export function opaRequest(token: string): string {
  const body = JSON.stringify({ input: { token } });
  const lines = [
    "POST /v1/data/bench/allow HTTP/1.1",
    "Host: api.bench.test",
    "Content-Type: application/json",
    `Content-Length: ${String(body.length)}`,
    ...BROWSER,
  ];
  return `${lines.join("\r\n")}\r\n\r\n${body}`;
}
