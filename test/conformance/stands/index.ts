import { decideStand } from "./decide";
import { istioHttp2Stand, istioNativeStand, istioStand } from "./istio";
import { nginxHttp2Stand, nginxNativeStand, nginxStand } from "./nginx";
import { nodeGatewayStand } from "./node-gateway";
import type { StandFactory } from "./stand";

/** Every target that cases can be run on. */
export const STANDS: Readonly<Record<string, StandFactory>> = {
  decide: decideStand,
  nginx: nginxStand,
  "nginx-http2": nginxHttp2Stand,
  "nginx-native": nginxNativeStand,
  istio: istioStand,
  "istio-http2": istioHttp2Stand,
  "istio-native": istioNativeStand,
  "node-gateway": nodeGatewayStand,
};
