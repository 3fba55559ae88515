import { nobody, refused, shown, user, type Row } from "./hostile";

// Numbers are those of the list of hostile inputs of the filter: what a door can see of 51 and 52.

/** Ways to say `/admin` that a proxy or the service behind may read so, while the text begins with `/public`. */
const leadingOut = [
  "/public/../admin",
  "/public/./../admin",
  "/public/%2e%2e/admin",
  "/public/%2E%2E/admin",
  "/public/.%2e/admin",
  "/public/%2e./admin",
  "/public/%252e%252e/admin",
  "/public/..%2fadmin",
  "/public/%2e%2e%2fadmin",
  "/public%2f..%2fadmin",
  "/public/..%5cadmin",
  "/public/..\\admin",
  "/public\\..\\admin",
  "/public/..;/admin",
  "/public/..;x=y/admin",
  "/public/;/../admin",
  "/public//../admin",
  "/public/..//admin",
  "/public/..%00/admin",
  "/public/..%c0%afadmin",
  "/public/%c0%ae%c0%ae/admin",
  "/public/%e0%80%ae%e0%80%ae/admin",
  "/public/..#/admin",
  "/public/../admin?x=/public",
  "/public/..",
  "/public/x/../../admin",
  "/public/%u002e%u002e/admin",
  "/public/..\xef\xbc\x8fadmin",
];
/** Ways to say `/admin` for which the text is none of the model's. */
const strange = [
  "//admin",
  "/./admin",
  "/;/admin",
  "/%2fadmin",
  "/%61dmin",
  "/%2561dmin",
  "/ADMIN",
  "/Admin",
  "/adm\xc4\xb1n",
  "/admin%00",
  "/admin%00.css",
  "/admin%20",
  "/admin.",
  "/admin%",
  "/admin%1",
  "/admin%zz",
  "/admin\\x",
  "/admin;x",
  "/admin;jsessionid=1",
  "/admin#x",
  "/admin%3f",
  "/admin%23",
  "/x/../admin",
  "/admin..;/",
  "\\admin",
  "/%5cadmin",
];
/** Of the model's `/admin`, but dressed as something that needs no right. */
const dressed = [
  "/admin/",
  "/admin//",
  "/admin/.",
  "/admin/.json",
  "/admin/x.css",
  "/admin/x.js",
  "/admin/favicon.ico",
  "/admin/public",
  "/admin/..;/public",
  "/admin/../public/x",
  "/admin/%2e%2e/public",
  "/admin/%2f..%2fpublic",
  "/admin?/public",
  "/admin?x=/public/",
  "/admin?x=/../public",
  "/admin/health",
  "/admin/.well-known/x",
  "/admin;.css",
  "/admin/%00.css",
  "/admin/x;/../../public",
];

describe("paths", () => {
  const all = [...leadingOut, ...strange, ...dressed];
  refused([
    ...all.map((target): Row => [
      51,
      `${shown(target)} where the proxy read /admin`,
      () => user({ target, route: "admin" }),
    ]),
    ...all.map((target): Row => [
      51,
      `${shown(target)}, nobody, where the proxy read /admin`,
      () => nobody({ target, route: "admin" }),
    ]),
    ...[...strange, ...dressed].map((target): Row => [
      51,
      `${shown(target)} where the proxy read /public`,
      () => nobody({ target, route: "public" }),
    ]),
    [51, "a query that has the path", () => nobody({ target: "/orders?/public/a", route: "public" })],
    [51, "a path that only begins so", () => nobody({ target: "/publicx", route: "public" })],
    [51, "a path of one byte", () => user({ target: "x", route: "public" })],
  ]);

  // The proxy refuses them before it asks; a door that is asked about them must not say yes, whoever asks.
  describe("that lead out of /public, and neither the proxy nor the text says so", () => {
    refused(leadingOut.map((target): Row => [51, shown(target), () => user({ target, route: "public" })]));
  });
});

describe("what looks as if it needed no token", () => {
  const agents = [
    "ELB-HealthChecker/2.0",
    "kube-probe/1.29",
    "GoogleHC/1.0",
    "Amazon-Route53-Health-Check-Service",
    "Prometheus/2.45.0",
    "Envoy/HC",
    "curl/8",
  ];
  const preflights: Record<string, string[]> = {
    "without any header of CORS": [],
    "with an origin alone": ["Origin: https://app.shop.test"],
    "with the method alone": ["Access-Control-Request-Method: GET"],
    "with an empty origin": ["Origin:", "Access-Control-Request-Method: GET"],
    "with an empty method": ["Origin: https://app.shop.test", "Access-Control-Request-Method:"],
    "from elsewhere": ["Origin: https://evil.test", "Access-Control-Request-Method: GET"],
    "with a body": ["Origin: https://app.shop.test", "Content-Length: 0"],
  };
  refused([
    ...Object.entries(preflights).map(([what, lines]): Row => [
      52,
      `OPTIONS ${what}`,
      () => nobody({ method: "OPTIONS", lines }),
    ]),
    ...["GET", "HEAD", "POST"].map((method): Row => [
      52,
      `the headers of a preflight on ${method}`,
      () =>
        nobody({
          method,
          route: method === "POST" ? "orders-write" : "orders",
          lines: ["Origin: https://app.shop.test", "Access-Control-Request-Method: GET"],
        }),
    ]),
    ...agents.map((agent): Row => [52, `User-Agent ${agent}`, () => nobody({ lines: [`User-Agent: ${agent}`] })]),
    ...[
      "/healthz",
      "/health",
      "/actuator/readiness",
      "/metrics",
      "/robots.txt",
      "/favicon.ico",
      "/.well-known/x",
      "/.gateway/door",
    ].map((target): Row => [52, `path ${target}`, () => nobody({ target })]),
    ...["x.css", "x.js", "x.png", "favicon.ico", "x.html?v=1", "login", ".well-known/jwks.json"].map((name): Row => [
      52,
      `a static name: ${name}`,
      () => nobody({ target: `/orders/${name}` }),
    ]),
  ]);
});
