/**
 * Annotations of ingress-nginx (controller 1.15, its annotations page and parsers) that say what this model does not: what
 * leaving each out would do. Those that are taken are in `ingress.ts`.
 */
export type Loss =
  /** Somebody would get in who was refused. */
  | "opens"
  /** Requests or answers would be others. */
  | "differs"
  /** Nobody outside would see it. */
  | "unseen";

const all = (loss: Loss, why: string, ...names: string[]): [string, { loss: Loss; why: string }][] =>
  names.map((name) => [name, { loss, why }]);

const SIGN_IN = "the model has no question to a service of one's own; jwt verifies the tokens of an identity provider";
const CLIENT_CERTIFICATE = "the model asks for no client certificates";
const STICKY = "a service keeps nobody to one of its pods";
const TUNING = "it tunes the proxy, which the output does for itself";

export const NOT_TAKEN: ReadonlyMap<string, { loss: Loss; why: string }> = new Map([
  ...all("opens", SIGN_IN, "auth-url", "auth-signin", "auth-method", "auth-response-headers", "auth-proxy-set-headers"),
  ...all("opens", SIGN_IN, "auth-snippet", "enable-global-auth"),
  ...all("unseen", SIGN_IN, "auth-signin-redirect-param", "auth-request-redirect", "auth-cache-key", "auth-realm"),
  ...all(
    "unseen",
    SIGN_IN,
    "auth-cache-duration",
    "auth-always-set-cookie",
    "auth-keepalive",
    "auth-keepalive-requests",
  ),
  ...all("unseen", SIGN_IN, "auth-keepalive-timeout", "auth-keepalive-share-vars"),
  ...all("opens", "its file has hashes of passwords; apiKey with basic: true keeps the keys themselves", "auth-type"),
  ...all("opens", "see auth-type", "auth-secret", "auth-secret-type"),
  ...all("opens", CLIENT_CERTIFICATE, "auth-tls-secret", "auth-tls-verify-client", "auth-tls-match-cn"),
  ...all("differs", CLIENT_CERTIFICATE, "auth-tls-error-page", "auth-tls-pass-certificate-to-upstream"),
  ...all("unseen", CLIENT_CERTIFICATE, "auth-tls-verify-depth"),
  ...all("opens", "address lists and identity both hold here, always", "satisfy"),
  ...all(
    "opens",
    "a web application firewall stands in front: infrastructure.<environment>.edge.firewall",
    "enable-modsecurity",
  ),
  ...all("opens", "see enable-modsecurity", "enable-owasp-core-rules", "modsecurity-snippet"),
  ...all("unseen", "see enable-modsecurity", "modsecurity-transaction-id"),
  ...all(
    "opens",
    "it is nginx' own text, which can say anything",
    "configuration-snippet",
    "server-snippet",
    "stream-snippet",
  ),
  ...all("differs", "requests at once are not counted; rateLimit counts them by time", "limit-connections"),
  ...all("differs", "a limit holds for everybody; its key can be something other than the address", "limit-allowlist"),
  ...all("differs", "a limit holds for everybody; its key can be something other than the address", "limit-whitelist"),
  ...all("differs", "no answer is slowed down", "limit-rate", "limit-rate-after"),
  ...all("differs", "removed in controller 1.12; rateLimit with scope cluster does it", "global-rate-limit"),
  ...all("unseen", "see global-rate-limit", "global-rate-limit-window", "global-rate-limit-key"),
  ...all("unseen", "see global-rate-limit", "global-rate-limit-ignored-cidrs"),
  ...all("differs", STICKY, "affinity", "upstream-hash-by"),
  ...all("unseen", STICKY, "affinity-mode", "affinity-canary-behavior", "session-cookie-name", "session-cookie-path"),
  ...all("unseen", STICKY, "session-cookie-domain", "session-cookie-expires", "session-cookie-max-age"),
  ...all("unseen", STICKY, "session-cookie-samesite", "session-cookie-conditional-samesite-none"),
  ...all("unseen", STICKY, "session-cookie-change-on-failure", "session-cookie-secure", "session-cookie-hash"),
  ...all("unseen", STICKY, "upstream-hash-by-subset", "upstream-hash-by-subset-size", "load-balance"),
  ...all("differs", "fallback has a body of its own, no other service", "default-backend", "custom-http-errors"),
  ...all("unseen", "see custom-http-errors", "disable-proxy-intercept-errors"),
  ...all("differs", "FastCGI is not spoken", "fastcgi-index", "fastcgi-params-configmap"),
  ...all("differs", "tries end by their number and by perTry", "proxy-next-upstream-timeout"),
  ...all("differs", "Set-Cookie and Location pass as the service has written them", "proxy-cookie-domain"),
  ...all("differs", "see proxy-cookie-domain", "proxy-cookie-path", "proxy-redirect-from", "proxy-redirect-to"),
  ...all("differs", "the pattern of a header's value is no part of the model", "canary-by-header-pattern"),
  ...all("differs", "routes are not chosen by cookie", "canary-by-cookie"),
  ...all(
    "differs",
    "its ConfigMap would have to be among the files: responseHeaders has the words themselves",
    "custom-headers",
  ),
  ...all("differs", "no request is sent twice", "mirror-target", "mirror-request-body", "mirror-host"),
  ...all("differs", "the gateway ends TLS, or the front does", "ssl-passthrough"),
  ...all(
    "unseen",
    TUNING,
    "proxy-connect-timeout",
    "proxy-send-timeout",
    "client-body-buffer-size",
    "proxy-buffers-number",
  ),
  ...all(
    "unseen",
    TUNING,
    "proxy-busy-buffers-size",
    "proxy-max-temp-file-size",
    "proxy-request-buffering",
    "ssl-ciphers",
  ),
  ...all(
    "unseen",
    TUNING,
    "ssl-prefer-server-ciphers",
    "proxy-ssl-ciphers",
    "proxy-ssl-protocols",
    "proxy-ssl-verify-depth",
  ),
  ...all(
    "unseen",
    TUNING,
    "connection-proxy-header",
    "relative-redirects",
    "use-port-in-redirects",
    "http2-push-preload",
  ),
  ...all("unseen", TUNING, "proxy-buffer-size", "preserve-trailing-slash", "service-upstream"),
  ...all("unseen", "audit says what has passed", "enable-access-log", "enable-rewrite-log", "enable-opentelemetry"),
  ...all(
    "unseen",
    "the filter traces by its environment",
    "opentelemetry-operation-name",
    "opentelemetry-trust-incoming-span",
  ),
  ...all(
    "unseen",
    "removed from the controller",
    "enable-opentracing",
    "enable-influxdb",
    "secure-backends",
    "add-base-url",
  ),
]);

