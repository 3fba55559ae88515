import { newExchange } from "../../../lib/decision/decide";
import type { Decision, GatewayRequest, State } from "../../../lib/policy";
import { pathHygiene } from "../../../lib/policy/kinds/path-hygiene";

const state = {} as State;

async function decide(target: string, except: string[] = []): Promise<Decision> {
  const request: GatewayRequest = {
    scheme: "https",
    method: "GET",
    host: "h",
    target,
    headers: [],
    client: "192.0.2.1",
    headBytes: 0,
  };
  const gateway = { system: "s", environment: "e", hosts: [] };
  return pathHygiene.decide?.(
    { except },
    newExchange(gateway, request, () => "id"),
    state,
  );
}

const status = async (target: string, except?: string[]): Promise<number> =>
  (await decide(target, except))?.status ?? 0;

describe("refused", () => {
  test.each([
    ["a dot segment", "/a/./b"],
    ["a dot segment at the end", "/a/."],
    ["a double dot segment", "/a/../b"],
    ["a double dot segment at the end", "/a/.."],
    ["an escaped dot", "/a/%2e/b"],
    ["two escaped dots", "/a/%2E%2e/b"],
    ["a dot and an escaped one", "/a/.%2e"],
    ["an empty segment", "/a//b"],
    ["an empty segment at the start", "//a"],
    ["an empty segment at the end", "/a//"],
    ["a backslash", "/a\\b"],
    ["a path parameter", "/a;b=1"],
    ["a fragment", "/a#b"],
    ["an escaped slash", "/a%2Fb"],
    ["an escaped slash in lower case", "/a%2fb"],
    ["an escaped backslash", "/a%5Cb"],
    ["an escaped percent sign", "/a%252e"],
    ["an escaped semicolon", "/a/..%3B/b"],
    ["an escaped question mark", "/a%3fb"],
    ["an escaped hash", "/a%23b"],
    ["a space behind dots", "/a/..%20/b"],
    ["spaces behind escaped dots", "/a/%2e%2E%20%20"],
    ["a byte that begins no character", "/a%ffb"],
    ["a byte that ends none", "/a%80b"],
    ["half a character", "/caf%C3/x"],
    ["half a character at the end", "/caf%C3"],
    ["a character spelled longer than it must be", "/a%c0%afb"],
    ["and in three bytes", "/a%e0%80%afb"],
    ["half a pair", "/a%ed%a0%80"],
    ["above the last character", "/a%f4%90%80%80"],
    ["an escaped NUL", "/a%00"],
    ["an escaped line feed", "/a%0a"],
    ["the last control character", "/a%1F"],
    ["an escaped DEL", "/a%7f"],
    ["an escaped letter", "/%61"],
    ["an escaped capital", "/%5A"],
    ["an escaped digit", "/%30"],
    ["half an escape", "/a%2"],
    ["a percent sign alone", "/a%"],
    ["an escape that is none", "/a%zz"],
    ["an escape with one digit", "/a%2g"],
    ["a space", "/a b"],
    ["a byte above ASCII", "/a\u00e9"],
    ["a control character", "/a\u0001"],
    ["a tab", "/a\tb"],
    ["no slash at the start", "a"],
    ["a whole URL", "http://h/a"],
    ["a star", "*"],
  ])("%s", async (_, target) => {
    expect(await status(target)).toBe(400);
  });
});

describe("taken", () => {
  test.each([
    ["the root", "/"],
    ["a slash at the end", "/a/"],
    ["three dots", "/a/..."],
    ["a dot file", "/.well-known/x"],
    ["dots inside", "/a..b/c."],
    ["sub-delims", "/a!$&'()*+,=:@-_~"],
    ["an escaped space", "/a%20b"],
    ["escaped bytes of UTF-8", "/%C3%A9"],
    ["an escaped exclamation mark", "/%21"],
    ["an escaped colon", "/%3A"],
    ["an escaped bracket", "/%5B%5d"],
    ["an escaped tilde", "/%7E"],
    ["anything in the query", "/a?b=//../%2f;\\%"],
  ])("%s", async (_, target) => {
    expect(await status(target)).toBe(0);
  });
});

describe("exceptions", () => {
  test.each<[string, string, number]>([
    ["an empty segment below", "/files//a", 0],
    ["an escaped slash below", "/files/a%2Fb", 0],
    ["the prefix itself", "/files", 0],
    ["dot segments never", "/files/../a", 400],
    ["escaped dot segments never", "/files/%2e%2e/a", 400],
    ["a path that only begins alike", "/files2//a", 400],
    ["another path", "/other//a", 400],
    ["an escaped prefix", "/%66iles//a", 400],
  ])("%s: %s", async (_, target, expected) => {
    expect(await status(target, ["/files"])).toBe(expected);
  });
});
