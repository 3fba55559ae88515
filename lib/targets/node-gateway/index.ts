import { usesProxyProtocol } from "../front";
import type { Target, TargetInput } from "../target";

/** The filter with a listener of its own: every promise is kept by one process (`gatewright serve`). */
export const nodeGateway: Target<TargetInput> = {
  name: "node-gateway",
  proven: true,
  hasFilter: true,
  carriesAll: true,
  enforcers: {},
  refusesFront(front) {
    if (!usesProxyProtocol(front)) return undefined;
    return {
      why: "An NLB says who calls by the PROXY protocol, which this target does not read.",
      fix: "Put an ALB in front, or use the nginx or istio target.",
    };
  },
  begin: (input) => input,
  finish: () => [],
};
