import { decideStand } from "./decide";
import { nginxStand } from "./nginx";
import { nodeGatewayStand } from "./node-gateway";
import type { StandFactory } from "./stand";

/** Targets that anybody's cases can be run on: their parts come with npm, or as wheels. */
export const STANDS: Readonly<Record<string, StandFactory>> = {
  decide: decideStand,
  nginx: nginxStand("nginx"),
  "node-gateway": nodeGatewayStand,
};
