import type { Host } from "./gateway";
import type { ErrorBodyConfig } from "./response";

/** What one filter is to do: the door policies of one gateway, for one kind of proxy. Plain JSON, written by `synth`. */
export interface FilterPlan {
  formatVersion: 1;
  system: string;
  environment: string;
  /** The proxy whose door this is: it says how answers must look. */
  proxy: string;
  issuers: Readonly<Record<string, { jwksUrl: string; algorithms: readonly string[] }>>;
  redis: string;
  /** Hosts with their routes; `policies` holds only what the filter decides. */
  hosts: readonly (Host & { errorBody?: ErrorBodyConfig; identityHeaders: readonly string[] })[];
}
