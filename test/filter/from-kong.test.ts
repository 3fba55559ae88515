import { Readable } from "node:stream";
import type { IncomingMessage } from "node:http";
import { fromKong } from "../../lib/filter/from-kong";

/** A head as Kong 3.9 sends it (kong/runloop/handler.lua, kong/templates/nginx_kong.lua). */
function message(url: string, own: Readonly<Record<string, string | undefined>> = {}): IncomingMessage {
  const said: Record<string, string | undefined> = {
    Via: "1.1 kong/3.9.1",
    Host: "Shop.example",
    "X-Forwarded-For": "198.51.100.7, 10.0.0.1",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "shop.example",
    "X-Forwarded-Port": "8443",
    "X-Forwarded-Path": "/orders",
    "X-Real-IP": "198.51.100.7",
    ...own,
  };
  const rawHeaders = Object.entries(said).flatMap(([name, value]) => (value === undefined ? [] : [name, value]));
  return Object.assign(new Readable({ read: () => undefined }), {
    ...{ url, rawHeaders, method: "GET", headers: {}, setTimeout: () => undefined },
  }) as unknown as IncomingMessage;
}

const GATEWAY = { tls: "gateway" } as const;
const targetOf = (url: string, path: string): string | undefined =>
  fromKong(message(url, { "X-Forwarded-Path": path }), GATEWAY)?.request.target;

test("the path is the one that the client has written, with the query as it came", () => {
  expect(targetOf("/b", "/a/../b")).toBe("/a/../b");
  expect(targetOf("/a/b?x=%2F&y", "/a//b")).toBe("/a//b?x=%2F&y");
  expect(targetOf("/a?", "/%61")).toBe("/%61?");
});

test("who calls is Kong's word, and a client's own words on it count for nothing", () => {
  const request = fromKong(message("/orders", { "X-Gateway-Route": "open", "X-Gateway-Client": "1.1.1.1" }), GATEWAY);
  expect([request?.request.client, request && "route" in request]).toEqual(["198.51.100.7", false]);
});

test("a path that does not begin with a slash is none", () => {
  expect(targetOf("/?x=1", "?x=1")).toBeUndefined();
});

test.each(["X-Forwarded-Path", "X-Real-IP", "Host"])("without %s there is no request", (name) => {
  expect(fromKong(message("/orders", { [name]: undefined }), GATEWAY)).toBeUndefined();
});

test("a plain connection is http, unless TLS ends in front", () => {
  const plain = message("/orders", { "X-Forwarded-Proto": "http" });
  expect(fromKong(plain, GATEWAY)?.request.scheme).toBe("http");
  expect(fromKong(plain, { tls: "front" })?.request.scheme).toBe("https");
});

test("services hear what a client has said in Via, without Kong", () => {
  const via = (value: string): unknown =>
    fromKong(message("/orders", { Via: value }), GATEWAY)?.request.headers.find(([name]) => name === "Via")?.[1];
  expect([via("1.1 kong/3.9.1"), via("1.0 a, 1.1 b, 1.1 kong/3.9.1")]).toEqual([undefined, "1.0 a, 1.1 b"]);
});

test("what Kong has added is no part of the client's head", () => {
  const bytes = fromKong(message("/orders"), GATEWAY)?.request.headBytes;
  expect(bytes).toBe("GET /orders HTTP/1.1\r\nHost: Shop.example\r\n\r\n".length);
});
