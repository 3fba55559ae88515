import { OWN, quantile, refusals, requests, part, type DashboardDefinition, type Panel } from "./panels";

/** What clients ask, and what they are answered. */

const errors = part(`(${requests(',status=~"5.."')} or ${requests()} * 0)`, requests());

const DURATIONS: Panel = {
  title: "Time of an answer",
  unit: "s",
  description: "To the end of the answer; to the verdict where no proxy tells of the end.",
  queries: [0.5, 0.95, 0.99].map((of) => ({ expr: quantile(of), legend: `p${String(of * 100)}` })),
};

export const overview: DashboardDefinition = {
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

export const objectives: DashboardDefinition = {
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

export const routes: DashboardDefinition = {
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

export const service: DashboardDefinition = {
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

const sides = [
  ["one", ',route=~"$one"'],
  ["other", ',route=~"$other"'],
] as const;

export const compare: DashboardDefinition = {
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
