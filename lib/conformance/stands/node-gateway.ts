import path from "node:path";
import { freePair, freePorts } from "../parts/process";
import { wheels } from "../parts/wheels";
import { Around } from "./around";
import { renderFor } from "./nginx";
import { RealStand, type Instance } from "./real-stand";
import type { StandFactory } from "./stand";

/** The filter with listeners of its own: no proxy. */
export const nodeGatewayStand: StandFactory = async ({ system, environment, replicas }) => {
  const programs = await wheels();
  if (!programs) return { unavailable: "Valkey cannot be installed" };
  return Around.with(system, "node-gateway", programs.valkey, async (around) => {
    const tls = around.certificates;
    const secure = around.model.front.tls === "gateway";
    const instances: Instance[] = [];
    for (let n = 0; n < replicas; n++) {
      const [http = 0, https = 0, filter = 0] = await freePorts(3);
      const admin = await freePair();
      const files = renderFor(around, "node-gateway", environment, { http, https, filter, admin, certificates: tls });
      const plan = files.find((f) => f.path.endsWith("plan.json"));
      await around.startProcess(plan?.content ?? "", admin, {
        LISTEN_PORT: String(filter),
        HTTP_PORT: String(http),
        HTTPS_PORT: String(https),
        ...(secure && { TLS_CERTIFICATE: path.join(tls, "tls.crt"), TLS_KEY: path.join(tls, "tls.key") }),
      });
      instances.push({ http, https });
    }
    return new RealStand("node-gateway", around, instances);
  });
};
