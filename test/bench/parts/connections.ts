import { readFileSync } from "node:fs";

const hex = (port: number): string => port.toString(16).toUpperCase().padStart(4, "0");

/**
 * Counts the connections that have been made to local ports, by the clients' port numbers. A closed one stays in the
 * kernel's list for a minute, so that looking now and then misses only those whose number was used again meanwhile.
 */
export class Connections {
  readonly #seen: Map<string, Set<string>>;
  readonly #timer: NodeJS.Timeout;

  constructor(ports: readonly number[]) {
    this.#seen = new Map(ports.map((port) => [hex(port), new Set()]));
    this.#timer = setInterval(() => {
      this.#look();
    }, 250);
  }

  #look(): void {
    for (const line of readFileSync("/proc/net/tcp", "utf8").split("\n")) {
      const [, local, remote, state] = /^\s*\d+: \S+:(\w{4}) \S+:(\w{4}) (\w{2})/.exec(line) ?? [];
      // 0A: a listener.
      if (local === undefined || remote === undefined || state === "0A") continue;
      this.#seen.get(local)?.add(remote);
      this.#seen.get(remote)?.add(local);
    }
  }

  /** How many have been made to that port so far. */
  count(port: number): number {
    this.#look();
    return this.#seen.get(hex(port))?.size ?? 0;
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
