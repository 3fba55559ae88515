import { kindNamed } from "../../lib/policy";

/** What frames a message, or is a word between proxies, is never set by a model: the door would write it as its own. */
const SETTINGS = {
  jwt: (header: string) => ({ issuers: ["main"], claimHeaders: { [header]: "sub" } }),
  tenant: (header: string) => ({ headers: { [header]: "tenant" } }),
  requestHeaders: (header: string) => ({ set: { [header]: "x" } }),
  responseHeaders: (header: string) => ({ set: { [header]: "x" } }),
};
const NAMES = [
  ...["Content-Length", "transfer-encoding", "HOST", "connection", "upgrade", "trailer", "te", "expect"],
  ...["proxy-connection", "x-gateway-user", "X-Envoy-Auth-Headers-To-Remove"],
];

describe.each(Object.entries(SETTINGS))("%s", (kind, setting) => {
  const isGood = (header: string): boolean =>
    kindNamed(kind as keyof typeof SETTINGS).schema.safeParse(setting(header)).success;

  test.each(NAMES)("cannot set %s", (name) => {
    expect(isGood(name)).toBe(false);
  });

  test("can set another", () => {
    expect(isGood("x-user-id")).toBe(true);
  });
});
