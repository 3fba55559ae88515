/**
 * For each alert what makes it true, and what is near and does not: series as promtool writes them (`a+bxn`), every half minute,
 * without the labels of system and environment.
 */
export interface AlertSeries {
  fires: Readonly<Record<string, string>>;
  quiet: Readonly<Record<string, string>>;
  /** When it is looked at. */
  at: string;
}

const UP = 'up{component="filter",pod="a"}';
const refused = (reason: string): string => `gateway_refusals_total{reason="${reason}"}`;
const answered = (status: number, more = ""): string =>
  `http_requests_total{route="orders",status="${String(status)}"${more}}`;
const took = (le: string): string => `http_request_duration_seconds_bucket{route="orders",le="${le}"}`;
const COUNT = 'http_request_duration_seconds_count{route="orders"}';

export const ALERT_SERIES: Readonly<Record<string, AlertSeries>> = {
  GatewayAbsent: { fires: {}, quiet: { [UP]: "1x20" }, at: "8m" },
  GatewayKongAbsent: { fires: { [UP]: "1x20" }, quiet: { 'up{component="kong",pod="a"}': "1x20" }, at: "8m" },
  GatewayReplicaDown: { fires: { [UP]: "0x30" }, quiet: { [UP]: "1x30" }, at: "12m" },
  GatewayFaults: { fires: { [refused("internal")]: "0x5 1x20" }, quiet: { [refused("internal")]: "7x25" }, at: "8m" },
  GatewayPartsDisagree: {
    fires: { [refused("route-mismatch")]: "0+2x40" },
    // A rollout: two, and no more.
    quiet: { [refused("route-mismatch")]: "0 1 2x38" },
    at: "15m",
  },
  GatewayPlansDiffer: {
    fires: {
      'gateway_build_info{proxy="nginx",plan="a",pod="a"}': "1x80",
      'gateway_build_info{proxy="nginx",plan="b",pod="b"}': "1x80",
    },
    // Behind another proxy the plan is another one.
    quiet: {
      'gateway_build_info{proxy="nginx",plan="a",pod="a"}': "1x80",
      'gateway_build_info{proxy="node-gateway",plan="b",pod="b"}': "1x80",
    },
    at: "38m",
  },
  GatewayPlanNotLoaded: {
    fires: { 'gateway_plan_reloads_total{outcome="failed"}': "0x5 1x20" },
    quiet: { 'gateway_plan_reloads_total{outcome="ok"}': "0x5 1x20" },
    at: "8m",
  },
  GatewayKeysOld: {
    fires: { 'gateway_keys_age_seconds{issuer="login"}': "3700+30x40" },
    quiet: { 'gateway_keys_age_seconds{issuer="login"}': "300x40" },
    at: "15m",
  },
  GatewayKeysAway: {
    fires: { [refused("keys-away")]: "0+1x30" },
    quiet: { [refused("keys-away")]: "3x30" },
    at: "10m",
  },
  GatewaySecretsAway: {
    fires: { [refused("secrets-away")]: "0+1x30" },
    quiet: { [refused("secrets-away")]: "3x30" },
    at: "10m",
  },
  GatewayStoreAway: {
    fires: { 'gateway_store_up{pod="a"}': "1x40", 'gateway_store_up{pod="b"}': "0x40" },
    quiet: { 'gateway_store_up{pod="a"}': "1x40", 'gateway_store_up{pod="b"}': "1x10 0x2 1x28" },
    at: "10m",
  },
  GatewayBreakerOpen: {
    fires: { 'circuit_breaker_state{service="iam"}': "1x20" },
    quiet: { 'circuit_breaker_state{service="iam"}': "0x20" },
    at: "5m",
  },
  GatewayOverload: { fires: { gateway_shed_total: "0+5x30" }, quiet: { gateway_shed_total: "40x30" }, at: "10m" },
  GatewayLate: {
    fires: { 'nodejs_eventloop_lag_p99_seconds{pod="a"}': "0.15x40" },
    quiet: { 'nodejs_eventloop_lag_p99_seconds{pod="a"}': "0.02x40" },
    at: "15m",
  },
  GatewayMemory: {
    fires: { 'process_resident_memory_bytes{pod="a"}': "1000000000x80" },
    quiet: { 'process_resident_memory_bytes{pod="a"}': "300000000x80" },
    at: "30m",
  },
  GatewayAuditLost: {
    fires: { gateway_audit_dropped_total: "0x5 12x20" },
    quiet: { gateway_audit_dropped_total: "12x25" },
    at: "8m",
  },
  GatewayReportsUnread: {
    fires: {
      'gateway_reports_total{outcome="ok"}': "0+60x60",
      'gateway_reports_total{outcome="unreadable"}': "0+6x60",
    },
    quiet: {
      'gateway_reports_total{outcome="ok"}': "0+60x60",
      'gateway_reports_total{outcome="of-another-plan"}': "0x60",
    },
    at: "28m",
  },
  GatewayManyUnauthorized: {
    fires: { [answered(401)]: "0+60x60", [answered(200)]: "0+20x60" },
    quiet: { [answered(401)]: "0+20x60", [answered(200)]: "0+60x60" },
    at: "28m",
  },
  GatewayManyLimited: {
    fires: { [answered(429)]: "0+30x80", [answered(200)]: "0+60x80" },
    quiet: { [answered(429)]: "0+3x80", [answered(200)]: "0+60x80" },
    at: "35m",
  },
  GatewayLockouts: {
    fires: { [refused("locked-out")]: "0+10x30" },
    quiet: { [refused("locked-out")]: "0+1x30" },
    at: "12m",
  },
  GatewayCacheCold: {
    fires: { gateway_cache_hits_total: "0+1x140", gateway_cache_misses_total: "0+60x140" },
    quiet: { gateway_cache_hits_total: "0+50x140", gateway_cache_misses_total: "0+60x140" },
    at: "60m",
  },
  GatewayCertificateExpires: {
    // Time begins at nothing here: ten days and forty.
    fires: { 'gateway_certificate_expiry_timestamp_seconds{host=""}': "864000x160" },
    quiet: { 'gateway_certificate_expiry_timestamp_seconds{host=""}': "3456000x160" },
    at: "70m",
  },
  GatewayErrors: {
    fires: { [answered(200)]: "0+90x160", [answered(503)]: "0+10x160" },
    quiet: { [answered(200)]: "0+10000x160", [answered(503)]: "0+1x160" },
    at: "70m",
  },
  GatewaySlow: {
    fires: { [took("0.2")]: "0+10x160", [took("+Inf")]: "0+100x160", [COUNT]: "0+100x160" },
    quiet: { [took("0.2")]: "0+97x160", [took("+Inf")]: "0+100x160", [COUNT]: "0+100x160" },
    at: "70m",
  },
};
