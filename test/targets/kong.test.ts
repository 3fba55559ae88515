import { load } from "js-yaml";
import type { GatewayInput } from "../../lib/model";
import { compile } from "../../lib/targets";
import { modelOf } from "../conformance/systems";
import { expectDiagnostics, goodModel, small } from "../support";
import { kongFile } from "./kong-file";

/** The target's files by name. */
function filesOf(model: ReturnType<typeof goodModel>, environment = "production"): Record<string, string> {
  const { value, diagnostics } = compile({ ...model, targets: ["kong"] }, environment);
  if (!value) throw new Error(JSON.stringify(diagnostics));
  return Object.fromEntries(value.files.map(({ path, content }) => [path.split("/").at(-1) ?? "", content]));
}

const kong = (input: Partial<GatewayInput> = {}): Record<string, string> =>
  filesOf(goodModel(small({ targets: ["kong"], ...input })));

/** A setting of `kong.conf`. */
const setting = (files: Record<string, string>, name: string): string | undefined =>
  new RegExp(`^${name} = (.*)$`, "m").exec(files["kong.conf"] ?? "")?.[1];

describe("the declarative file", () => {
  test.each(["serhafen", "maternal", "mmr", "equb"])("of %s is one that Kong takes", (system) => {
    const files = filesOf(modelOf(system) as ReturnType<typeof goodModel>);
    expect(kongFile.safeParse(load(files["kong.yaml"] ?? "")).error?.issues ?? []).toEqual([]);
  });

  test("shows a host its own certificate, by names of variables that the workload has", () => {
    const hosts = {
      "shop.example": {},
      "b.example": { certificate: { secret: "b-tls" } },
      "c.example": { certificate: { secret: "b-tls" } },
    };
    const file = load(kong({ hosts })["kong.yaml"] ?? "") as { certificates: unknown[] };
    expect(file.certificates).toEqual([
      {
        id: expect.any(String) as string,
        cert: "{vault://env/tls-crt-b-tls}",
        key: "{vault://env/tls-key-b-tls}",
        snis: [{ name: "b.example" }, { name: "c.example" }],
      },
    ]);
    expect(kongFile.safeParse(file).success).toBe(true);
  });

  test("waits longer than any route may say nothing", () => {
    const routes = [
      {
        name: "events",
        match: { prefix: ["/events"] },
        service: "orders",
        policies: { timeouts: { idle: null }, webSocket: { allowed: true, idle: "2h" } },
      },
    ];
    const { services } = load(kong({ routes })["kong.yaml"] ?? "") as { services: { read_timeout: number }[] };
    expect(services[0]?.read_timeout).toBeGreaterThanOrEqual(24 * 86_400_000);
    expect(services[0]?.read_timeout).toBeLessThan(2 ** 31 - 1);
  });
});

test("what Kong says itself no client can say, and a model that wants it is refused", () => {
  const { diagnostics } = compile(
    goodModel(small({ targets: ["kong"], policies: { headerHygiene: { pass: ["x-forwarded-prefix"] } } })),
    "production",
  );
  expectDiagnostics(diagnostics, [
    { code: "plan/unenforceable-policy", at: "shop/hosts/api.shop.test/policies/headerHygiene" },
  ]);
});

