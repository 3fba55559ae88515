import { OWN, quantile, RATE, refusals, requests, type Panel } from "./panels";

export interface DashboardDefinition {
  name: string;
  title: string;
  /** Variables beside datasource and environment: a label that is chosen from its values, or a text with what it begins with. */
  variables?: Readonly<Record<string, { label: string } | { text: string }>>;
  panels: readonly Panel[];
}

const part = (of: string, all: string): string => `${of} / ${all}`;
const errors = part(`(${requests(',status=~"5.."')} or ${requests()} * 0)`, requests());

const DURATIONS: Panel = {
  title: "Time of an answer",
  unit: "s",
  description: "To the end of the answer; to the verdict where no proxy tells of the end.",
  queries: [0.5, 0.95, 0.99].map((of) => ({ expr: quantile(of), legend: `p${String(of * 100)}` })),
};

const overview: DashboardDefinition = {
  name: "overview",
  title: "Overview",
  panels: [
    {
      title: "Requests",
      unit: "reqps",
      description: "In a second, all routes.",
      stat: true,
      queries: [{ expr: requests() }],
    },
    {
      title: "Errors",
      unit: "percentunit",
      description: "Part that is answered by 5xx.",
      stat: true,
      queries: [{ expr: errors }],
    },
    {
      title: "p95",
      unit: "s",
      description: "95 of 100 are answered by then.",
      stat: true,
      queries: [{ expr: quantile(0.95) }],
    },
    {
      title: "Replicas",
      unit: "none",
      description: "Filters that answer whoever collects metrics.",
      stat: true,
      queries: [{ expr: `count (up{${OWN},component="filter"} == 1)` }],
    },
    {
      title: "Requests by status",
      unit: "reqps",
      description: "What clients are answered.",
      stacked: true,
      queries: [{ expr: requests("", "status"), legend: "{{status}}" }],
    },
    DURATIONS,
    {
      title: "Busiest routes",
      unit: "reqps",
      description: "The ten with most requests.",
      queries: [{ expr: `topk (10, ${requests("", "route")})`, legend: "{{route}}" }],
    },
    {
      title: "Refusals by reason",
      unit: "ops",
      description: "docs/reasons.md has each.",
      queries: [{ expr: refusals(".*"), legend: "{{reason}}" }],
    },
  ],
};

const ratio = (metric: string, objective: string): string => `${metric}{${OWN},objective${objective}}`;

const objectives: DashboardDefinition = {
  name: "objectives",
  title: "Objectives",
  panels: [
    {
      title: "Errors in an hour, worst routes",
      unit: "percentunit",
      description: "Part of requests that is answered by 5xx; beside it what may be.",
      queries: [
        {
          expr: `topk (10, ${ratio("route:http_requests:error_ratio_rate1h", '="availability"')})`,
          legend: "{{route}}",
        },
      ],
    },
    {
      title: "Errors in three days, worst routes",
      unit: "percentunit",
      description: "What is left of a budget of thirty days shrinks by this.",
      queries: [
        {
          expr: `topk (10, ${ratio("route:http_requests:error_ratio_rate3d", '="availability"')})`,
          legend: "{{route}}",
        },
      ],
    },
    {
      title: "Errors of the last five minutes",
      unit: "percentunit",
      description: "Whether it is going on.",
      queries: [
        {
          expr: `topk (10, ${ratio("route:http_requests:error_ratio_rate5m", '="availability"')})`,
          legend: "{{route}}",
        },
      ],
    },
    {
      title: "Slow in an hour, worst routes",
      unit: "percentunit",
      description: "Part of requests that take longer than an objective has it. Nothing where no latency is promised.",
      queries: [
        {
          expr: `topk (10, ${ratio("route:http_request_duration_seconds:slow_ratio_rate1h", '=~"p.+"')})`,
          legend: "{{route}} {{objective}}",
        },
      ],
    },
    {
      title: "Alerts",
      unit: "none",
      description: "What is wrong now.",
      queries: [
        {
          expr: `sum by (alertname, severity) (ALERTS{${OWN},alertstate="firing"}) or vector(0)`,
          legend: "{{severity}} {{alertname}}",
        },
      ],
    },
  ],
};

