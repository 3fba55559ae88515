import { STANDS as EVERYBODYS } from "../../../lib/conformance/stands";
import { nginxStand } from "../../../lib/conformance/stands/nginx";
import type { StandFactory } from "../../../lib/conformance/stands/stand";
import { stableNginx as withModules } from "../../parts/nginx-stable";
import { gatewayApiByEnvoyGateway, gatewayApiByIstio, gatewayApiByTraefik } from "./gateway-api";
import { ingressNginxStand } from "./ingress-nginx";
import { kongStandIn } from "./kong";
import { istioHttp2Stand, istioNativeStand, istioStand } from "./istio";

/** Total times, pauses and compression by stable nginx alone, their differences accepted. */
const nginxNative = nginxStand("nginx-native", {
  withModules,
  change: (model) => ({
    ...model,
    nginx: { ...model.nginx, modules: ["brotli"] },
    accept: ["nginx-total-time", "nginx-idle-time", "nginx-brotli"].map((difference) => ({
      difference,
      reason: "The run compares both forms.",
    })),
  }),
});

/** Every target that cases can be run on. */
export const STANDS: Readonly<Record<string, StandFactory>> = {
  ...EVERYBODYS,
  nginx: nginxStand("nginx", { withModules }),
  "nginx-http2": nginxStand("nginx-http2", { withModules, http2: true }),
  "nginx-native": nginxNative,
  istio: istioStand,
  "istio-http2": istioHttp2Stand,
  "istio-native": istioNativeStand,
  "ingress-nginx": ingressNginxStand,
  "gateway-api-traefik": gatewayApiByTraefik,
  "gateway-api-istio": gatewayApiByIstio,
  "gateway-api-envoy-gateway": gatewayApiByEnvoyGateway,
  "kong-by-nginx": kongStandIn,
};
