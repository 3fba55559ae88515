import { decideStand } from "./decide";
import { istioNativeStand, istioStand } from "./istio";
import { nginxNearStand, nginxStand } from "./nginx";
import { nodeGatewayStand } from "./node-gateway";
import type { StandFactory } from "./stand";

/** Every target that cases can be run on. */
export const STANDS: Readonly<Record<string, StandFactory>> = {
  decide: decideStand,
  nginx: nginxStand,
  "nginx-near": nginxNearStand,
  istio: istioStand,
  "istio-native": istioNativeStand,
  "node-gateway": nodeGatewayStand,
};