const ofRoute = ',route=~"$route"';
const routes: DashboardDefinition = {
  name: "routes",
  title: "Routes",
  variables: { route: { label: "http_requests_total" } },
  panels: [
    {
      title: "Requests",
      unit: "reqps",
      description: "Of the routes that are chosen above.",
      queries: [{ expr: requests(ofRoute, "route"), legend: "{{route}}" }],
    },
    {
      title: "By status",
      unit: "reqps",
      description: "What clients are answered.",
      stacked: true,
      queries: [{ expr: requests(ofRoute, "status"), legend: "{{status}}" }],
    },
    {
      title: "p95",
      unit: "s",
      description: "95 of 100 are answered by then.",
      queries: [{ expr: quantile(0.95, ofRoute, "route"), legend: "{{route}}" }],
    },
    {
      title: "By method",
      unit: "reqps",
      description: "",
      queries: [{ expr: requests(ofRoute, "method"), legend: "{{method}}" }],
    },
    {
      title: "Answered by 4xx",
      unit: "reqps",
      description: "Refused by the gateway or by the service.",
      queries: [{ expr: requests(`${ofRoute},status=~"4.."`, "route, status"), legend: "{{route}} {{status}}" }],
    },
    {
      title: "Answered by 5xx",
      unit: "reqps",
      description: "502: no connection; 503: refused for now; 504: too late.",
      queries: [
        {
          expr: `${requests(`${ofRoute},status=~"5.."`, "route, status")} or ${requests(ofRoute, "route")} * 0`,
          legend: "{{route}} {{status}}",
        },
      ],
    },
  ],
};

const ofService = ',service=~"$service"';
const service: DashboardDefinition = {
  name: "service",
  title: "Services",
  variables: { service: { label: "http_requests_total" } },
  panels: [
    {
      title: "Requests",
      unit: "reqps",
      description: "By the service that was called; none was where a request was refused before.",
      queries: [{ expr: requests(ofService, "service"), legend: "{{service}}" }],
    },
    {
      title: "By status",
      unit: "reqps",
      description: "",
      stacked: true,
      queries: [{ expr: requests(ofService, "status"), legend: "{{status}}" }],
    },
    {
      title: "Errors",
      unit: "percentunit",
      description: "Part that is answered by 5xx.",
      queries: [
        {
          expr: part(
            `(${requests(`${ofService},status=~"5.."`, "service")} or ${requests(ofService, "service")} * 0)`,
            requests(ofService, "service"),
          ),
          legend: "{{service}}",
        },
      ],
    },
    {
      title: "By route",
      unit: "reqps",
      description: "",
      queries: [{ expr: requests(ofService, "route"), legend: "{{route}}" }],
    },
  ],
};

const IDENTITY = "jwt-.*|api-key-.*|signature-.*|csrf|cross-origin-handshake";
const identity: DashboardDefinition = {
  name: "identity",
  title: "Identity",
  panels: [
    {
      title: "Answered by 401",
      unit: "percentunit",
      description: "Part of all requests. A step shows a key or an issuer that has changed.",
      queries: [{ expr: part(`(${requests(',status="401"')} or ${requests()} * 0)`, requests()) }],
    },
    {
      title: "Refused for who calls",
      unit: "ops",
      description: "By reason.",
      queries: [{ expr: `${refusals(IDENTITY)} or vector(0)`, legend: "{{reason}}" }],
    },
    {
      title: "Age of keys",
      unit: "s",
      description: "Since an issuer's keys were last had; its tokens are refused after a day.",
      queries: [{ expr: `max by (issuer) (gateway_keys_age_seconds{${OWN}})`, legend: "{{issuer}}" }],
    },
    {
      title: "Fetches of keys",
      unit: "ops",
      description: "By outcome.",
      queries: [
        {
          expr: `sum by (issuer, outcome) (rate(gateway_key_fetches_total{${OWN}}[${RATE}]))`,
          legend: "{{issuer}} {{outcome}}",
        },
      ],
    },
    {
      title: "Keys or secrets away",
      unit: "ops",
      description: "Refused because something to check with was never had.",
      queries: [{ expr: refusals("keys-away|secrets-away"), legend: "{{reason}}" }],
    },
  ],
};

const tenants: DashboardDefinition = {
  name: "tenants",
  title: "Tenants and rights",
  panels: [
    {
      title: "Refused for the tenant",
      unit: "ops",
      description: "A header or host names another tenant than the token.",
      queries: [{ expr: `${refusals("tenant-.*")} or vector(0)`, legend: "{{reason}}" }],
    },
    {
      title: "Refused for rights",
      unit: "ops",
      description: "No alternative of a route's rules holds for the token.",
      queries: [{ expr: `${refusals("not-authorized")} or vector(0)`, legend: "{{reason}}" }],
    },
    {
      title: "Answered by 403, by route",
      unit: "reqps",
      description: "",
      queries: [{ expr: `${requests(',status="403"', "route")} or vector(0)`, legend: "{{route}}" }],
    },
  ],
};

