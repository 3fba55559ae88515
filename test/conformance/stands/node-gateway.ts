import path from "node:path";
import { freePair, freePorts } from "../../parts/process";
import { wheels } from "../../parts/wheels";
import type { Case } from "../case";
import { send, withForwardedFor, type OpenAnswer, type WireRequest } from "../wire";
import { Around } from "./around";
import { certificates, renderFor } from "./nginx";
import type { Stand, StandFactory, StandOptions } from "./stand";

interface Instance {
  http: number;
  https: number;
}

/** The filter with listeners of its own: no proxy. */
class NodeGatewayStand implements Stand {
  readonly target = "node-gateway";

  private constructor(
    readonly around: Around,
    private readonly instances: Instance[],
  ) {}

  static async start({
    system,
    environment,
    replicas,
  }: StandOptions): Promise<NodeGatewayStand | { unavailable: string }> {
    const programs = await wheels();
    if (!programs) return { unavailable: "Valkey cannot be installed" };
    const around = await Around.start(system, "node-gateway", programs.valkey);
    const tls = around.makeDirectory("tls");
    await certificates(tls);
    const instances: Instance[] = [];
    for (let n = 0; n < replicas; n++) {
      const [http = 0, https = 0, filter = 0] = await freePorts(3);
      const admin = await freePair();
      const files = renderFor(around, "node-gateway", environment, { http, https, filter, admin, certificates: tls });
      const plan = files.find((f) => f.path.endsWith("plan.json"));
      await around.startProcess("bin/filter.ts", plan?.content ?? "", admin, {
        LISTEN_PORT: String(filter),
        HTTP_PORT: String(http),
        HTTPS_PORT: String(https),
        TLS_CERTIFICATE: path.join(tls, "tls.crt"),
        TLS_KEY: path.join(tls, "tls.key"),
      });
      instances.push({ http, https });
    }
    return new NodeGatewayStand(around, instances);
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

  send(request: WireRequest, instance: number): Promise<OpenAnswer> {
    this.around.noteSent();
    const at = this.instances[instance % this.instances.length] as Instance;
    const secure = request.scheme === "https";
    return send({ port: secure ? at.https : at.http, tls: secure }, withForwardedFor(request));
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

  stop(): Promise<void> {
    return this.around.stop();
  }
}

export const nodeGatewayStand: StandFactory = (options) => NodeGatewayStand.start(options);
