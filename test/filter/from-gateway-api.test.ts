import { Readable } from "node:stream";
import type { IncomingMessage } from "node:http";
import { fromGatewayApi } from "../../lib/filter/from-gateway-api";
import type { GatewayRequest } from "../../lib/policy";

const HEAD = {
  Host: "Shop.example:8443",
  "X-Forwarded-For": "203.0.113.7",
  "X-Gateway-Scheme": "https",
};

function from(
  own: Readonly<Record<string, string | undefined>>,
  front: { hops: number; networks: string[] } = { hops: 0, networks: [] },
): GatewayRequest | undefined {
  const all: Record<string, string | undefined> = { ...HEAD, ...own };
  const rawHeaders = Object.entries(all).flatMap(([name, value]) => (value === undefined ? [] : [name, value]));
  const message = Object.assign(new Readable({ read: () => undefined }), {
    ...{ url: "/a/../b?x", rawHeaders, method: "GET", headers: {}, setTimeout: () => undefined },
  }) as unknown as IncomingMessage;
  return fromGatewayApi(message, front)?.request;
}

test("host and target are as they came, and none of the gateway's own words is the client's", () => {
  const words = { "X-Forwarded-Proto": "http", "X-Envoy-External-Address": "1.1.1.1", "X-Gateway-Client": "1.1.1.1" };
  const request = from({ ...words, "X-Forwarded-Server": "a", "X-Own": "1" });
  expect([request?.host, request?.target, request?.scheme]).toEqual(["shop.example", "/a/../b?x", "https"]);
  expect(request?.headers.map(([name]) => name)).toEqual(["Host", "X-Own"]);
});

const ALB = { hops: 1, networks: ["10.0.0.0/16"] };
test.each<[string, string, Parameters<typeof from>[1], string]>([
  ["nobody in front", "1.1.1.1, 203.0.113.7", undefined, "203.0.113.7"],
  ["a balancer", "1.1.1.1, 203.0.113.7, 10.0.0.9", ALB, "203.0.113.7"],
  ["somebody beside the balancer", "1.1.1.1, 203.0.113.7, 192.0.2.1", ALB, "192.0.2.1"],
  ["a balancer that says nothing", "10.0.0.9", ALB, "10.0.0.9"],
  ["two balancers", "1.1.1.1, 203.0.113.7, 10.0.0.8, 10.0.0.9", { ...ALB, hops: 2 }, "203.0.113.7"],
])("behind %s the client is who it tells of", (_, told, front, client) => {
  expect(from({ "X-Forwarded-For": told }, front)?.client).toBe(client);
});

test.each<[string, Record<string, string | undefined>]>([
  ["no scheme", { "X-Gateway-Scheme": undefined }],
  ["another scheme", { "X-Gateway-Scheme": "wss" }],
  ["two schemes", { "x-gateway-scheme": "http" }],
  ["nobody", { "X-Forwarded-For": undefined }],
  ["no address", { "X-Forwarded-For": "203.0.113.7, unknown" }],
  ["no host", { Host: undefined }],
])("%s said: no request", (_, own) => {
  expect(from(own)).toBeUndefined();
});
