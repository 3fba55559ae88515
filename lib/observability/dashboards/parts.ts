import { OWN, RATE, refusals, requests, type DashboardDefinition } from "./panels";

/** How the parts are. */

const cacheRate = (what: string): string => `sum (rate(gateway_cache_${what}_total{${OWN}}[${RATE}]))`;

export const cache: DashboardDefinition = {
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

export const breakers: DashboardDefinition = {
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

export const process_: DashboardDefinition = {
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

export const proxies: DashboardDefinition = {
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
