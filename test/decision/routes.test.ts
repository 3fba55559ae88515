import fc from "fast-check";
import type { GatewayRequest, HeaderLine } from "../../lib/policy";
import type { PathMatch, Route } from "../../lib/decision/gateway";
import { RouteTable, routeEntries } from "../../lib/decision/route-table";
import { mayShare, pathFits, requestFits } from "../../lib/decision/route-match";
import { PathTree } from "../../lib/decision/shared-paths";

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
  return new RouteTable(routes).find(request, preflight)?.name ?? "none";
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

describe("paths with variables", () => {
  const paths = (...all: PathMatch[]): Route[] =>
    all.map((path) => ({ name: path.value, match: { paths: [path] }, backends: [], policies: [] }));
  const template = (value: string): PathMatch => ({ type: "PathTemplate", value });
  const routes = paths(
    { type: "PathPrefix", value: "/a" },
    template("/a/{x}/{y}"),
    template("/a/{x}/c"),
    template("/{w}/b/c"),
    { type: "Exact", value: "/a/b/c" },
  );

  test.each([
    ["/a/b/c", "/a/b/c"],
    ["/a/z/c", "/a/{x}/c"],
    ["/z/b/c", "/{w}/b/c"],
    ["/a/z/z", "/a/{x}/{y}"],
    ["/a/z/", "/a"],
    ["/a//z", "/a"],
    ["/a/z/z/", "/a"],
    ["/a/%7Bx%7D/%2F", "/a/{x}/{y}"],
    ["/z/z/z", "none"],
  ])("%s is of %s", (target, expected) => {
    expect(find("GET", target, [], false, routes)).toBe(expected);
    expect(find("GET", target, [], false, [...routes].reverse())).toBe(expected);
  });

  const segment = fc.constantFrom("a", "b", "{x}", "{y}");
  const anyPath = fc
    .tuple(fc.constantFrom("Exact", "PathPrefix", "PathTemplate"), fc.array(segment, { maxLength: 4 }))
    .map(([type, all]): PathMatch => {
      const plain = type === "PathTemplate" ? all : all.map((s) => s.replace(/[{}]/g, ""));
      return { type: type, value: `/${plain.join("/")}` };
    });

  test("two paths share a request, or none can", () => {
    const words = ["a", "b", "x", "y"];
    const all = [1, 2, 3, 4].reduce<string[][]>(
      (made) => [
        ...made,
        ...made.filter((m) => m.length === made.at(-1)?.length).flatMap((m) => words.map((w) => [...m, w])),
      ],
      [[]],
    );
    const requests = all.map((m) => `/${m.join("/")}`);
    fc.assert(
      fc.property(anyPath, anyPath, (left, right) => {
        const shared = requests.some((request) => pathFits(left, request) && pathFits(right, request));
        expect(mayShare(left, right)).toBe(shared);
      }),
      { numRuns: 200 },
    );
  });

  test("a tree of paths knows which share a request", () => {
    fc.assert(
      fc.property(fc.array(anyPath, { maxLength: 8 }), anyPath, fc.nat(7), (all, asked, wanted) => {
        const tree = new PathTree<number>();
        all.forEach((path, i) => {
          tree.add(path, i);
        });
        const shared = all.flatMap((path, i) => (mayShare(path, asked) ? [i] : []));
        expect(tree.someSharing(asked, () => true)).toBe(shared.length > 0);
        expect(tree.someSharing(asked, (i) => i === wanted)).toBe(shared.includes(wanted));
      }),
      { numRuns: 2000 },
    );
  });

  test("a table finds what one finds who looks through all routes in their order", () => {
    const method = fc.constantFrom("GET", "POST", "PUT");
    const anyRoute = fc.record({
      paths: fc.array(anyPath, { minLength: 1, maxLength: 3 }),
      methods: fc.option(fc.uniqueArray(method, { minLength: 1, maxLength: 2 }), { nil: undefined }),
      header: fc.option(fc.constantFrom("1", "2"), { nil: undefined }),
    });
    const target = fc
      .tuple(
        fc.array(fc.constantFrom("a", "b", "x", "y", "", "c"), { maxLength: 5 }),
        fc.constantFrom("", "?q=/a", "/"),
      )
      .map(([all, end]) => `/${all.join("/")}${end}`);
    const request = fc.tuple(method, fc.oneof(target, fc.constant("*")), fc.constantFrom("1", "2", "3"), fc.boolean());
    fc.assert(
      fc.property(fc.array(anyRoute, { maxLength: 12 }), fc.array(request, { maxLength: 20 }), (shapes, requests) => {
        const routes = shapes.map(({ paths, methods, header }, i): Route => ({
          name: `route-${String(i)}`,
          match: { paths, ...(methods && { methods }), ...(header !== undefined && { headers: { "x-v": header } }) },
          backends: [],
          policies: [],
        }));
        const table = new RouteTable(routes);
        for (const [method, target, version, preflight] of requests) {
          const headers: HeaderLine[] = [["x-v", version]];
          const asked: GatewayRequest = {
            scheme: "https",
            method,
            host: "h",
            target,
            headers,
            client: "",
            headBytes: 0,
          };
          const [path = ""] = target.split("?");
          const first = routeEntries(routes).find(
            (e) => pathFits(e.path, path) && (preflight || requestFits(e.route.match, asked)),
          );
          expect(table.find(asked, preflight)?.name).toBe(first?.route.name);
        }
      }),
      { numRuns: 1000 },
    );
  });
});
