import { ecPair } from "../identity/token-maker";
import { bytesOf, FORMS, fresh, HOST, type Form, type Question } from "./door-stand";
import { admin, ask, expectAlive, nobody, refused, shown, user, type Row } from "./hostile";

// Numbers are those of the list of hostile inputs of the filter: what a door can see of 39 and 41 to 46.

describe("what is good is allowed", () => {
  test.each(FORMS)("%s", async (form) => {
    await expectAlive(form);
    expect((await ask(form, nobody({ target: "/public/a", route: "public" }))).statuses).toEqual([200]);
    const token = fresh({ claims: { realm: { roles: ["admin", "writer"] } } });
    expect((await ask(form, { ...admin, token })).statuses).toEqual([200]);
    const write: Question = { method: "DELETE", route: "orders-write", token };
    expect((await ask(form, write)).statuses).toEqual([200]);
  });
});

describe("where a token stands", () => {
  const lines = (how: (token: string) => string[]) => (): Question => nobody({ lines: how(fresh()) });
  const values: Record<string, (token: string) => string> = {
    "two tokens, comma-joined": (t) => `Bearer ${t}, Bearer ${t}`,
    "two tokens, comma-joined without a space": (t) => `Bearer ${t},Bearer ${t}`,
    "two spaces": (t) => `Bearer  ${t}`,
    "a tab": (t) => `Bearer\t${t}`,
    "a no-break space": (t) => `Bearer\xa0${t}`,
    "no space": (t) => `Bearer${t}`,
    "a colon": (t) => `Bearer: ${t}`,
    "an equals sign": (t) => `Bearer token="${t}"`,
    "the token in quotes": (t) => `Bearer "${t}"`,
    "the token in angle brackets": (t) => `Bearer <${t}>`,
    "something behind the token": (t) => `Bearer ${t} x`,
    "a comma behind the token": (t) => `Bearer ${t},`,
    "a parameter behind the token": (t) => `Bearer ${t}; a=b`,
    "something before the scheme": (t) => `x Bearer ${t}`,
    "the scheme twice": (t) => `Bearer Bearer ${t}`,
    "the scheme alone": () => "Bearer",
    "no value": () => "",
    "no scheme": (t) => t,
    "another scheme": (t) => `Token ${t}`,
    "the scheme of DPoP": (t) => `DPoP ${t}`,
    "the scheme of HTTP Basic": (t) => `Basic ${Buffer.from(`user:${t}`).toString("base64")}`,
    "Basic and Bearer in one line": (t) => `Basic dTpw, Bearer ${t}`,
    "Basic with a token": (t) => `Basic ${t}`,
    "a scheme in wide letters": (t) => `\xef\xbc\xa2earer ${t}`,
  };
  const otherHeaders = [
    "X-Access-Token",
    "X-Auth-Token",
    "X-Forwarded-Authorization",
    "Proxy-Authorization",
    "X-Original-Authorization",
    "Authorization-",
    "X-Authorization",
    "Authorization_",
    "Sec-WebSocket-Protocol",
  ];
  const cookies = ["access_token", "token", "jwt", "Authorization", "session", "__Host-token"];
  refused([
    ...Object.entries(values).map(([what, value]): Row => [41, what, lines((t) => [`Authorization: ${value(t)}`])]),
    [41, "the same token in two lines", lines((t) => [`Authorization: Bearer ${t}`, `Authorization: Bearer ${t}`])],
    [41, "a good and a bad line", lines((t) => [`Authorization: Bearer ${t}`, "Authorization: Bearer x"])],
    [41, "a bad and a good line", lines((t) => ["Authorization: Bearer x", `Authorization: Bearer ${t}`])],
    [41, "an empty and a good line", lines((t) => ["Authorization:", `authorization: Bearer ${t}`])],
    [
      41,
      "a line of Basic and one of Bearer",
      lines((t) => ["Authorization: Basic dTpw", `AUTHORIZATION: Bearer ${t}`]),
    ],
    ...otherHeaders.map((name): Row => [41, `in ${name}`, lines((t) => [`${name}: Bearer ${t}`])]),
    ...otherHeaders.map((name): Row => [41, `alone in ${name}`, lines((t) => [`${name}: ${t}`])]),
    ...cookies.map((name): Row => [41, `in cookie ${name}`, lines((t) => [`Cookie: a=b; ${name}=${t}`])]),
    ...cookies.map((name): Row => [
      41,
      `in cookie ${name}, and another in the header`,
      lines((t) => [`Cookie: ${name}=${t}`, "Authorization: Bearer x"]),
    ]),
    ...["access_token", "token", "jwt", "Authorization", "id_token"].map((name): Row => [
      41,
      `in the query as ${name}`,
      () => nobody({ target: `/orders/1?${name}=${fresh()}` }),
    ]),
    [41, "in the fragment", () => nobody({ target: `/orders/1#access_token=${fresh()}` })],
    [
      41,
      "in a form",
      () =>
        nobody({
          method: "POST",
          route: "orders-write",
          body: `access_token=${fresh()}`,
          lines: ["Content-Type: application/x-www-form-urlencoded"],
        }),
    ],
    [41, "in the path", () => nobody({ target: `/orders/${fresh()}` })],
    [41, "in the host", () => nobody({ host: `Bearer ${fresh()}@${HOST}` })],
    [39, "a token of 8 kB and a little", () => ({ token: fresh({ claims: { x: "x".repeat(6_200) } }) })],
    [
      39,
      "a head of 40 kB",
      () => nobody({ lines: Array.from({ length: 40 }, (_, i) => `X-${String(i)}: ${"x".repeat(1_000)}`) }),
    ],
    [
      39,
      "a head of 100 kB",
      () => ({ lines: Array.from({ length: 100 }, (_, i) => `X-${String(i)}: ${"x".repeat(1_000)}`) }),
    ],
    [39, "one line of 100 kB", () => ({ lines: [`X-Long: ${"x".repeat(100_000)}`] })],
    [39, "10,000 lines, nobody", () => nobody({ lines: Array.from({ length: 10_000 }, () => "a: b") })],
    [
      39,
      "another tenant behind 3,000 lines",
      () => user({ lines: [...Array.from({ length: 3_000 }, () => "a: b"), "X-Tenant-Id: t2"] }),
    ],
    [
      39,
      "another token behind 3,000 lines",
      () => user({ lines: [...Array.from({ length: 3_000 }, () => "a: b"), "Authorization: Bearer x"] }),
    ],
    [
      39,
      "another route behind 3,000 lines",
      () => user({ lines: [...Array.from({ length: 3_000 }, () => "a: b"), "X-Gateway-Route: public"] }),
    ],
    [39, "a target of 100 kB", () => ({ target: `/orders/${"x".repeat(100_000)}` })],
    [41, "a token by somebody else", () => ({ token: fresh({ key: ecPair("P-256").privateKey }) })],
    [28, "a token that has expired", () => ({ token: fresh({ claims: { exp: Math.floor(Date.now() / 1000) - 31 } }) })],
    [1, "a token without a signature", () => ({ token: fresh().replace(/[^.]*$/, "") })],
  ]);
});

