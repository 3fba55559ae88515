import { usesProxyProtocol } from "../../targets/front";
import type { Case } from "../case";
import { connected, send, withForwardedFor, type Endpoint, type OpenAnswer, type WireRequest } from "../wire";
import { Http2Connection, isForHttp2, sendHttp2 } from "../wire-h2";
import type { Around } from "./around";
import net from "node:net";
import type { Held, Stand } from "./stand";

/** One running gateway, by its ports. */
export interface Instance {
  http: number;
  https: number;
  stop?(): Promise<void>;
}

/** A real gateway with real parts around it; how its instances are started is each target's own. */
export class RealStand implements Stand {
  constructor(
    readonly target: string,
    readonly around: Around,
    readonly instances: readonly Instance[],
    /** Whether what HTTP/2 can say is said by HTTP/2, over TLS. */
    private readonly http2 = false,
  ) {}

  get system(): Around["system"] {
    return this.around.system;
  }

  get services(): Around["services"] {
    return this.around.services;
  }

  get identities(): Around["identities"] {
    return this.around.identities;
  }

  begin(testCase: Case): Promise<void> {
    return this.around.begin(testCase);
  }

  #endpoint(request: WireRequest, instance: number): Endpoint {
    const at = this.instances[instance % this.instances.length] as Instance;
    const secure = request.scheme === "https";
    const proxyProtocol = usesProxyProtocol(this.around.model.front);
    const tls = secure && this.around.model.front.tls === "gateway";
    const serverName = tls ? this.#serverName(request.host) : undefined;
    const port = secure ? at.https : at.http;
    return { port, tls, proxyProtocol, ...(serverName !== undefined && { serverName }) };
  }

  /** None where a connection says who calls. */
  async open(request: WireRequest, instance: number): Promise<Held | undefined> {
    const endpoint = this.#endpoint(request, instance);
    if (endpoint.proxyProtocol) return undefined;
    return this.http2 && endpoint.tls && isForHttp2(request)
      ? Http2Connection.open(endpoint, request)
      : connected(endpoint, request);
  }

  send(request: WireRequest, instance: number, kept?: Held): Promise<OpenAnswer> {
    this.around.noteSent();
    const endpoint = this.#endpoint(request, instance);
    const sent = endpoint.proxyProtocol ? request : withForwardedFor(request);
    return this.http2 && endpoint.tls && isForHttp2(sent)
      ? sendHttp2(endpoint, sent, kept instanceof Http2Connection ? kept : undefined)
      : send(endpoint, sent, kept instanceof net.Socket ? kept : undefined);
  }

  /** Istio's Gateway knows its hosts by name, and ends a handshake for another: such a host is asked for on a connection of a known one. */
  #serverName(host: string): string | undefined {
    const names = Object.keys(this.around.model.hosts);
    const asked = host.toLowerCase().replace(/:\d+$/, "");
    const knows = (name: string): boolean =>
      name.startsWith("*.") ? asked.endsWith(name.slice(1)) : asked === name || asked === `${name}.`;
    return !this.target.startsWith("istio") || names.some(knows)
      ? undefined
      : names.find((name) => !name.startsWith("*"));
  }

  revoke(key: string): Promise<void> {
    return this.around.valkey.command("SET", key, "1", "EX", "3600");
  }

  logs(): string {
    return this.around.logs();
  }

  reason(requestId: string): string | undefined {
    return this.around.reason(requestId);
  }

  end(testCase: Case): Promise<void> {
    return this.around.end(testCase);
  }

  async stop(): Promise<void> {
    for (const instance of this.instances) await instance.stop?.();
    await this.around.stop();
  }
}
