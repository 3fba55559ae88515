import { CA, CLIENT, HOST_NAME, OF_HOST, OTHER_CA, SERVER_NAME } from "./trust";
import { defineGateway } from "../../lib/model";

/** A model of the test suite: promises that none of the product's systems makes yet, each on a path of its own. */
const open = { mode: "open" as const, issuers: ["main"] };

export default defineGateway({
  name: "lab",
  targets: ["nginx", "istio"],
  front: { kind: "alb", networks: ["10.0.0.0/16"] },
  hosts: {
    "lab.test": {},
    "bare.lab.test": { policies: { headerHygiene: { drop: ["cookie"] } } },
    [HOST_NAME]: { certificate: { secret: OF_HOST } },
    "stars.lab.test": {
      policies: {
        cors: {
          origins: ["https://app.lab.test", "https://*.pages.lab.test", "http://*.dev-1.lab.test:8080"],
          credentials: true,
        },
      },
    },
    "formless.lab.test": { policies: { errorBody: null } },
    "audit.lab.test": { policies: { audit: { fields: ["userAgent", "referer"] } } },
    "flood.lab.test": {
      policies: { floodGuard: { requests: 5, per: "1s", burst: 9 }, cors: null, httpsRedirect: null },
    },
    "rooted.lab.test": {},
    "dav.lab.test": {
      policies: {
        httpsRedirect: { status: 308 },
        requestLine: {
          methods: [
            "OPTIONS",
            "GET",
            "HEAD",
            "PUT",
            "PROPFIND",
            "PROPPATCH",
            "MKCOL",
            "COPY",
            "MOVE",
            "LOCK",
            "UNLOCK",
            "REPORT",
            "SEARCH",
          ],
        },
      },
    },
    "raw.lab.test": {
      policies: {
        pathHygiene: { except: ["/files"] },
        headerHygiene: { pass: ["x-forwarded-prefix"] },
        requestLine: { methods: ["GET", "POST"], maxUri: "1KiB", maxHead: "4KiB" },
        errorBody: {
          members: { success: false, statusCode: "{status}", text: '$host "{reason}" 100% \\ {requestId}' },
        },
        securityHeaders: {
          hsts: null,
          frameOptions: "DENY",
          contentSecurityPolicy: "default-src 'self'; report-to \"$http_authorization\" 100% ${host}",
        },
        cors: { origins: ["https://app.lab.test"], maxAge: "1m" },
      },
    },
  },
  issuers: {
    main: {
      issuer: "https://issuer.lab.test",
      jwks: { url: "https://issuer.lab.test/keys" },
      audiences: ["lab-api"],
      roles: "roles",
      scopes: "scope",
      requestAuthentication: true,
    },
    // The same issuer, read in another way.
    dotted: {
      issuer: "https://issuer.lab.test",
      jwks: { url: "https://issuer.lab.test/keys" },
      audiences: ["lab-api"],
      roles: ["resource_access", "field.api", "roles"],
      requestAuthentication: true,
    },
    // The same issuer, for another audience.
    web: {
      issuer: "https://issuer.lab.test",
      jwks: { url: "https://issuer.lab.test/keys" },
      audiences: ["lab-web"],
      requestAuthentication: true,
    },
    numbers: {
      issuer: "https://numbers.lab.test",
      jwks: { url: "https://numbers.lab.test/keys" },
      audiences: ["lab-api"],
      numericUser: true,
    },
    partner: {
      issuer: "https://partner.lab.test",
      jwks: { url: "https://partner.lab.test/keys" },
      audiences: ["lab-api"],
      roles: "roles",
      scopes: "scope",
      requestAuthentication: true,
    },
  },
  secrets: {
    "api-keys": { env: "LAB_API_KEYS" },
    "hmac-keys": { env: "LAB_HMAC_KEYS" },
    "service-key": { env: "LAB_SERVICE_KEY" },
    "no-header": { env: "LAB_NO_HEADER" },
  },
  services: {
    one: { address: "one.lab.svc.cluster.local:8080" },
    two: { address: "two.lab.svc.cluster.local:8080" },
    pair: {
      addresses: ["pair-a.lab.svc.cluster.local:8080", "pair-b.lab.svc.cluster.local:8080"],
      // Who is left alone for one case may be so still in the next.
      health: { failures: 100 },
    },
    frail: {
      addresses: ["frail-a.lab.svc.cluster.local:8080", "frail-b.lab.svc.cluster.local:8080"],
      health: { ejectionTime: "1s" },
    },
    "sealed-pair": {
      addresses: ["sealed-a.lab.internal:8443", "sealed-b.lab.internal:8443"],
      tls: { serverName: SERVER_NAME, ca: CA },
    },
    third: { address: "third.lab.svc.cluster.local:8080" },
    fourth: { address: "fourth.lab.svc.cluster.local:8080" },
    fifth: { address: "fifth.lab.svc.cluster.local:8080" },
    sixth: { address: "sixth.lab.svc.cluster.local:8080" },
    before: { address: "before.lab.svc.cluster.local:8080" },
    after: { address: "after.lab.svc.cluster.local:8080" },
    "old-home": { address: "old-home.lab.svc.cluster.local:8080" },
    "new-home": { address: "new-home.lab.svc.cluster.local:8080" },
    // Its authorities and the gateway's certificate come from one secret.
    sealed: {
      address: "sealed.lab.internal:8443",
      tls: { serverName: SERVER_NAME, ca: CLIENT, clientCertificate: CLIENT },
    },
    "sealed-2": { address: "sealed-2.lab.internal:8443", tls: { serverName: SERVER_NAME, ca: CA } },
    // It shows the certificate of the others.
    forged: { address: "forged.lab.internal:8443", tls: { serverName: "forged.lab.internal", ca: CA } },
    "of-clients": {
      address: "of-clients.lab.internal:8443",
      tls: { serverName: SERVER_NAME, ca: OTHER_CA, clientCertificate: CLIENT },
    },
    strict: { address: "strict.lab.internal:8443", tls: { serverName: SERVER_NAME, ca: OTHER_CA } },
  },
  rollouts: {
    "by-user": { from: "before", to: "after", sticky: "user", at: { production: 50 } },
    "by-tenant": { from: "old-home", to: "new-home", sticky: "tenant", at: { production: 50 } },
  },
  policies: {
    jwt: open,
    cors: { origins: ["https://app.lab.test", "https://other.lab.test:8443"], requestHeaders: ["x-own"], maxAge: "5m" },
  },
  routes: [
    { name: "public", match: { prefix: ["/public", "/files"] }, service: "one" },
    {
      name: "optional",
      match: { prefix: ["/optional"] },
      service: "one",
      policies: { jwt: { mode: "optional", issuers: ["main"], claimHeaders: { "x-user-id": "sub" } } },
    },
    {
      name: "main-only",
      match: { prefix: ["/main"] },
      service: "one",
      policies: { jwt: { issuers: ["main"], claimHeaders: { "x-user-id": "sub", "x-user-roles": "roles" } } },
    },
    {
      name: "token-in-its-header",
      match: { prefix: ["/token-in-its-header"] },
      service: "one",
      policies: { jwt: { issuers: ["main"], header: "x-access-token", claimHeaders: { "x-user-id": "sub" } } },
    },
    {
      name: "token-in-either",
      match: { prefix: ["/token-in-its-header/or-cookie"] },
      service: "one",
      policies: { jwt: { issuers: ["main"], header: "x-access-token", cookie: "session" } },
    },
    {
      name: "claims",
      match: { prefix: ["/claims"] },
      service: "one",
      policies: {
        jwt: {
          issuers: ["dotted"],
          claimHeaders: {
            "x-groups": "groups",
            "x-own": "https://lab.test/own",
            "x-dotted": ["nested", "a.b"],
            "x-flag": "flag",
            "x-name": "name",
            "x-count": "count",
          },
        },
      },
    },
    {
      name: "claims-roles",
      match: { prefix: ["/claims/roles"] },
      service: "one",
      policies: { jwt: { issuers: ["dotted"] }, authorization: { anyOf: [{ roles: ["editor"] }] } },
    },
    {
      name: "both",
      match: { prefix: ["/both"] },
      service: "one",
      policies: { jwt: { issuers: ["main", "partner"], claimHeaders: { "x-user-id": "sub" } } },
    },
    {
      name: "either-audience",
      match: { prefix: ["/either"] },
      service: "one",
      policies: { jwt: { issuers: ["main", "web"], claimHeaders: { "x-user-id": "sub" } } },
    },
    {
      name: "counted-users",
      match: { prefix: ["/counted"] },
      service: "one",
      policies: {
        jwt: { mode: "optional", issuers: ["main"] },
        rateLimit: { limits: [{ name: "counted", requests: 1, per: "1h", key: ["user"] }] },
      },
    },
    {
      name: "numbers",
      match: { prefix: ["/numbers"] },
      service: "one",
      policies: { jwt: { issuers: ["numbers"], claimHeaders: { "x-user-id": "sub" } } },
    },
    {
      name: "orders",
      match: { prefix: ["/orders"] },
      service: "one",
      policies: { jwt: { issuers: ["main"] }, authorization: { anyOf: [{ scopes: ["orders:read"] }] } },
    },
    {
      name: "orders-write",
      match: { prefix: ["/orders"], methods: ["POST"] },
      service: "one",
      policies: {
        jwt: { issuers: ["main"] },
        authorization: {
          anyOf: [{ roles: ["admin", "root"] }, { roles: ["user"], scopes: ["orders:read", "orders:write"] }],
        },
      },
    },
    {
      name: "teapot",
      match: { exact: ["/teapot"] },
      respond: {
        status: 418,
        contentType: "application/problem+json",
        body: '{"cost":"5$ ;","who":"$host","how":"100% \\"\\\\"}',
      },
    },
    { name: "post-only", match: { exact: ["/post-only"], methods: ["POST"] }, service: "one" },
    { name: "split", match: { prefix: ["/split"] }, service: "one" },
    { name: "split-post", match: { prefix: ["/split"], methods: ["POST", "PUT"] }, service: "two" },
    { name: "version", match: { prefix: ["/version"] }, service: "one" },
    // Who a path is of, what a token says, and who is kept out.
    {
      name: "own-page",
      match: { template: ["/people/{person}/page"] },
      service: "one",
      policies: {
        jwt: { issuers: ["main"] },
        authorization: { anyOf: [{ owner: { path: "person", claim: "sub" } }, { roles: ["admin"] }] },
      },
    },
    {
      name: "by-claim",
      match: { prefix: ["/by-claim"] },
      service: "one",
      policies: {
        jwt: { issuers: ["main"] },
        authorization: {
          anyOf: [{ claims: [{ claim: "team.name", values: ["red", "42"] }] }, { roles: ["admin"] }],
          noneOf: [{ claims: [{ claim: "sub", values: ["lab-numbered"] }] }],
        },
      },
    },
    {
      name: "all-but",
      match: { prefix: ["/all-but"] },
      service: "one",
      policies: { jwt: { issuers: ["main"] }, authorization: { noneOf: [{ roles: ["admin"] }] } },
    },
    // By tenant, by a claim, and as a claim says.
    {
      name: "limited-by-team",
      match: { prefix: ["/limited-by-team"] },
      service: "one",
      policies: {
        jwt: { issuers: ["main"] },
        tenant: { headers: { "x-team": "team.name" }, required: false },
        rateLimit: { limits: [{ name: "team", requests: 2, per: "1h", key: ["tenant"] }] },
      },
    },
    {
      name: "limited-by-plan",
      match: { prefix: ["/limited-by-plan"] },
      service: "one",
      policies: {
        jwt: { issuers: ["main"] },
        rateLimit: {
          limits: [
            {
              name: "plan",
              requests: 1,
              per: "1h",
              key: [{ claim: "sub" }],
              byClaim: { claim: "team.name", rates: { red: { requests: 3, per: "1h" } } },
            },
          ],
        },
      },
    },
    // Limits that say what is left of them: asked at the door, and where the filter carries the exchange.
    {
      name: "told-limits",
      match: { prefix: ["/told-limits"] },
      service: "one",
      policies: {
        jwt: { mode: "optional", issuers: ["main"] },
        rateLimit: {
          limits: [
            { name: "told-hour", requests: 4, per: "1h", key: ["user"] },
            { name: "told-day", requests: 3, per: "1d", burst: 6, key: ["user"] },
          ],
          headers: true,
        },
      },
    },
    {
      name: "told-limits-through",
      match: { prefix: ["/told-limits/through"] },
      service: "one",
      policies: {
        jwt: { mode: "optional", issuers: ["main"] },
        rateLimit: {
          limits: [{ name: "told-through", requests: 2, per: "1h", key: ["user"], scope: "replica" }],
          headers: true,
        },
        compression: { types: ["font/*"] },
      },
    },
    // What leads elsewhere.
    { name: "moved-path", match: { prefix: ["/moved-path"] }, redirect: { path: "/public/new", status: 301 } },
    { name: "moved-host", match: { prefix: ["/moved-host"] }, redirect: { host: "bare.lab.test" } },
    {
      name: "moved-post",
      match: { exact: ["/moved-post"], methods: ["POST"] },
      redirect: { host: "bare.lab.test", path: "/a$b", status: 308 },
    },
    // Variable segments, and a word in their place.
    {
      name: "alike",
      match: {
        prefix: [
          "/alike/below-a-path-that-is-longer-than-all-others/first",
          "/alike/below-a-path-that-is-longer-than-all-others",
        ],
      },
      service: "one",
    },
    { name: "alike-too", match: { prefix: ["/alike/below-a-path-that-is-longer-than-all-others/b"] }, service: "two" },
    { name: "shelves", match: { prefix: ["/shelves"] }, service: "one" },
    { name: "book", match: { template: ["/shelves/{shelf}/books/{book}"] }, service: "two" },
    { name: "new-books", match: { template: ["/shelves/{shelf}/books/new"] }, service: "one" },
    { name: "first-book", match: { exact: ["/shelves/1/books/1"], methods: ["GET"] }, service: "one" },
    { name: "any-two-new", match: { template: ["/{a}/between/new"] }, service: "one" },
    { name: "any-two", match: { template: ["/{a}/between/{b}"] }, service: "two" },
    // Headers that are there, absent, or one of several.
    { name: "tiers", match: { prefix: ["/tiers"], headers: { "x-tier": { type: "Absent" } } }, service: "one" },
    {
      name: "tiers-known",
      match: { prefix: ["/tiers"], headers: { "x-tier": { type: "In", values: ["gold", "silver+", "b.c"] } } },
      service: "two",
    },
    {
      name: "rooted-blue",
      hosts: ["rooted.lab.test"],
      match: { prefix: ["/"], headers: { "x-experiment-group-of-the-client": "blue" } },
      service: "two",
      policies: { rewrite: { prefix: "/", replacement: "/" } },
    },
    {
      name: "rooted",
      hosts: ["rooted.lab.test"],
      match: { prefix: ["/"] },
      service: "one",
      policies: { rewrite: { prefix: "/", replacement: "/app" } },
    },
    {
      name: "tiers-other",
      match: { prefix: ["/tiers"], headers: { "x-tier": { type: "Present" } } },
      respond: { status: 400, body: '{"error":"no such tier"}' },
    },
    // A path that is a socket for handshakes, and something else for everybody else.
    {
      name: "both-ways",
      hosts: ["bare.lab.test"],
      match: { prefix: ["/both-ways"] },
      service: "one",
      policies: { jwt: { issuers: ["main"] } },
    },
    {
      name: "both-ways-socket",
      hosts: ["bare.lab.test"],
      match: { prefix: ["/both-ways"], upgrade: "websocket" },
      service: "two",
    },
    { name: "socket-alone", match: { exact: ["/socket-alone"], upgrade: "websocket" }, service: "two" },
    {
      name: "both-ways-elsewhere",
      hosts: ["bare.lab.test"],
      match: { prefix: ["/both-ways"], upgrade: "websocket", headers: { origin: { type: "Present" } } },
      respond: { status: 403, body: '{"error":"no such origin"}' },
    },
    {
      name: "both-ways-at-home",
      hosts: ["bare.lab.test"],
      match: {
        prefix: ["/both-ways"],
        upgrade: "websocket",
        headers: { origin: { type: "In", values: ["https://app.lab.test", "https://other.lab.test:8443"] } },
      },
      service: "two",
    },
    // An answer may pause for longer than its first byte may take, for less, and for as long as it wants.
    {
      name: "pauses-long",
      match: { prefix: ["/pauses/long"] },
      service: "one",
      policies: { timeouts: { firstByte: "1s", idle: "4s" } },
    },
    {
      name: "pauses-short",
      match: { prefix: ["/pauses/short"] },
      service: "one",
      policies: { timeouts: { firstByte: "3s", idle: "1s" }, retries: { tries: 2, perTry: "2s" } },
    },
    {
      name: "pauses-any",
      match: { prefix: ["/pauses/any"] },
      service: "one",
      policies: { streaming: true, timeouts: { firstByte: "1s", idle: null } },
    },
    {
      name: "files-of-dav",
      hosts: ["dav.lab.test"],
      match: { prefix: ["/dav"] },
      service: "one",
      policies: { jwt: { issuers: ["main"] }, retries: { tries: 2, perTry: "1s" } },
    },
    {
      name: "properties-of-dav",
      hosts: ["dav.lab.test"],
      match: { prefix: ["/dav"], methods: ["PROPFIND", "REPORT", "SEARCH"] },
      service: "two",
      policies: { retries: { tries: 2, perTry: "1s" } },
    },
    { name: "asked", match: { prefix: ["/asked"] }, service: "one" },
    { name: "asked-two", match: { prefix: ["/asked"], query: { version: "2" } }, service: "two" },
    {
      name: "asked-some",
      match: {
        prefix: ["/asked"],
        query: { version: { type: "In", values: ["b.c", "a%20b", "x=y", "d+e", "\\Qz\\E"] } },
      },
      service: "third",
    },
    { name: "asked-any", match: { prefix: ["/asked"], query: { "pre-view": { type: "Present" } } }, service: "fourth" },
    {
      name: "asked-both",
      match: { prefix: ["/asked"], query: { version: "2", "pre-view": "yes" } },
      service: "fifth",
      policies: { jwt: { issuers: ["main"] } },
    },
    {
      name: "asked-by-long-name",
      match: { prefix: ["/asked"], query: { "subscription-id.of_a~b": { type: "In", values: ["1", "2"] } } },
      service: "fifth",
    },
    { name: "asked-by-header", match: { prefix: ["/asked"], headers: { "x-version": "2" } }, service: "sixth" },
    { name: "asked-posts", match: { prefix: ["/asked"], methods: ["POST"], query: { version: "2" } }, service: "pair" },
    { name: "version-two", match: { prefix: ["/version"], headers: { "x-version": "2" } }, service: "two" },
    {
      name: "editions",
      match: { prefix: ["/editions"] },
      service: "one",
      policies: { jwt: { issuers: ["main"] }, authorization: { anyOf: [{ roles: ["user"] }] } },
    },
    {
      name: "editions-two",
      match: { prefix: ["/editions"], headers: { "x-edition": "2" } },
      service: "one",
      policies: { jwt: { issuers: ["main"] }, authorization: { anyOf: [{ roles: ["admin"] }] } },
    },
    {
      name: "version-two-post",
      match: { prefix: ["/version"], methods: ["POST"], headers: { "x-version": "2", "x-beta": "yes" } },
      respond: { status: 202, body: "{}" },
    },
    {
      name: "weighted",
      match: { prefix: ["/weighted"] },
      backends: [
        { service: "one", weight: 0 },
        { service: "two", weight: 100 },
      ],
    },
    {
      name: "two-backends",
      match: { prefix: ["/two-backends"] },
      backends: [
        { service: "one", weight: 50 },
        { service: "two", weight: 50 },
      ],
      policies: { retries: { tries: 3, perTry: "1s" } },
    },
    {
      name: "pair",
      match: { prefix: ["/pair"] },
      service: "pair",
      policies: { retries: { tries: 2, perTry: "1s" }, webSocket: { allowed: true } },
    },
    {
      name: "frail",
      match: { prefix: ["/frail"] },
      service: "frail",
      policies: { retries: { tries: 2, perTry: "1s" } },
    },
    { name: "frail-once", match: { prefix: ["/frail/once"] }, service: "frail" },
    { name: "pair-once", match: { prefix: ["/pair/once"] }, service: "pair" },
    {
      name: "pair-shared",
      match: { prefix: ["/pair/shared"] },
      backends: [
        { service: "pair", weight: 100 },
        { service: "one", weight: 0 },
      ],
    },
    {
      name: "pair-or-one",
      match: { prefix: ["/pair/or-one"] },
      backends: [
        { service: "pair", weight: 50 },
        { service: "one", weight: 50 },
      ],
      policies: { retries: { tries: 2, perTry: "1s" } },
    },
    {
      name: "sealed-pair",
      match: { prefix: ["/pair/sealed"] },
      service: "sealed-pair",
      policies: { retries: { tries: 2, perTry: "1s" } },
    },
    {
      name: "moved",
      match: { prefix: ["/old"] },
      service: "one",
      policies: { rewrite: { prefix: "/old", replacement: "/new/base" } },
    },
    {
      name: "moved-to-another-host",
      match: { prefix: ["/elsewhere"] },
      service: "one",
      policies: {
        rewrite: { prefix: "/elsewhere", replacement: "/", host: "inner.lab.test" },
        retries: { tries: 2, perTry: "1s" },
      },
    },
    {
      name: "headers",
      match: { prefix: ["/headers"] },
      service: "one",
      policies: {
        requestHeaders: { set: { "x-set": '$host "100%" \\ end' }, remove: ["x-drop", "cookie"] },
        responseHeaders: {
          set: { "x-answer": '$status "100%" \\ end', "cache-control": "no-store" },
          remove: ["x-powered-by"],
        },
      },
    },
    {
      // A word of nginx' own, as the next one's name.
      name: "default",
      match: { prefix: ["/answers"] },
      service: "one",
      policies: {
        jwt: { issuers: ["main"] },
        addresses: { deny: ["203.0.113.66"] },
        bodySize: { max: "1KiB" },
        responseHeaders: { set: { "x-always": 'a "100%" $status', "cache-control": "no-store" }, on: "always" },
      },
    },
    {
      name: "include",
      match: { prefix: ["/answers/through"] },
      service: "one",
      policies: {
        jwt: { issuers: ["main"] },
        compression: {},
        fallback: { on: ["no-answer"], status: 200, body: '{"kept":true}' },
        responseHeaders: { set: { "x-always": "b", "cache-control": "no-store" }, on: "always" },
      },
    },
    {
      name: "answers-success",
      match: { prefix: ["/answers/success"] },
      service: "one",
      policies: {
        jwt: { issuers: ["main"] },
        compression: {},
        fallback: { on: ["no-answer"], status: 200, body: '{"kept":true}' },
        responseHeaders: { set: { "x-success": "c" } },
      },
    },
    {
      name: "answers-own",
      match: { exact: ["/answers/own"] },
      respond: { status: 200, body: "{}" },
      policies: { responseHeaders: { set: { "x-success": "d" } } },
    },
    { name: "answers-failed", match: { exact: ["/answers/failed"] }, respond: { status: 500, body: "" } },
    { name: "answers-gone", match: { exact: ["/answers/gone"] }, respond: { status: 410, body: "" } },
    { name: "answers-absent", match: { exact: ["/answers/absent"] }, respond: { status: 404, body: "" } },
    { name: "answers-nothing", match: { exact: ["/answers/nothing"] }, respond: { status: 204, body: "" } },
    { name: "no-handshakes", match: { prefix: ["/no-handshakes"] }, service: "one", policies: { webSocket: null } },
    { name: "answers-below", match: { prefix: ["/public/answer"] }, respond: { status: 200, body: "{}" } },
    {
      name: "answers-inside",
      match: { exact: ["/answers/inside"] },
      respond: { status: 404, body: "{}" },
      policies: {
        addresses: { allow: ["203.0.113.0/24"], deny: ["203.0.113.66"] },

        webSocket: { allowed: true },
      },
    },
    {
      name: "inside",
      match: { prefix: ["/inside"] },
      service: "one",
      policies: { addresses: { allow: ["203.0.113.0/24"], deny: ["203.0.113.66"] } },
    },
    {
      name: "denied",
      match: { prefix: ["/denied"] },
      service: "one",
      policies: { addresses: { deny: ["198.51.100.66/32"] } },
    },
    {
      name: "bucket",
      match: { prefix: ["/bucket"] },
      service: "one",
      policies: {
        rateLimit: { limits: [{ name: "bucket", requests: 6, per: "1m", burst: 2, key: ["clientAddress"] }] },
      },
    },
    {
      name: "network-limit",
      match: { prefix: ["/network"] },
      service: "one",
      policies: {
        rateLimit: {
          limits: [{ name: "network", requests: 1, per: "1h", key: [{ clientAddress: { ipv6Prefix: 56 } }] }],
        },
      },
    },
    {
      name: "replica-limit",
      match: { prefix: ["/replica"] },
      service: "one",
      policies: { rateLimit: { limits: [{ name: "replica", requests: 3, per: "1h", scope: "replica" }] } },
    },
    {
      name: "both-limits",
      match: { prefix: ["/two-limits"] },
      service: "one",
      policies: {
        rateLimit: {
          limits: [
            { name: "both-cluster", requests: 2, per: "1h" },
            { name: "both-replica", requests: 4, per: "1h", scope: "replica" },
          ],
        },
      },
    },
    {
      name: "strict-limit",
      match: { prefix: ["/strict"] },
      service: "one",
      policies: { rateLimit: { limits: [{ name: "strict", requests: 3, per: "1h" }], onFailure: "deny" } },
    },
    {
      name: "lenient-limit",
      match: { prefix: ["/lenient"] },
      service: "one",
      policies: { rateLimit: { limits: [{ name: "lenient", requests: 3, per: "1h" }], onFailure: "allow" } },
    },
    {
      name: "local-limit",
      match: { prefix: ["/local"] },
      service: "one",
      policies: { rateLimit: { limits: [{ name: "local", requests: 3, per: "1h" }] } },
    },
    {
      name: "slow",
      match: { prefix: ["/slow"] },
      service: "one",
      policies: { timeouts: { firstByte: "1s" } },
    },
    { name: "events", match: { prefix: ["/events"] }, service: "one", policies: { streaming: true } },
    {
      name: "events-asked",
      match: { prefix: ["/events/asked"] },
      service: "one",
      policies: { streaming: true, jwt: { issuers: ["main"] } },
    },
    {
      name: "events-through",
      match: { prefix: ["/events/through"] },
      service: "one",
      policies: { streaming: true, compression: { types: ["text/event-stream"], above: "1B" } },
    },
    {
      // What some proxies have no room for.
      name: "extremes",
      match: { prefix: ["/extremes"] },
      service: "one",
      policies: {
        bodySize: { max: "5GiB" },
        timeouts: { firstByte: "24d" },
        retries: { tries: 2, perTry: "24d" },
        webSocket: { allowed: true, idle: "24d" },
      },
    },
    {
      name: "in-all",
      match: { prefix: ["/in-all"] },
      service: "one",
      policies: { timeouts: { firstByte: "10s", total: "2s" }, retries: { tries: 3, perTry: "1500ms" } },
    },
    {
      name: "picky-tries",
      match: { prefix: ["/picky"] },
      service: "one",
      policies: { retries: { tries: 2, perTry: "1s", statuses: ["503"] } },
    },
    {
      name: "single",
      match: { prefix: ["/single"] },
      service: "one",
      policies: { retries: { tries: 1, perTry: "1s" } },
    },
    {
      name: "team",
      match: { prefix: ["/team"] },
      service: "one",
      policies: { jwt: { issuers: ["main"] }, tenant: { headers: { "x-team": "team.name" } } },
    },
    {
      name: "team-cached",
      match: { prefix: ["/team-cached"] },
      service: "one",
      policies: {
        jwt: { issuers: ["main"] },
        tenant: { headers: { "x-team": "team.name" }, required: false },
        cache: { ttl: "1h", by: "tenant", group: "team" },
      },
    },
    {
      name: "team-open",
      match: { prefix: ["/open-team"] },
      service: "one",
      policies: { tenant: { headers: { "x-team": "team.name" } } },
    },
    {
      name: "punctuation",
      match: { exact: ["/.well-known/keys"], prefix: ["/a-b_c~d"] },
      service: "two",
      policies: { bodySize: { max: "1KiB" } },
    },
    {
      name: "shadowed",
      match: { prefix: ["/shadowed"] },
      service: "one",
      policies: {
        jwt: { issuers: ["main"], claimHeaders: { "x-user-id": "sub" } },
        authorization: { anyOf: [{ roles: ["admin"] }] },
        rateLimit: { limits: [{ name: "shadowed", requests: 1, per: "1h", key: ["user"] }] },
        shadow: ["authorization", "rateLimit"],
      },
    },
    {
      name: "shadowed-in-part",
      match: { prefix: ["/shadowed/part"] },
      service: "one",
      policies: {
        jwt: { issuers: ["main"] },
        authorization: { anyOf: [{ roles: ["admin"] }] },
        rateLimit: { limits: [{ name: "part", requests: 1, per: "1h", key: ["user"] }] },
        shadow: ["authorization"],
      },
    },
    {
      name: "shadowed-keys",
      match: { prefix: ["/shadowed/keys"] },
      service: "one",
      policies: {
        addresses: { allow: ["192.0.2.0/24"] },
        apiKey: { header: "x-api-key", secret: "api-keys" },
        shadow: ["addresses", "apiKey"],
      },
    },
    {
      name: "keyed",
      match: { prefix: ["/keyed"] },
      service: "one",
      policies: {
        apiKey: { header: "x-api-key", secret: "api-keys" },
        rateLimit: { limits: [{ name: "keyed", requests: 3, per: "1h", key: ["apiKey"] }] },
      },
    },
    {
      name: "keyed-as-password",
      match: { prefix: ["/keyed/password"] },
      service: "one",
      policies: {
        apiKey: { basic: true, secret: "api-keys" },
        rateLimit: { limits: [{ name: "password", requests: 2, per: "1h", key: ["apiKey"] }] },
      },
    },
    {
      name: "keyed-and-signed-in",
      match: { prefix: ["/keyed/private"] },
      service: "one",
      policies: {
        apiKey: { header: "x-api-key", secret: "api-keys" },
        jwt: { issuers: ["main"], claimHeaders: { "x-user-id": "sub" } },
      },
    },
    {
      name: "secret-header",
      match: { prefix: ["/secret-header"] },
      service: "one",
      policies: { requestHeaders: { set: { "x-service-key": { secret: "service-key" } } } },
    },
    {
      name: "secret-that-is-no-header",
      match: { prefix: ["/secret-header/none"] },
      service: "one",
      policies: { requestHeaders: { set: { "x-service-key": { secret: "no-header" } } } },
    },
    {
      name: "signed",
      match: { prefix: ["/signed"] },
      service: "one",
      policies: { signature: { secret: "hmac-keys", clockSkew: "60s" } },
    },
    {
      name: "live",
      match: { prefix: ["/live"] },
      service: "one",
      policies: {
        webSocket: { allowed: true },
        jwt: { mode: "optional", issuers: ["main"], claimHeaders: { "x-user-id": "sub" } },
        connections: { max: 2, key: ["user", "clientAddress"] },
      },
    },
    { name: "sockets", match: { prefix: ["/sockets"] }, service: "one", policies: { webSocket: { allowed: true } } },
    {
      name: "graphql",
      match: { exact: ["/graphql"] },
      service: "one",
      policies: { graphql: { maxDepth: 4, maxAliases: 3, maxTokens: 200 } },
    },
    {
      name: "graphql-live",
      match: { exact: ["/graphql-live"] },
      service: "one",
      policies: { graphql: {}, webSocket: { allowed: true } },
    },
    {
      name: "graphql-open",
      match: { exact: ["/graphql-open"] },
      service: "one",
      policies: { graphql: { maxDepth: 10, maxBatch: 3, introspection: true } },
    },
    {
      name: "revocable",
      match: { prefix: ["/revocable"] },
      service: "one",
      policies: { jwt: { issuers: ["main"], revocation: {} } },
    },
    {
      name: "revocable-lenient",
      match: { prefix: ["/revocable-lenient"] },
      service: "one",
      policies: { jwt: { issuers: ["main"], revocation: { onFailure: "allow" } } },
    },
    {
      name: "fallback",
      match: { prefix: ["/fallback"] },
      service: "one",
      policies: {
        circuitBreaker: { minimumCalls: 2, minimumCallers: 1, openFor: "4s", counts: ["5xx", "noAnswer"] },
        timeouts: { firstByte: "1s" },
        fallback: {
          status: 503,
          contentType: "application/problem+json",
          body: '{"error":"maintenance","retryAfter":30}',
          retryAfter: "30s",
        },
      },
    },
    {
      name: "fallback-of-502",
      match: { prefix: ["/fallback/502"] },
      service: "one",
      policies: {
        circuitBreaker: { minimumCalls: 2, minimumCallers: 1, openFor: "4s", counts: ["5xx", "noAnswer"] },
        fallback: { status: 502, contentType: "text/plain", body: "gone, 100%" },
      },
    },
    {
      name: "fallback-of-sockets",
      match: { prefix: ["/fallback/sockets"] },
      service: "one",
      policies: {
        webSocket: { allowed: true },
        fallback: { on: ["no-answer", "timeout"], status: 500, contentType: "text/plain", body: "no socket" },
      },
    },
    {
      name: "fallback-of-490",
      match: { prefix: ["/fallback/490"] },
      service: "one",
      policies: {
        circuitBreaker: { minimumCalls: 2, minimumCallers: 1, openFor: "4s", counts: ["5xx", "noAnswer"] },
        fallback: { status: 490, contentType: "text/plain", body: "own words" },
      },
    },
    {
      name: "fallback-of-200",
      match: { prefix: ["/fallback/200"] },
      service: "one",
      policies: {
        circuitBreaker: { minimumCalls: 2, minimumCallers: 1, openFor: "4s", counts: ["5xx", "noAnswer"] },
        fallback: { status: 200, body: "[]" },
      },
    },
    { name: "sealed", match: { prefix: ["/sealed"] }, service: "sealed", policies: { webSocket: { allowed: true } } },
    { name: "sealed-without-own", match: { prefix: ["/sealed/without-own"] }, service: "sealed-2" },
    { name: "forged", match: { prefix: ["/forged"] }, service: "forged", policies: { retries: { tries: 2 } } },
    { name: "of-the-clients-authority", match: { prefix: ["/of-the-clients-authority"] }, service: "of-clients" },
    { name: "of-another-authority", match: { prefix: ["/of-another-authority"] }, service: "strict" },
    {
      name: "sealed-through",
      match: { prefix: ["/sealed/through"] },
      service: "sealed",
      policies: { cache: { group: "sealed", by: "user" }, jwt: { issuers: ["main"] } },
    },
    {
      name: "forged-through",
      match: { prefix: ["/forged/through"] },
      service: "forged",
      policies: { cache: { group: "sealed", by: "user" }, jwt: { issuers: ["main"] } },
    },
    {
      name: "sealed-or-not",
      match: { prefix: ["/sealed/or-not"] },
      backends: [
        { service: "sealed", weight: 50 },
        { service: "one", weight: 50 },
      ],
    },
    {
      name: "labelled",
      match: { prefix: ["/labelled"] },
      service: "one",
      labels: { source: "outside", client: "phone" },
    },
    {
      name: "bff",
      match: { prefix: ["/bff"] },
      service: "two",
      policies: {
        timeouts: { firstByte: "1s", total: "2s" },
        fallback: { on: ["no-answer", "timeout"], status: 502, body: '{"error":"Internal proxy error"}' },
      },
    },
    {
      name: "patient",
      match: { prefix: ["/patient"] },
      service: "two",
      policies: {
        jwt: { mode: "optional", issuers: ["main"] },
        circuitBreaker: { minimumCalls: 2, openFor: "1m" },
      },
    },
    {
      name: "cached-for-user",
      match: { prefix: ["/mine"] },
      service: "one",
      policies: { jwt: { issuers: ["main"] }, cache: { ttl: "2s", by: "user", group: "mine" } },
    },
    {
      name: "cached-for-all",
      match: { prefix: ["/catalogue"] },
      service: "two",
      policies: { cache: { ttl: "1h", by: "everyone", group: "catalogue", maxBody: "2KiB" } },
    },
    {
      name: "compressed",
      match: { prefix: ["/zipped"] },
      service: "one",
      policies: { compression: { encodings: ["gzip"], above: "100B", types: ["text/plain", "text/csv", "text/html"] } },
    },
    {
      name: "rolled",
      match: { prefix: ["/rolled"] },
      service: "before",
      policies: { jwt: { issuers: ["main"], mode: "optional" }, retries: { tries: 2, perTry: "1s" } },
    },
    {
      name: "rolled-by-tenant",
      match: { prefix: ["/rolled-by-tenant"] },
      service: "old-home",
      policies: { jwt: { issuers: ["main"] }, tenant: { headers: { "x-team": "team.name" } } },
    },
    {
      name: "weighted-through",
      match: { prefix: ["/weighted-through"] },
      backends: [
        { service: "one", weight: 0 },
        { service: "two", weight: 1 },
      ],
      policies: {
        rewrite: { prefix: "/weighted-through", replacement: "/inner" },
        requestHeaders: { set: { "x-way": "through" }, remove: ["x-drop"] },
        // No proxy knows ranges of types.
        compression: { types: ["text/*", "application/json"] },
      },
    },
  ],
});
