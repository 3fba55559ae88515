import { bundle } from "../parts/bundle";
import { spawnSync } from "node:child_process";
import path from "node:path";
import { gzipSync } from "node:zlib";
import { compile } from "../../lib/targets";
import { goodModel, small, removeTemporaryDirectories, temporaryDirectory, writeIn } from "../support";
import { BadEnvironment, coreOptions, filterEnvironment } from "../../lib/filter/environment";

/** What the environment says is taken as it is meant, or not at all. */

afterAll(removeTemporaryDirectories);

describe("variables", () => {
  test("each is what it says", () => {
    const said = filterEnvironment({
      LISTEN_HOST: "0.0.0.0",
      ADMIN_PORT: "0",
      KEYS_REFRESH_MS: "60000",
      KEYS_CACHE_DIR: "/cache",
      TOKEN_CACHE_BYTES: "0",
      REDIS_URL: "rediss://store:6379/1",
      PATH: "/bin",
    });
    expect(said).toEqual({
      LISTEN_HOST: "0.0.0.0",
      ADMIN_PORT: 0,
      KEYS_REFRESH_MS: 60_000,
      KEYS_CACHE_DIR: "/cache",
      TOKEN_CACHE_BYTES: 0,
      REDIS_URL: "rediss://store:6379/1",
    });
  });

  test("what is not said has its default", () => {
    expect(coreOptions(filterEnvironment({}))).toEqual({
      drainMs: 0,
      keyTimes: { refreshMs: 300_000, maxStaleMs: 86_400_000, directory: undefined },
      secretTimes: { refreshMs: 300_000 },
      tokenCacheBytes: undefined,
      storeTimeoutMs: undefined,
    });
  });

  test("what is said is used", () => {
    const said = filterEnvironment({
      DRAIN_MS: "1",
      KEYS_REFRESH_MS: "2",
      KEYS_MAX_STALE_MS: "3",
      KEYS_CACHE_DIR: "/keys",
      SECRETS_REFRESH_MS: "4",
      TOKEN_CACHE_BYTES: "5",
      STORE_TIMEOUT_MS: "6",
    });
    expect(coreOptions(said)).toEqual({
      drainMs: 1,
      keyTimes: { refreshMs: 2, maxStaleMs: 3, directory: "/keys" },
      secretTimes: { refreshMs: 4 },
      tokenCacheBytes: 5,
      storeTimeoutMs: 6,
    });
  });

  const refusal = (env: NodeJS.ProcessEnv): string => {
    try {
      filterEnvironment(env);
    } catch (error) {
      expect(error).toBeInstanceOf(BadEnvironment);
      return (error as Error).message;
    }
    return "taken";
  };

  test.each<[string, string, string]>([
    ["KEYS_REFRESH_MS", "oops", 'KEYS_REFRESH_MS is "oops": write whole milliseconds from 1 to 2147483647.'],
    ["KEYS_REFRESH_MS", "0", 'KEYS_REFRESH_MS is "0": write whole milliseconds from 1 to 2147483647.'],
    ["KEYS_REFRESH_MS", "", 'KEYS_REFRESH_MS is "": write whole milliseconds from 1 to 2147483647.'],
    ["SECRETS_REFRESH_MS", "-1", 'SECRETS_REFRESH_MS is "-1": write whole milliseconds from 1 to 2147483647.'],
    ["DRAIN_MS", "1.5", 'DRAIN_MS is "1.5": write whole milliseconds from 0 to 2147483647.'],
    ["DRAIN_MS", "10s", 'DRAIN_MS is "10s": write whole milliseconds from 0 to 2147483647.'],
    // A timer would take it for 1 ms.
    ["STORE_TIMEOUT_MS", "2147483648", "STORE_TIMEOUT_MS"],
    ["KEYS_MAX_STALE_MS", "Infinity", "KEYS_MAX_STALE_MS"],
    ["TOKEN_CACHE_BYTES", "64MiB", 'TOKEN_CACHE_BYTES is "64MiB": write bytes, 0 or more.'],
    ["ADMIN_PORT", "65536", 'ADMIN_PORT is "65536": write a port from 0 to 65535.'],
    ["HTTP_PORT", "tcp://10.0.0.1:80", 'HTTP_PORT is "tcp://10.0.0.1:80": write a port from 0 to 65535.'],
    ["FILTER_WORKERS", "0", 'FILTER_WORKERS is "0": write a number of processes from 1 to 1024.'],
    // Node would listen everywhere.
    ["LISTEN_HOST", "", 'LISTEN_HOST is "": write an address, such as 127.0.0.1.'],
    ["LISTEN_HOST", "0.0.0.0:80", "LISTEN_HOST"],
    ["KEYS_CACHE_DIR", "", 'KEYS_CACHE_DIR is "": write a folder.'],
    ["TLS_CERTIFICATE", "", 'TLS_CERTIFICATE is "": write a PEM file.'],
  ])("%s=%j is refused", (name, value, expected) => {
    expect(refusal({ [name]: value })).toContain(expected);
  });

  test("every fault is named at once", () => {
    expect(refusal({ DRAIN_MS: "x", ADMIN_PORT: "y" }).split("\n")).toHaveLength(2);
  });

  test("an address that may hold a password is not repeated", () => {
    const said = refusal({ REDIS_URL: "redis:/u:geheim@store" });
    expect(said).toBe(
      "REDIS_URL is not good: write redis://host:port, rediss://host:port or redis+cluster://host:port,host:port.",
    );
  });

  test.each([
    [{ TLS_CERTIFICATE: "/tls.crt" }, "TLS_CERTIFICATE and TLS_KEY belong together."],
    [{ TLS_KEY: "/tls.key" }, "TLS_CERTIFICATE and TLS_KEY belong together."],
  ])("half of a certificate is none: %j", (env, expected) => {
    expect(refusal(env)).toBe(expected);
  });
});

