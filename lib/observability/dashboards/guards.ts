import { OWN, RATE, refusals, requests, part, type DashboardDefinition } from "./panels";

/** What is refused, and why. */

const IDENTITY = "jwt-.*|api-key-.*|signature-.*|csrf|cross-origin-handshake";

export const identity: DashboardDefinition = {
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

export const tenants: DashboardDefinition = {
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

export const limits: DashboardDefinition = {
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

export const security: DashboardDefinition = {
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