/** Those that are taken, wholly or in part. */
export const TAKEN: ReadonlySet<string> = new Set([
  ...["rewrite-target", "use-regex", "app-root", "x-forwarded-prefix", "ssl-redirect", "force-ssl-redirect"],
  ...[
    "permanent-redirect",
    "permanent-redirect-code",
    "temporal-redirect",
    "temporal-redirect-code",
    "from-to-www-redirect",
  ],
  ...[
    "backend-protocol",
    "proxy-ssl-secret",
    "proxy-ssl-verify",
    "proxy-ssl-name",
    "proxy-ssl-server-name",
    "upstream-vhost",
  ],
  ...[
    "proxy-http-version",
    "proxy-read-timeout",
    "proxy-next-upstream",
    "proxy-next-upstream-tries",
    "proxy-body-size",
  ],
  ...["proxy-buffering", "limit-rps", "limit-rpm", "limit-burst-multiplier", "whitelist-source-range"],
  ...["allowlist-source-range", "denylist-source-range", "enable-cors", "cors-allow-origin", "cors-allow-methods"],
  ...["cors-allow-headers", "cors-expose-headers", "cors-allow-credentials", "cors-max-age", "canary", "canary-weight"],
  ...["canary-weight-total", "canary-by-header", "canary-by-header-value", "server-alias"],
]);
