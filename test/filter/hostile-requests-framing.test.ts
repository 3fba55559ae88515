import { bytesOf, fresh, HOST, type Form } from "./door-stand";
import { admin, nobody, refused, shown, user, type Row } from "./hostile";

// Numbers are those of the list of hostile inputs of the filter: what a door can see of 47 and 48.

describe("requests within requests", () => {
  const post = (form: Form, lines: string[], body: string): Buffer =>
    bytesOf(form, { ...admin, method: "POST", missing: ["Connection"], lines: [...lines, "", body] });
  /** It is allowed wherever it is read as a request of its own. */
  const second = (form: Form): string => bytesOf(form, {}).toString("latin1");
  const end = "0\r\n\r\n";
  const close = (form: Form): string => end + second(form);
  refused([
    [47, "length and chunks", (form) => post(form, ["Content-Length: 4", "Transfer-Encoding: chunked"], close(form))],
    [47, "chunks and length", (form) => post(form, ["Transfer-Encoding: chunked", "Content-Length: 4"], close(form))],
    [
      47,
      "chunks and a length of all",
      (form) => post(form, ["Transfer-Encoding: chunked", "Content-Length: 5000"], close(form)),
    ],
    ...[
      "xchunked",
      "chunked, identity",
      "identity",
      "chunked, chunked",
      "Chunked\x0b",
      "chunked;q=1",
      '"chunked"',
      "",
    ].map((coding): Row => [
      47,
      `Transfer-Encoding: ${shown(coding)}`,
      (form) => post(form, [`Transfer-Encoding: ${coding}`], close(form)),
    ]),
    [
      47,
      "Transfer-Encoding with a space before its colon",
      (form) => post(form, ["Transfer-Encoding : chunked", "Content-Length: 4"], close(form)),
    ],
    [47, "Transfer-Encoding folded", (form) => post(form, ["Transfer-Encoding:", " chunked"], close(form))],
    [
      47,
      "two lines of Transfer-Encoding",
      (form) => post(form, ["Transfer-Encoding: identity", "Transfer-Encoding: chunked"], end),
    ],
    [47, "another coding under the chunks", (form) => post(form, ["Transfer-Encoding: gzip, chunked"], end)],
    [47, "Transfer_Encoding", (form) => post(form, ["Transfer_Encoding: chunked", "Content-Length: 5"], end)],
    ...["5, 6", "+5", "-1", "0x5", "5 6", "1e1", "", "99999999999999999999", "5\x0b"].map((length): Row => [
      47,
      `Content-Length: ${shown(length)}`,
      (form) => post(form, [`Content-Length: ${length}`], close(form)),
    ]),
    [47, "two lengths", (form) => post(form, ["Content-Length: 0", "Content-Length: 5"], close(form))],
    [
      47,
      "a chunk's extension",
      (form) => post(form, ["Transfer-Encoding: chunked"], `5;x="\r\n0\r\n\r\n${second(form)}`),
    ],
    [
      47,
      "a chunk's extension of 100 kB",
      (form) => post(form, ["Transfer-Encoding: chunked"], `5;${"x".repeat(100_000)}\r\nhello\r\n0\r\n\r\n`),
    ],
    ...["-5", "0x5", "5 ", "fffffffffffffffff", "g", ""].map((size): Row => [
      47,
      `a chunk of ${shown(size)}`,
      (form) => post(form, ["Transfer-Encoding: chunked"], `${size}\r\nhello\r\n${close(form)}`),
    ]),
    [
      47,
      "chunks that end in bare LF",
      (form) => post(form, ["Transfer-Encoding: chunked"], `5\nhello\n0\n\n${second(form)}`),
    ],
    [
      47,
      "a trailer with a token",
      (form) =>
        post(
          form,
          ["Transfer-Encoding: chunked"],
          `0\r\nAuthorization: Bearer ${fresh({ claims: { realm: { roles: ["admin"] } } })}\r\n\r\n`,
        ),
    ],
    [47, "a body that never comes", (form) => post(form, ["Content-Length: 1000000"], "")],
    [47, "Expect: 100-continue", (form) => post(form, ["Expect: 100-continue", "Content-Length: 5"], "hello")],
    [
      47,
      "Upgrade: h2c",
      (form) =>
        bytesOf(form, {
          ...admin,
          missing: ["Connection"],
          lines: ["Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__"],
        }),
    ],
    [
      61,
      "Upgrade: h2c, nobody",
      (form) =>
        bytesOf(form, {
          token: null,
          missing: ["Connection"],
          lines: ["Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__"],
        }),
    ],
    [47, "CONNECT", () => Buffer.from(`CONNECT /door/nginx HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`)],
  ]);
});