describe("the filter's own start", () => {
  let program = "";
  beforeAll(async () => {
    program = await bundle("bin/filter.ts");
  });
  const start = (env: NodeJS.ProcessEnv, plan = "nowhere.json"): { status: number | null; stderr: string } =>
    spawnSync(process.execPath, [program, plan], {
      cwd: path.join(__dirname, "../.."),
      env: { ...process.env, ...env },
      encoding: "utf8",
      timeout: 20_000,
    });

  test.each([
    [{ KEYS_REFRESH_MS: "oops" }, 'KEYS_REFRESH_MS is "oops"'],
    // The supervisor would replace its workers for ever.
    [{ FILTER_WORKERS: "2", DRAIN_MS: "oops" }, 'DRAIN_MS is "oops"'],
    [{ FILTER_WORKERS: "two" }, 'FILTER_WORKERS is "two"'],
    [{ HTTP_PORT: "0" }, "HTTP_PORT needs HTTPS_PORT"],
  ])("%j is exit 2 with a word on it", (env, expected) => {
    const { status, stderr } = start(env);
    expect(stderr).toContain(expected);
    expect(status).toBe(2);
  });

  test.each([
    ["filter.json", (text: string) => text],
    ["filter.json.gz", (text: string) => gzipSync(text)],
  ])("without its plan's secrets it does not start, and names the variables: %s", (name, form) => {
    const secrets = { keys: { env: "SHOP_KEYS" }, rings: { env: "SHOP_RINGS" }, kept: { file: "/run/secrets/kept" } };
    const { value } = compile(goodModel(small({ targets: ["node-gateway"], secrets })), "production");
    const plan = value?.files.find((f) => /(filter|plan)\.json$/.test(f.path))?.content ?? "";
    const { status, stderr } = start({ SHOP_RINGS: "{}" }, writeIn(temporaryDirectory(), name, form(plan)));
    expect(stderr).toContain("SHOP_KEYS: the plan's secrets are in no such variable");
    expect(stderr).not.toContain("SHOP_RINGS");
    expect(status).toBe(2);
  });
});
