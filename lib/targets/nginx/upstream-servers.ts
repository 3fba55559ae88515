import { servicesSeveral } from "../../model";
import type { SeveralAddresses } from "../../decision/filter-plan";
import type { NginxDraft } from "./draft";
import { othersOf } from "./upstream";

/**
 * Servers of the upstreams, as many as there are tries: nginx asks none twice, and gives back a try that a kept connection has cost,
 * so that their number alone bounds what a service is asked.
 */

interface Upstream {
  name: string;
  servers: string[];
  takeTurns?: true;
}

/**
 * Several addresses: servers that are left alone when they fail. Where all of them are, nginx would ask nobody, and answer for the
 * service itself: then, and where there are more tries than addresses, the same ones are its backups, which nothing ejects.
 */
function inTurn({ addresses, failures, ejectionMs }: SeveralAddresses, tries: number): string[] {
  const backups = Math.max(addresses.length, tries - addresses.length);
  return [
    ...addresses.map((address) => `${address} max_fails=${String(failures)} fail_timeout=${String(Math.ceil(ejectionMs / 1000))}s`),
    ...Array.from({ length: backups }, (_, i) => `${addresses[i % addresses.length] as string} max_fails=0 backup`),
  ];
}

export function upstreams(draft: NginxDraft): Upstream[] {
  const serverOf = (service: string): string => `${draft.input.model.services[service]?.address ?? ""} max_fails=0`;
  const several = servicesSeveral(draft.input.model);
  const inTurns = new Set<string>();
  const tries = new Map<string, number>();
  const withOthers = new Map<string, string[]>();
  for (const server of draft.servers.values()) {
    for (const route of server.routes.values()) {
      if (route.through) continue;
      const count = route.retries?.tries ?? 1;
      const used = route.route.backends.filter((b) => b.weight > 0).map((b) => b.service);
      for (const { service } of route.route.backends) {
        if (route.takesTurns) inTurns.add(service);
        if (!route.triesOthers) tries.set(service, Math.max(tries.get(service) ?? 1, count));
      }
      if (!route.triesOthers) continue;
      for (const service of used) {
        const others = used.filter((other) => other !== service);
        const next = Array.from({ length: count - 1 }, (_, i) => `${serverOf(others[i % others.length] ?? "")} backup`);
        withOthers.set(othersOf(service, route), [serverOf(service), ...next]);
      }
    }
  }
  const own = [...tries].map(([name, count]): Upstream => {
    const places = several[name];
    if (places && inTurns.has(name)) return { name, servers: inTurn(places, count), takeTurns: true };
    return { name, servers: Array.from({ length: count }, () => serverOf(name)) };
  });
  const others = [...withOthers].map(([name, servers]): Upstream => ({ name, servers }));
  return [...own, ...others].sort((a, b) => (a.name < b.name ? -1 : 1));
}