describe("hosts and targets", () => {
  const hosts = [
    `${HOST}.evil.com`,
    `a.${HOST}`,
    `evil.com#${HOST}`,
    `evil.com/${HOST}`,
    `evil.com?${HOST}`,
    `user@${HOST}`,
    `${HOST}@evil.com`,
    `${HOST}:443@evil.com`,
    `${HOST}:x`,
    `${HOST}:443:443`,
    `${HOST},other.shop.test`,
    `${HOST} other.shop.test`,
    `xn--pi-7ka.shop.test`,
    "\xd0\xb0pi.shop.test",
    "[::1]",
    "[::1]:443",
    "127.0.0.1",
    "localhost",
    "*",
    "..",
    "__proto__",
    "constructor",
    "a".repeat(300),
    `${HOST}\x00`,
    `${HOST}\t`.concat("x"),
    `%61pi.shop.test`,
  ];
  const ways = (form: Form, target: string): Buffer =>
    form === "nginx"
      ? bytesOf(form, user({ ...admin, target }))
      : Buffer.from(
          bytesOf(form, user(admin))
            .toString("latin1")
            .replace(/ \S+ HTTP/, ` ${target.startsWith("/") ? `/door/envoy${target}` : target} HTTP`),
          "latin1",
        );
  const absolute = [
    "http://evil.test/orders/1",
    `https://${HOST}/public/a`,
    `http://evil.test/door/envoy/public/a`,
    `http://${HOST}@evil.test/public/a`,
    "//evil.test/public/a",
    "///public/a",
    "*",
    "?/public/a",
    "#/public/a",
    "public/a",
    `${HOST}:443`,
  ];
  refused([
    ...hosts.map((host): Row => [48, `host ${shown(host)}`, () => user({ host })]),
    [48, "no host", () => user({ host: "" })],
    [48, "upper case, nobody", () => nobody({ host: HOST.toUpperCase() })],
    [48, "a dot at the end, nobody", () => nobody({ host: `${HOST}.` })],
    [48, "a dot at the end, a user", () => user({ ...admin, host: `${HOST}.` })],
    [48, "an empty port, nobody", () => nobody({ host: `${HOST}:` })],
    [48, "a port, nobody", () => nobody({ host: `${HOST}:8443` })],
    [48, "upper case and a port, a user", () => user({ ...admin, host: `${HOST.toUpperCase()}:443` })],
    ...absolute.map((target): Row => [48, `target ${target}`, (form) => ways(form, target)]),
    [
      48,
      "the other form's door",
      (form) =>
        Buffer.from(
          bytesOf(form, nobody({}))
            .toString("latin1")
            .replace(/ \/door\/\S+ /, form === "nginx" ? " /door/envoy/orders/1 " : " /door/nginx "),
          "latin1",
        ),
    ],
    ...[
      "/door/",
      "/door",
      "/door/nginx/",
      "/door/ingress-nginx",
      "/door/nginx?x",
      "/door/nginx/../../metrics",
      "/door/envoy",
      "/door/envoyx/orders/1",
      "/door/Nginx",
      "//door/nginx",
      "/door/__proto__",
      "/door/%6eginx",
    ].map((door): Row => [
      48,
      `no door: ${door}`,
      (form) =>
        Buffer.from(
          bytesOf(form, user(admin))
            .toString("latin1")
            .replace(/ \/door\/\S+ /, ` ${door} `),
          "latin1",
        ),
    ]),
  ]);
});
