import type { Target, TargetInput } from "../target";

/** The filter with a listener of its own: every promise is kept by one process (`gatewright serve`). */
export const nodeGateway: Target<TargetInput> = {
  name: "node-gateway",
  proven: true,
  hasFilter: true,
  carriesAll: true,
  enforcers: {},
  begin: (input) => input,
  finish: () => [],
};
