/**
 * What is worth to be told of, beside the budgets of objectives: one line each, with a page in docs/runbooks of its name. What is
 * compared stands apart from the bound, so that a test can ask whether it is there at all.
 */
export interface Alert {
  alert: string;
  /** Given the selector of the system and environment. */
  value: (selector: string) => string;
  operator: ">" | "<" | "==";
  bound: number;
  for: string;
  severity: "page" | "ticket";
  summary: string;
  /** The workloads that can tell it: all filters by default. */
  only?: "with-reports" | "with-breakers" | "with-lockouts" | "with-cache" | "with-kong" | "with-certificates";
}

const total =
  (metric: string, window: string, more = "") =>
  (selector: string): string =>
    `sum (increase(${metric}{${selector}${more}}[${window}]))`;
const refused = (reason: string, window: string): Alert["value"] =>
  total("gateway_refusals_total", window, `,reason="${reason}"`);

/** The part of requests with a status, of those where at least one in two seconds is asked. */
const statusPart =
  (status: string) =>
  (selector: string): string => {
    const rate = (more: string): string => `sum (rate(http_requests_total{${selector}${more}}[10m]))`;
    return `${rate(`,status="${status}"`)} / (${rate("")} > 0.5)`;
  };

export const ALERTS: readonly Alert[] = [
  {
    alert: "GatewayAbsent",
    value: (selector) => `(count (up{${selector},component="filter"} == 1) or vector(0))`,
    ...{ operator: "<", bound: 1, for: "2m", severity: "page" },
    summary: "No replica of the filter can be asked for its metrics.",
  },
  {
    alert: "GatewayKongAbsent",
    value: (selector) => `(count (up{${selector},component="kong"} == 1) or vector(0))`,
    ...{ operator: "<", bound: 1, for: "2m", severity: "page" },
    summary: "No replica of Kong can be asked for its metrics.",
    only: "with-kong",
  },
  {
    alert: "GatewayReplicaDown",
    value: (selector) => `min by (pod, component) (up{${selector}})`,
    ...{ operator: "==", bound: 0, for: "5m", severity: "ticket" },
    summary: "A replica does not answer whoever collects metrics.",
  },
  {
    alert: "GatewayFaults",
    value: refused("internal", "10m"),
    ...{ operator: ">", bound: 0, for: "0m", severity: "page" },
    summary: "The filter has refused requests because something failed inside of it.",
  },
  {
    alert: "GatewayPartsDisagree",
    value: refused("route-mismatch", "10m"),
    ...{ operator: ">", bound: 5, for: "5m", severity: "page" },
    summary: "Proxy and filter choose different routes: they do not run what one synth wrote.",
  },
  {
    alert: "GatewayPlansDiffer",
    value: (selector) => `max by (proxy) (count by (proxy) (count by (proxy, plan) (gateway_build_info{${selector}})))`,
    ...{ operator: ">", bound: 1, for: "30m", severity: "ticket" },
    summary: "Replicas run different plans: a rollout has stopped on its way.",
  },
  {
    alert: "GatewayPlanNotLoaded",
    value: total("gateway_plan_reloads_total", "15m", ',outcome="failed"'),
    ...{ operator: ">", bound: 0, for: "0m", severity: "ticket" },
    summary: "A new plan could not be taken; the old one holds.",
  },
  {
    alert: "GatewayKeysOld",
    value: (selector) => `max by (issuer) (gateway_keys_age_seconds{${selector}})`,
    ...{ operator: ">", bound: 3600, for: "5m", severity: "page" },
    summary: "An issuer's keys have not been had for an hour: after a day its tokens are refused.",
  },
  {
    alert: "GatewayKeysAway",
    value: refused("keys-away", "5m"),
    ...{ operator: ">", bound: 0, for: "1m", severity: "page" },
    summary: "Tokens are refused because no keys were ever had.",
  },
  {
    alert: "GatewaySecretsAway",
    value: refused("secrets-away", "5m"),
    ...{ operator: ">", bound: 0, for: "1m", severity: "page" },
    summary: "Requests are refused because a secret was never had.",
  },
  {
    alert: "GatewayStoreAway",
    value: (selector) => `min (gateway_store_up{${selector}})`,
    ...{ operator: "==", bound: 0, for: "2m", severity: "page" },
    summary: "A replica does not reach the shared store: limits are counted alone, or refuse.",
  },
  {
    alert: "GatewayBreakerOpen",
    value: (selector) => `max by (service) (circuit_breaker_state{${selector}})`,
    ...{ operator: "==", bound: 1, for: "1m", severity: "page" },
    summary: "A service's breaker is open: its callers are answered without it.",
    only: "with-breakers",
  },
  {
    alert: "GatewayOverload",
    value: total("gateway_shed_total", "5m"),
    ...{ operator: ">", bound: 0, for: "2m", severity: "page" },
    summary: "Requests are refused because there is too much to do.",
  },
  {
    alert: "GatewayLate",
    value: (selector) => `max by (pod) (nodejs_eventloop_lag_p99_seconds{${selector}})`,
    ...{ operator: ">", bound: 0.1, for: "5m", severity: "ticket" },
    summary: "A replica is slow to begin with what it has to do: it will refuse soon.",
  },
  {
    alert: "GatewayMemory",
    value: (selector) => `max by (pod) (process_resident_memory_bytes{${selector}})`,
    ...{ operator: ">", bound: 900 * 1024 ** 2, for: "15m", severity: "ticket" },
    summary: "A replica has nearly the memory that it may have (1 GiB).",
  },
  {
    alert: "GatewayAuditLost",
    value: total("gateway_audit_dropped_total", "15m"),
    ...{ operator: ">", bound: 0, for: "0m", severity: "ticket" },
    summary: "Lines of the log, audit among them, could not be written.",
  },
  {
    alert: "GatewayReportsUnread",
    value: (selector) =>
      `sum (rate(gateway_reports_total{${selector},outcome!="ok"}[10m])) / (sum (rate(gateway_reports_total{${selector}}[10m])) > 0.1)`,
    ...{ operator: ">", bound: 0.02, for: "10m", severity: "ticket" },
    summary: "What the proxy tells of ended exchanges cannot be read: breakers and lock-outs know too little.",
    only: "with-reports",
  },
  {
    alert: "GatewayManyUnauthorized",
    value: statusPart("401"),
    ...{ operator: ">", bound: 0.5, for: "10m", severity: "page" },
    summary: "More than half of all requests are refused for who calls: an issuer has changed, or clients have.",
  },
  {
    alert: "GatewayManyLimited",
    value: statusPart("429"),
    ...{ operator: ">", bound: 0.2, for: "15m", severity: "ticket" },
    summary: "More than a fifth of all requests is above a limit.",
  },
  {
    alert: "GatewayLockouts",
    value: refused("locked-out", "15m"),
    ...{ operator: ">", bound: 50, for: "0m", severity: "ticket" },
    summary: "Many attempts at names that are locked out: somebody guesses passwords.",
    only: "with-lockouts",
  },
  {
    alert: "GatewayCacheCold",
    value: (selector) => {
      const rate = (what: string): string => `sum (rate(gateway_cache_${what}_total{${selector}}[30m]))`;
      return `${rate("hits")} / (${rate("hits")} + ${rate("misses")} > 0.5)`;
    },
    ...{ operator: "<", bound: 0.2, for: "15m", severity: "ticket" },
    summary: "Fewer than a fifth of what could be answered from the cache is.",
    only: "with-cache",
  },
  {
    alert: "GatewayCertificateExpires",
    value: (selector) => `min by (host) (gateway_certificate_expiry_timestamp_seconds{${selector}} - time()) / 86400`,
    ...{ operator: "<", bound: 14, for: "1h", severity: "ticket" },
    summary: "A certificate that clients are shown ends within two weeks.",
    only: "with-certificates",
  },
];

export const exprOf = ({ value, operator, bound }: Alert, selector: string): string =>
  `${value(selector)} ${operator} ${String(bound)}`;
