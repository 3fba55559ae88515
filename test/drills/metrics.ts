/** The filter's metrics by the names that the drills ask for. */
export const METRICS = {
  requests: "http_requests_total",
  refusals: "gateway_refusals_total",
  storeUp: "gateway_store_up",
  /** {issuer, outcome="ok"|"failed"} */
  keyFetches: "gateway_key_fetches_total",
  /** {issuer}: seconds since the keys in use were fetched. */
  keyAge: "gateway_keys_age_seconds",
  auditDropped: "gateway_audit_dropped_total",
  /** {outcome="ok"|"failed"} */
  planReloads: "gateway_plan_reloads_total",
  shed: "gateway_shed_total",
} as const;

const LINE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/;

/** One scrape of Prometheus' text form. */
export class Metrics {
  readonly #lines: { name: string; labels: string; value: number }[];

  constructor(text: string) {
    this.#lines = text.split("\n").flatMap((line) => {
      const [whole, name = "", labels = "", value = ""] = LINE.exec(line) ?? [];
      return whole === undefined ? [] : [{ name, labels, value: Number(value) }];
    });
  }

  get series(): number {
    return this.#lines.length;
  }

  /** The sum over all series of that name which have these labels; nothing when there are none. */
  sum(name: string, labels: Readonly<Record<string, string>> = {}): number | undefined {
    const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
    const found = this.#lines.filter((l) => l.name === name && wanted.every((w) => l.labels.includes(w)));
    return found.length === 0 ? undefined : found.reduce((total, l) => total + l.value, 0);
  }
}
