import type { GatewayModel } from "../lib/model";
import { modelOf } from "./conformance/systems";
import { renderNginx } from "./nginx-render";
import { goodModel, parseNginx, small, type Directive } from "./support";

/** How a route gets to its service on nginx: through the filter, past its door, or by nginx alone. */

const model = (system: string): GatewayModel => {
  const found = modelOf(system);
  if (!found) throw new Error(system);
  return found;
};

const blocksOf = (tree: readonly Directive[], name: string): Directive[] =>
  tree.flatMap((d) => [...(d.name === name ? [d] : []), ...(d.block ? blocksOf(d.block, name) : [])]);

const wordsOf = (d: Directive): string => d.args.map((a) => a.text).join(" ");

class Conf {
  readonly #tree: Directive[];

  constructor(model: GatewayModel) {
    this.#tree = parseNginx(renderNginx(model, "production"));
  }

  /** All values that a directive has anywhere. */
  all(name: string): string[] {
    return [...new Set(blocksOf(this.#tree, name).map(wordsOf))];
  }

  upstream(name: string): string[] {
    const found = blocksOf(this.#tree, "upstream").find((d) => wordsOf(d) === name);
    return (found?.block ?? []).filter((d) => d.name === "server").map(wordsOf);
  }

  locations(): string[] {
    return blocksOf(this.#tree, "location").map(wordsOf);
  }

  /** What stands in the location of a route, directive by directive; the first host's. */
  route(name: string): Record<string, string[]> {
    return this.location(`= /.gateway/routes/${name}`);
  }

  location(at: string): Record<string, string[]> {
    const found = blocksOf(this.#tree, "location").find((d) => wordsOf(d) === at);
    if (!found) throw new Error(at);
    return this.#lines(found);
  }

  /** What routes inherit; the first server's that has any. */
  server(): Record<string, string[]> {
    const all = blocksOf(this.#tree, "server").map((d) => this.#lines(d));
    return all.find((lines) => lines["proxy_set_header"]) ?? {};
  }

  #lines(found: Directive): Record<string, string[]> {
    const lines: Record<string, string[]> = {};
    for (const d of found.block ?? []) (lines[d.name] ??= []).push(wordsOf(d));
    return lines;
  }
}

describe("serhafen, which goes through whole", () => {
  const conf = new Conf(model("serhafen"));

  test("asks at no door and calls no service", () => {
    expect(conf.all("auth_request")).toEqual(["off"]);
    expect(conf.all("proxy_pass")).toEqual(["http://gateway_through$request_uri"]);
    expect(conf.upstream("gateway_filter")).toEqual([]);
    expect(conf.upstream("iam")).toEqual([]);
    expect(conf.upstream("gateway_through")).toEqual(Array(2).fill("127.0.0.1:20091 max_fails=0"));
  });

  test("is tried again only where nothing was sent, and buffers no body", () => {
    expect(conf.all("proxy_next_upstream")).toEqual(["error"]);
    expect(conf.all("proxy_next_upstream_tries")).toEqual([]);
    expect(conf.all("proxy_request_buffering")).toEqual(["off"]);
    // Longer than the filter may take: ten seconds in all, and a margin.
    // As long as the filter waits for a pause, and longer.
    expect(conf.route("users")["proxy_read_timeout"]).toEqual(["65s"]);
  });

  test("tells the filter who calls and which route it is, whatever the client has said", () => {
    expect(conf.route("users")["proxy_set_header"]).toBeUndefined();
    const sent = conf.server()["proxy_set_header"] ?? [];
    expect(sent).toEqual(
      expect.arrayContaining(["X-Gateway-Client $gateway_client", "X-Gateway-Route $gateway_route"]),
    );
    const names = sent.map((line) => line.split(" ")[0]?.toLowerCase() ?? "");
    expect(names.filter((name, i) => names.indexOf(name) !== i)).toEqual([]);
  });
});

describe("the lab, of which a part goes through", () => {
  const conf = new Conf(model("lab"));

  test("asks at the door for the routes that need it, and for no other", () => {
    expect(conf.all("auth_request").sort()).toEqual(["/.gateway/door", "off"]);
    expect(conf.upstream("gateway_filter")).toEqual(["127.0.0.1:20090"]);
    expect(conf.route("keyed")["auth_request"]).toBeUndefined();
    expect(conf.route("keyed")["proxy_pass"]).toEqual(["http://one$request_uri"]);
    for (const name of ["public", "picky-tries", "signed", "compressed"]) {
      expect(conf.route(name)["auth_request"]).toEqual(["off"]);
    }
  });

  test("tries again by itself where the route does not go through", () => {
    expect(conf.route("picky-tries")).toMatchObject({
      proxy_next_upstream: ["error timeout http_503"],
      proxy_next_upstream_tries: ["2"],
      proxy_pass: ["http://one$request_uri"],
    });
    expect(conf.route("picky-tries/once")).toMatchObject({ proxy_next_upstream: ["off"] });
    // nginx tries a next server, never the same one again.
    expect(conf.upstream("one")).toEqual(["127.0.0.1:20001 max_fails=0", "127.0.0.1:20001 max_fails=0"]);
    expect(conf.route("single")).toMatchObject({ proxy_next_upstream: ["off"] });
  });

  test("leaves weights, rewrites and headers to the filter where it goes through, and does them elsewhere", () => {
    expect(conf.route("weighted")["proxy_pass"]?.[0]).toMatch(/^http:\/\/\$gateway_backend_/);
    expect(conf.route("moved")["proxy_pass"]?.[0]).toMatch(/^http:\/\/one\$gateway_target_/);
    expect(conf.route("headers")["proxy_set_header"]?.some((line) => line.startsWith("x-set "))).toBe(true);
    const through = conf.route("weighted-through");
    expect(through["proxy_pass"]).toEqual(["http://gateway_through$request_uri"]);
    expect(through["proxy_set_header"]?.some((line) => line.startsWith("x-way "))).toBe(false);
  });

  test("gives an open WebSocket the time that the route gives it, also through the filter", () => {
    expect(conf.route("live/upgrade")["proxy_read_timeout"]).toEqual(["3600s"]);
    expect(conf.route("live/upgrade")["proxy_pass"]).toEqual(["http://gateway_through$request_uri"]);
  });

  test("has no service that only the filter calls", () => {
    const used = conf.all("proxy_pass").filter((to) => to.startsWith("http://two"));
    expect(used.length).toBeGreaterThan(0);
    const throughOnly = new Conf(
      goodModel(small({ policies: { compression: {} }, services: { orders: { address: "orders:1" } } })),
    );
    expect(throughOnly.upstream("orders")).toEqual([]);
  });
});

describe("one path as exact and as prefix", () => {
  const route = { match: {}, service: "orders" };
  const conf = new Conf(
    goodModel(
      small({
        routes: [
          { ...route, name: "write", match: { exact: ["/r"], methods: ["POST"] } },
          { ...route, name: "other", match: { prefix: ["/r"] } },
        ],
        services: { orders: { address: "orders:1" } },
      }),
    ),
  );

  test("shares the location of the path, and what is below has its own", () => {
    expect(conf.locations().filter((at) => at === "= /r")).toHaveLength(1);
    expect(conf.locations().filter((at) => at === "/r/")).toHaveLength(1);
  });

  test("falls back on the prefix where the exact match takes another method", () => {
    const { if: conditions = [], rewrite = [] } = conf.location("= /r");
    expect(conditions).toEqual(["($request_method ~ ^(POST)$ )"]);
    expect(rewrite).toEqual(["^ /.gateway/routes/other last"]);
  });
});
