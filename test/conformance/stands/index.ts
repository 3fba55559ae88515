import { decideStand } from "./decide";
import { istioNativeStand, istioStand } from "./istio";
import { nginxNativeStand, nginxStand } from "./nginx";
import { nodeGatewayStand } from "./node-gateway";
import type { StandFactory } from "./stand";

/** Every target that cases can be run on. */
export const STANDS: Readonly<Record<string, StandFactory>> = {
  decide: decideStand,
  nginx: nginxStand,
  "nginx-native": nginxNativeStand,
  istio: istioStand,
  "istio-native": istioNativeStand,
  "node-gateway": nodeGatewayStand,
};
