import type { NginxDraft } from "./draft";
import { othersOf } from "./upstream";

/**
 * Servers of the upstreams, as many as there are tries: nginx asks none twice, and gives back a try that a kept connection has cost,
 * so that their number alone bounds what a service is asked.
 */

export function upstreams(draft: NginxDraft): object[] {
  const addressOf = (service: string): string => draft.input.model.services[service]?.address ?? "";
  const tries = new Map<string, number>();
  const withOthers = new Map<string, string[]>();
  for (const server of draft.servers.values()) {
    for (const route of server.routes.values()) {
      if (route.through) continue;
      const count = route.retries?.tries ?? 1;
      const used = route.route.backends.filter((b) => b.weight > 0).map((b) => b.service);
      for (const { service } of route.route.backends) {
        if (!route.triesOthers) tries.set(service, Math.max(tries.get(service) ?? 1, count));
      }
      if (!route.triesOthers) continue;
      for (const service of used) {
        const others = used.filter((other) => other !== service);
        const next = Array.from({ length: count - 1 }, (_, i) => `${addressOf(others[i % others.length] ?? "")} backup`);
        withOthers.set(othersOf(service, route), [addressOf(service), ...next]);
      }
    }
  }
  const own = [...tries.entries()].map(([name, count]) => [name, Array.from({ length: count }, () => addressOf(name))] as const);
  return [...own, ...withOthers].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, servers]) => ({ name, servers }));
}