describe("twenty mistakes, each refused with its reason", () => {
  interface File {
    services: [{ routes: [Record<string, unknown>] } & Record<string, unknown>];
    certificates: object[];
  }
  const good = (): File =>
    load(
      kong({ hosts: { "b.example": { certificate: { secret: "b-tls" } }, "shop.example": {} } })["kong.yaml"] ?? "",
    ) as File;
  const service = (change: object) => (file: File) => ({ ...file, services: [{ ...file.services[0], ...change }] });
  const route = (change: object) => (file: File) =>
    service({ routes: [{ ...file.services[0].routes[0], ...change }] })(file);
  const plugin = (change: object) => (file: File) => ({
    ...file,
    plugins: [{ name: "prometheus", config: {}, ...change }],
  });
  const certificate = (change: object) => (file: File) => ({
    ...file,
    certificates: file.certificates.map((one) => ({ ...one, ...change })),
  });

  test.each<[string, (file: File) => unknown, RegExp]>([
    ["strip_path forgotten", route({ strip_path: undefined }), /strip_path is true by default/],
    ["preserve_host forgotten", route({ preserve_host: undefined }), /preserve_host is false by default/],
    ["path_handling v1", route({ path_handling: "v1" }), /deprecated/],
    ["bodies buffered", route({ request_buffering: true }), /false/],
    ["answers buffered", route({ response_buffering: undefined }), /false/],
    ["https alone", route({ protocols: ["https"] }), /the other scheme/],
    ["a pattern without ~", route({ paths: ["/users/[0-9]+"] }), /without ~/],
    ["a path without a slash", route({ paths: ["users"] }), /begins with/],
    ["an empty segment", route({ paths: ["/a//b"] }), /empty segment/],
    ["a host in capitals", route({ hosts: ["API.example"] }), /match/],
    ["no path", route({ paths: [] }), /Too small/],
    ["a misspelt field", route({ strip_paths: false }), /Unrecognized key/],
    ["retries left to Kong", service({ retries: undefined }), /expected int|expected number/],
    ["five tries", service({ retries: 5 }), /five by default/],
    ["seconds for milliseconds", service({ read_timeout: 60 }), /milliseconds/],
    ["no time at all", service({ connect_timeout: 0 }), /Too small/],
    ["a port that is none", service({ port: 99_999 }), /Too big/],
    ["a host with its port", service({ host: "filter:9001" }), /has no port/],
    ["a plugin of a wrong name", plugin({ name: "promethius" }), /nobody has checked/],
    ["a plugin's misspelt field", plugin({ config: { latency_metric: true } }), /Unrecognized key/],
    ["an older form", (file) => ({ ...file, _format_version: "2.1" }), /migrated/],
    ["a form that is a number", (file) => ({ ...file, _format_version: 3.0 }), /no text/],
    ["a key in the file", certificate({ key: "-----BEGIN PRIVATE KEY-----" }), /match/],
    ["a certificate for nobody", certificate({ snis: [] }), /never shown/],
  ])("%s", (_, change, reason) => {
    const { error } = kongFile.safeParse(change(good()));
    expect(error?.issues.map(({ message }) => message).join("\n")).toMatch(reason);
  });

  test("none of them is in the file itself", () => {
    expect(kongFile.safeParse(good()).success).toBe(true);
  });
});

test("Connection may name its own options and no header", () => {
  const pattern = /\$http_connection !~\* "(.*)"\)/.exec(kong()["edge.conf"] ?? "")?.[1] ?? "";
  // JavaScript knows no possessive quantifiers.
  const options = new RegExp(pattern.replace(/\*\+/g, "*"), "i");
  const taken = ["", "close", "keep-alive", "Keep-Alive, Upgrade", "upgrade, http2-settings", " TE , close"];
  const refused = ["x-user-id", "close, x-user-id", "content-type", "closed", "keep-alive x-user-id"];
  expect([taken.filter((t) => !options.test(t)), refused.filter((t) => options.test(t))]).toEqual([[], []]);
});

describe("who calls", () => {
  test("is the last that a balancer names, which alone is believed", () => {
    const files = kong({ front: { kind: "alb", networks: ["10.0.0.0/16", "10.1.0.0/16"] } });
    expect(files["edge.conf"]).toContain("set_real_ip_from 10.0.0.0/16;\nset_real_ip_from 10.1.0.0/16;\n");
    expect(setting(files, "nginx_proxy_real_ip_header")).toBe("X-Forwarded-For");
    expect(setting(files, "trusted_ips")).toBeUndefined();
  });

  test("is who has opened the connection where nothing is in front", () => {
    const files = kong();
    expect(files["edge.conf"]).not.toContain("set_real_ip_from");
    expect(setting(files, "nginx_proxy_real_ip_header")).toBeUndefined();
  });

  test("is told by the PROXY protocol behind an NLB", () => {
    const files = kong({ front: { kind: "nlb", networks: ["10.0.0.0/16"] } });
    expect(files["edge.conf"]).toContain("set_real_ip_from 10.0.0.0/16;");
    expect(setting(files, "nginx_proxy_real_ip_header")).toBe("proxy_protocol");
    expect(setting(files, "proxy_listen")).toMatch(/:8000 proxy_protocol .*:8443 http2 ssl proxy_protocol /);
  });

  test("cannot be known two hops away", () => {
    const front = { kind: "cloudfront-alb" as const, networks: ["10.0.0.0/16"] };
    const { diagnostics } = compile(goodModel(small({ front, targets: ["kong"] })), "production");
    expectDiagnostics(diagnostics, [{ code: "plan/unsupported-front", at: "shop/targets/kong" }]);
  });
});

test("where TLS ends in front there is one listener, without it", () => {
  const files = kong({ front: { kind: "alb", networks: ["10.0.0.0/16"], tls: "front" } });
  expect(setting(files, "proxy_listen")).toBe("0.0.0.0:8000 reuseport backlog=16384");
  expect(setting(files, "ssl_cert")).toBeUndefined();
});