const limits: DashboardDefinition = {
  name: "limits",
  title: "Limits",
  panels: [
    {
      title: "Answered by 429",
      unit: "percentunit",
      description: "Part of all requests.",
      queries: [{ expr: part(`(${requests(',status="429"')} or ${requests()} * 0)`, requests()) }],
    },
    {
      title: "Above a limit, by reason",
      unit: "ops",
      description: "Limits of the model, floods, lock-outs, connections, overload.",
      queries: [
        { expr: refusals("rate-limited|flood|locked-out|too-many-connections|overload"), legend: "{{reason}}" },
      ],
    },
    {
      title: "Answered by 429, by route",
      unit: "reqps",
      description: "",
      queries: [{ expr: `${requests(',status="429"', "route")} or vector(0)`, legend: "{{route}}" }],
    },
    {
      title: "Shared store",
      unit: "none",
      description: "1 while each replica reaches it; limits are counted alone, or refuse, while it is away.",
      queries: [{ expr: `min by (pod) (gateway_store_up{${OWN}})`, legend: "{{pod}}" }],
    },
  ],
};

const cacheRate = (what: string): string => `sum (rate(gateway_cache_${what}_total{${OWN}}[${RATE}]))`;
const cache: DashboardDefinition = {
  name: "cache",
  title: "Cache",
  panels: [
    {
      title: "Answered from the cache",
      unit: "percentunit",
      description: "Part of what can be; of nothing there is no part.",
      queries: [{ expr: `${cacheRate("hits")} / (${cacheRate("hits")} + ${cacheRate("misses")})` }],
    },
    {
      title: "Lookups",
      unit: "ops",
      description: "",
      stacked: true,
      queries: ["hits", "misses"].map((what) => ({ expr: cacheRate(what), legend: what })),
    },
  ],
};

const breakers: DashboardDefinition = {
  name: "breakers",
  title: "Breakers",
  panels: [
    {
      title: "State",
      unit: "none",
      description: "0 closed, 1 open, 2 half-open; the worst of the replicas.",
      queries: [{ expr: `max by (service) (circuit_breaker_state{${OWN}})`, legend: "{{service}}" }],
    },
    {
      title: "Refused by a breaker",
      unit: "ops",
      description: "Answered without the service, or by the route's fallback.",
      queries: [{ expr: `${refusals("breaker-open")} or vector(0)`, legend: "{{reason}}" }],
    },
    {
      title: "Answered by 5xx, by service",
      unit: "reqps",
      description: "",
      queries: [
        { expr: `${requests(',status=~"5.."', "service, status")} or vector(0)`, legend: "{{service}} {{status}}" },
      ],
    },
  ],
};

const process_: DashboardDefinition = {
  name: "process",
  title: "Filter's process",
  panels: [
    {
      title: "CPU",
      unit: "none",
      description: "Cores, by replica.",
      queries: [{ expr: `sum by (pod) (rate(process_cpu_seconds_total{${OWN}}[${RATE}]))`, legend: "{{pod}}" }],
    },
    {
      title: "Memory",
      unit: "bytes",
      description: "Resident, by replica; 1 GiB is the most.",
      queries: [{ expr: `max by (pod) (process_resident_memory_bytes{${OWN}})`, legend: "{{pod}}" }],
    },
    {
      title: "Lag of the event loop",
      unit: "s",
      description: "p99; above 0.2 s on average new work is refused.",
      queries: [{ expr: `max by (pod) (nodejs_eventloop_lag_p99_seconds{${OWN}})`, legend: "{{pod}}" }],
    },
    {
      title: "In flight",
      unit: "none",
      description: "Requests that are worked on, or whose bodies come.",
      queries: [{ expr: `sum by (pod) (gateway_requests_in_flight{${OWN}})`, legend: "{{pod}}" }],
    },
    {
      title: "Refused by overload",
      unit: "ops",
      description: "",
      queries: [{ expr: `sum by (pod) (rate(gateway_shed_total{${OWN}}[${RATE}]))`, legend: "{{pod}}" }],
    },
    {
      title: "Garbage collection",
      unit: "percentunit",
      description: "Part of time.",
      queries: [{ expr: `sum by (kind) (rate(nodejs_gc_duration_seconds_sum{${OWN}}[${RATE}]))`, legend: "{{kind}}" }],
    },
    {
      title: "Versions and plans",
      unit: "none",
      description: "Replicas, by what they run: more than one plan while a rollout goes on.",
      queries: [
        {
          expr: `count by (version, proxy, plan) (gateway_build_info{${OWN}})`,
          legend: "{{version}} {{proxy}} {{plan}}",
        },
      ],
    },
    {
      title: "Lost lines of the log",
      unit: "ops",
      description: "",
      queries: [{ expr: `sum by (pod) (rate(gateway_audit_dropped_total{${OWN}}[${RATE}]))`, legend: "{{pod}}" }],
    },
  ],
};