describe("bytes that are no head", () => {
  const line = (text: string) => (): Question => user({ lines: [text] });
  const broken: Record<string, string> = {
    "a NUL in a value": "X-A: a\u0000b",
    "a CR in a value": "X-A: a\rX-Gateway-Route: public",
    "a bare LF in a value": "X-A: a\nX-Gateway-Route: public",
    "a bare LF and a second token": "X-A: a\nAuthorization: Bearer x",
    "a NUL in a name": "X\u0000A: b",
    "a space in a name": "X A: b",
    "a space before the colon": "X-A : b",
    "a space before the colon of the route": "X-Gateway-Route : public",
    "a tab before the colon": "X-A\t: b",
    "no name": ": b",
    "no colon": "X-A",
    "a name beyond ASCII": "X-\xe4: b",
    "a control character in a value": "X-A: \u0001",
    DEL: "X-A: \u007f",
  };
  refused([
    ...Object.entries(broken).map(([what, text]): Row => [42, what, line(text)]),
    [42, "a folded line", () => nobody({ lines: ["Authorization: Bearer", ` ${fresh()}`] })],
    [42, "a folded line with a tab", () => nobody({ lines: ["Authorization: Bearer", `\t${fresh()}`] })],
    [
      42,
      "a folded route",
      () => user({ ...admin, missing: ["X-Gateway-Route"], lines: ["X-Gateway-Route:", " public"] }),
    ],
    [42, "CR LF in the target", () => user({ target: "/orders\r\nX-Gateway-Route: public" })],
    [42, "CR LF in the route", () => user({ ...admin, route: "admin\r\nX-Gateway-Route: public" })],
    [42, "CR LF in the host", () => user({ host: `${HOST}\r\nHost: other.shop.test` })],
    [42, "a space in the target", () => user({ ...admin, target: "/admin HTTP/1.1\r\nX: /public" })],
    [42, "HTTP/0.9", () => Buffer.from("GET /door/nginx\r\n\r\n")],
    [
      42,
      "HTTP/1.0 without a host",
      (form) =>
        Buffer.from(
          bytesOf(form, {})
            .toString("latin1")
            .replace("HTTP/1.1", "HTTP/1.0")
            .replace(/Host: .*\r\n/, ""),
          "latin1",
        ),
    ],
    [
      42,
      "HTTP/2.0",
      (form) => Buffer.from(bytesOf(form, nobody({})).toString("latin1").replace("HTTP/1.1", "HTTP/2.0"), "latin1"),
    ],
    [49, "the preface of HTTP/2", () => Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")],
    [42, "TLS", () => Buffer.from("16030100a5010000a10303", "hex")],
    [42, "no head at all", () => Buffer.from("\r\n\r\n\r\n")],
    [42, "1 kB of zeros", () => Buffer.alloc(1_024)],
  ]);
});

const spoofed: Record<string, string> = {
  "X-User": "admin",
  "X-User-Id": "admin",
  "X-Gateway-User": "admin",
  "X-Gateway-Tenant": "t2",
  "X-Forwarded-User": "admin",
  "X-Forwarded-Groups": "admin",
  "X-Forwarded-Preferred-Username": "admin",
  "X-Forwarded-Email": "admin@shop.test",
  "X-Auth-Request-User": "admin",
  "X-Auth-Request-Groups": "admin",
  "X-Remote-User": "admin",
  "Remote-User": "admin",
  "X-Roles": "admin",
  "X-Envoy-Internal": "true",
  "X-Forwarded-Client-Cert": "By=spiffe://admin",
  "X-Real-IP": "127.0.0.1",
  "X-Forwarded-For": "127.0.0.1",
};
const elsewhere: Record<string, string> = {
  "X-Forwarded-Uri": "/public/a",
  "X-Forwarded-Path": "/public/a",
  "X-Forwarded-Prefix": "/public",
  "X-Forwarded-Method": "OPTIONS",
  "X-Forwarded-Host": "open.shop.test",
  "X-Forwarded-Proto": "http",
  "X-Original-URL": "/public/a",
  "X-Original-URI": "/public/a",
  "X-Original-Method": "GET",
  "X-Original-Host": "open.shop.test",
  "X-Rewrite-URL": "/public/a",
  "X-Envoy-Original-Path": "/public/a",
  "X-Auth-Request-Redirect": "/public/a",
  "X-HTTP-Method-Override": "GET",
  "X-Method-Override": "GET",
  "X-Gateway-Host": "open.shop.test",
  X_Gateway_Target: "/public/a",
  X_Gateway_Route: "public",
  Forwarded: "for=127.0.0.1;host=open.shop.test;proto=http",
};

describe("headers that a client may send", () => {
  const both = (n: number, name: string, value: string): Row[] => [
    [n, `${name}: ${value}, nobody`, () => nobody({ lines: [`${name}: ${value}`] })],
    [n, `${name}: ${value}, a user`, () => user({ ...admin, lines: [`${name}: ${value}`] })],
    [
      n,
      `${name}: ${value}, a user who writes`,
      () => user({ method: "DELETE", route: "orders-write", lines: [`${name}: ${value}`] }),
    ],
  ];
  const twice = (name: string, value: string): Row => [
    44,
    `${name} twice`,
    () => user({ ...admin, lines: [`${name}: ${value}`] }),
  ];
  const without_ = (name: string, forms?: readonly Form[]): Row => [
    44,
    `no ${name}`,
    () => user({ missing: [name] }),
    forms,
  ];
  const nginx = ["nginx"] as const;
  refused([
    ...Object.entries(spoofed).flatMap(([name, value]) => both(43, name, value)),
    ...Object.entries(elsewhere).flatMap(([name, value]) => both(44, name, value)),
    twice("X-Gateway-Route", "public"),
    twice("x-gateway-route", "admin"),
    twice("X-Gateway-Client", "127.0.0.1"),
    twice("Host", "open.shop.test"),
    [44, "X-Gateway-Target twice", () => user({ ...admin, lines: ["X-Gateway-Target: /public/a"] }), nginx],
    [44, "X-Gateway-Method twice", () => user({ ...admin, lines: ["X-Gateway-Method: GET"] }), nginx],
    [
      44,
      "X-Gateway-Target and Method, which the other form has",
      () => user({ ...admin, lines: ["X-Gateway-Target: /public/a", "X-Gateway-Method: GET"] }),
      ["envoy"],
    ],
    without_("Host"),
    without_("X-Gateway-Client"),
    without_("X-Gateway-Route"),
    without_("X-Gateway-Method", nginx),
    without_("X-Gateway-Target", nginx),
    [44, "no route", () => user({ route: "" })],
    [44, "a route that is not there", () => user({ route: "nowhere" })],
    [44, "another route", () => user({ route: "public" })],
    [44, "a route in another case", () => user({ route: "Orders" })],
    [44, "two routes in a line", () => user({ route: "orders, public" })],
    [44, "a prototype's member for a route", () => user({ route: "__proto__" })],
    ...["delete", "Delete", "get", "GE", "GETT", "FOO", "CONNECT", "TRACE", "PRI", "*", "GET,DELETE", "G\xcbT"].map(
      (method): Row => [45, `method ${shown(method)}`, () => nobody({ method })],
    ),
    ...["delete", "Delete", "DELETE"].map((method): Row => [
      45,
      `method ${method}, the route of GET`,
      () => user({ method }),
    ]),
    [
      45,
      "_method in the query",
      () => user({ method: "DELETE", target: "/orders/1?_method=GET", route: "orders-write" }),
    ],
    ...["X-Tenant-Id", "Authorization", "X-Gateway-Route", "X-Gateway-Client", "Host"].map((name): Row => [
      46,
      `Connection: ${name}`,
      () => user({ ...admin, missing: ["Connection"], lines: [`Connection: close, ${name}`] }),
    ]),
    [
      46,
      "Connection: X-Tenant-Id with another tenant",
      () => user({ missing: ["Connection"], lines: ["Connection: close, x-tenant-id", "X-Tenant-Id: t2"] }),
    ],
  ]);

  const dropped = [
    "X_Tenant_Id: t2",
    "X-Tenant_Id: t2",
    "X.Tenant.Id: t2",
    "X-User-Id: admin",
    "x_user_id: admin",
    "X-Gateway-User: admin",
    "X-Gateway-Tenant: t2",
  ];
  test.each(FORMS.flatMap((form) => dropped.map((line) => [line, form] as const)))(
    "43 %s is not believed (%s)",
    async (line, form) => {
      const { statuses, header, text } = await ask(form, { lines: [line] });
      expect({ statuses, tenant: header("x-tenant-id"), user: header("x-user-id") }).toEqual({
        statuses: [200],
        tenant: ["t1"],
        user: ["user-1"],
      });
      expect(text).not.toMatch(/: *(t2|admin)\r$/im);
    },
  );
});
