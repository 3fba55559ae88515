import type { GatewayRequest, HeaderLine } from "../../lib/policy";
import { findRoute, routeEntries, type Route } from "../../lib/decision/gateway";

interface Shape {
  exact?: string[];
  prefix?: string[];
  methods?: string[];
  headers?: Record<string, string>;
}

const route = (name: string, { exact = [], prefix = [], methods, headers }: Shape): Route => ({
  name,
  match: {
    paths: [
      ...exact.map((value) => ({ type: "Exact" as const, value })),
      ...prefix.map((value) => ({ type: "PathPrefix" as const, value })),
    ],
    ...(methods && { methods }),
    ...(headers && { headers }),
  },
  backends: [],
  policies: [],
});

const ROUTES = [
  route("root", { prefix: ["/"] }),
  route("a", { prefix: ["/a"] }),
  route("a-post", { prefix: ["/a"], methods: ["POST"] }),
  route("a-header", { prefix: ["/a"], headers: { "x-v": "2" } }),
  route("a-two-headers", { prefix: ["/a"], headers: { "x-v": "2", "x-beta": "yes" } }),
  route("a-post-header", { prefix: ["/a"], methods: ["POST"], headers: { "x-v": "2" } }),
  route("ab", { prefix: ["/a/b"] }),
  route("a-exact", { exact: ["/a/b/c"] }),
  route("post-only", { exact: ["/p"], methods: ["POST"] }),
  route("first", { prefix: ["/same"], headers: { "x-one": "1" } }),
  route("second", { prefix: ["/same"], headers: { "x-two": "2" } }),
];

function find(method: string, target: string, headers: HeaderLine[] = [], preflight = false, routes = ROUTES): string {
  const request: GatewayRequest = { scheme: "https", method, host: "h", target, headers, client: "", headBytes: 0 };
  return findRoute(routeEntries(routes), request, preflight)?.name ?? "none";
}

describe("Gateway API's order", () => {
  test.each<[string, string, HeaderLine[], string]>([
    ["GET", "/a/b/c", [], "a-exact"],
    ["GET", "/a/b/c?x=/y", [], "a-exact"],
    ["GET", "/a/b/c/", [], "ab"],
    ["GET", "/a/b/cc", [], "ab"],
    ["POST", "/a/b", [["x-v", "2"]], "ab"],
    ["GET", "/a", [], "a"],
    ["GET", "/a/", [], "a"],
    ["GET", "/ab", [], "root"],
    ["GET", "/A", [], "root"],
    ["POST", "/a", [], "a-post"],
    ["GET", "/a/x", [["X-V", "2"]], "a-header"],
    ["GET", "/a/x", [["x-v", "3"]], "a"],
    [
      "GET",
      "/a/x",
      [
        ["x-v", "2"],
        ["x-beta", "yes"],
      ],
      "a-two-headers",
    ],
    [
      "POST",
      "/a/x",
      [
        ["x-v", "2"],
        ["x-beta", "yes"],
      ],
      "a-post-header",
    ],
    [
      "GET",
      "/a/x",
      [
        ["x-v", "2"],
        ["x-v", "2"],
      ],
      "a",
    ],
    ["GET", "/a/x", [["x-v", "2, 2"]], "a"],
    ["GET", "/p", [], "root"],
    ["POST", "/p", [], "post-only"],
    ["POST", "/p/", [], "root"],
    [
      "GET",
      "/same",
      [
        ["x-one", "1"],
        ["x-two", "2"],
      ],
      "first",
    ],
    ["GET", "/same", [["x-two", "2"]], "second"],
    ["GET", "/", [], "root"],
  ])("%s %s %j: %s", (method, target, headers, expected) => {
    expect(find(method, target, headers)).toBe(expected);
  });

  test("the model's order matters only for what is equal", () => {
    const targets = ["/", "/a", "/ab", "/a/b", "/a/b/c", "/p"];
    const heads: HeaderLine[][] = [
      [],
      [["x-v", "2"]],
      [
        ["x-v", "2"],
        ["x-beta", "yes"],
      ],
    ];
    const reversed = [...ROUTES].reverse();
    for (const method of ["GET", "POST"]) {
      for (const target of targets) {
        for (const headers of heads) {
          expect(find(method, target, headers, false, reversed)).toBe(find(method, target, headers));
        }
      }
    }
    expect(
      find(
        "GET",
        "/same",
        [
          ["x-one", "1"],
          ["x-two", "2"],
        ],
        false,
        reversed,
      ),
    ).toBe("second");
  });

  test("a preflight belongs to a path, whatever methods its routes have", () => {
    const routes = [route("post-only", { exact: ["/p"], methods: ["POST"] })];
    expect(find("OPTIONS", "/p", [], false, routes)).toBe("none");
    expect(find("OPTIONS", "/p", [], true, routes)).toBe("post-only");
    expect(find("OPTIONS", "/q", [], true, routes)).toBe("none");
  });
});