const proxies: DashboardDefinition = {
  name: "proxies",
  title: "Proxies",
  panels: [
    {
      title: "Reports",
      unit: "ops",
      description: "Ends of exchanges that nginx or Envoy has told; breakers, lock-outs and times are made from them.",
      queries: [{ expr: `sum by (outcome) (rate(gateway_reports_total{${OWN}}[${RATE}]))`, legend: "{{outcome}}" }],
    },
    {
      title: "Parts disagree",
      unit: "ops",
      description: "The proxy has chosen another route than the filter.",
      queries: [{ expr: refusals("route-mismatch"), legend: "{{reason}}" }],
    },
    {
      title: "Replicas by proxy",
      unit: "none",
      description: "",
      queries: [{ expr: `count by (proxy) (gateway_build_info{${OWN}})`, legend: "{{proxy}}" }],
    },
  ],
};

const security: DashboardDefinition = {
  name: "security",
  title: "Security",
  panels: [
    {
      title: "Floods",
      unit: "ops",
      description: "Refused by the flood guard where the filter keeps it; nginx and Envoy keep their own.",
      queries: [{ expr: `${refusals("flood")} or vector(0)`, legend: "{{reason}}" }],
    },
    {
      title: "Lock-outs",
      unit: "ops",
      description: "Attempts at names that are locked out.",
      queries: [{ expr: refusals("locked-out"), legend: "{{reason}}" }],
    },
    {
      title: "Requests that could be read in two ways",
      unit: "ops",
      description: "Paths, headers, handshakes.",
      queries: [
        {
          expr: `${refusals("unclean-path|repeated-header|handshake-.*|body-schema|graphql-.*")} or vector(0)`,
          legend: "{{reason}}",
        },
      ],
    },
    {
      title: "Forged or repeated",
      unit: "ops",
      description: "Signatures that do not hold, tokens of other issuers, replays.",
      queries: [
        {
          expr: `${refusals("jwt-signature|jwt-issuer|jwt-algorithm|signature-wrong|signature-replayed|csrf")} or vector(0)`,
          legend: "{{reason}}",
        },
      ],
    },
    {
      title: "In shadow",
      unit: "ops",
      description: "What policies that refuse nothing yet would have refused.",
      queries: [
        {
          expr: `sum by (reason) (rate(gateway_would_refuse_total{${OWN}}[${RATE}])) or vector(0)`,
          legend: "{{reason}}",
        },
      ],
    },
    {
      title: "Faults",
      unit: "ops",
      description: "Refused because something failed inside.",
      queries: [{ expr: refusals("internal"), legend: "{{reason}}" }],
    },
    {
      title: "Certificates end in",
      unit: "s",
      description: "What clients are shown by the Node gateway.",
      queries: [
        { expr: `min by (host) (gateway_certificate_expiry_timestamp_seconds{${OWN}}) - time()`, legend: "{{host}}" },
      ],
    },
  ],
};

const sides = [
  ["one", ',route=~"$one"'],
  ["other", ',route=~"$other"'],
] as const;
const compare: DashboardDefinition = {
  name: "compare",
  title: "Two groups of routes",
  variables: { one: { text: "web.*" }, other: { text: "mobile.*" } },
  panels: [
    {
      title: "Requests",
      unit: "reqps",
      description:
        "Of both groups, each a pattern of routes' names: a BFF beside direct traffic, the old of a rollout beside the new.",
      queries: sides.map(([legend, of]) => ({ expr: `${requests(of)} or vector(0)`, legend })),
    },
    {
      title: "Errors",
      unit: "percentunit",
      description: "Part that is answered by 5xx.",
      queries: sides.map(([legend, of]) => ({
        expr: part(`(${requests(`${of},status=~"5.."`)} or vector(0))`, `${requests(of)} or vector(0)`),
        legend,
      })),
    },
    {
      title: "p50",
      unit: "s",
      description: "",
      queries: sides.map(([legend, of]) => ({ expr: `${quantile(0.5, of)} or vector(0)`, legend })),
    },
    {
      title: "p95",
      unit: "s",
      description: "",
      queries: sides.map(([legend, of]) => ({ expr: `${quantile(0.95, of)} or vector(0)`, legend })),
    },
  ],
};

export const DASHBOARDS: readonly DashboardDefinition[] = [
  ...[overview, objectives, routes, service, identity, tenants, limits],
  ...[cache, breakers, process_, proxies, security, compare],
];
