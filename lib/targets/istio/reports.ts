import {
  EnvoyFilterSpecConfigPatchesApplyTo as ApplyTo,
  EnvoyFilterSpecConfigPatchesPatchOperation as Operation,
  type EnvoyFilterSpecConfigPatches as Patch,
} from "../../../imports/networking.istio.io";
import { reportAddress } from "../through";
import type { IstioDraft } from "./draft";
import { EXT_AUTHZ, connectionManagerMatch, HCM, TYPE } from "./patches";

/** How exchanges have ended that the filter was asked about: told by the ticket that it has given with its leave. */

const TICKET = "x-gateway-ticket";
/** In an entry of the log; the filter looks for it by this name. */
const TICKET_TAG = "ticket";

/** The ticket is no header of a request: no service sees it, and no client can bring one. */
export function ticketPatch(draft: IstioDraft): Patch[] {
  if (!draft.input.plan.reports) return [];
  return [
    {
      applyTo: ApplyTo.HTTP_UNDERSCORE_FILTER,
      match: {
        ...connectionManagerMatch,
        listener: { filterChain: { filter: { name: HCM, subFilter: { name: EXT_AUTHZ } } } },
      },
      patch: {
        operation: Operation.MERGE,
        value: {
          name: EXT_AUTHZ,
          typed_config: {
            "@type": `${TYPE}.extensions.filters.http.ext_authz.v3.ExtAuthz`,
            http_service: {
              authorization_response: { dynamic_metadata_from_headers: { patterns: [{ exact: TICKET }] } },
            },
          },
        },
      },
    },
  ];
}

/** Each entry is sent as soon as there is one: what a breaker hears late it cannot heed. */
export function reportLog(draft: IstioDraft): object {
  const { host, port } = reportAddress(draft.input.model);
  const ticket = { key: EXT_AUTHZ, path: [{ key: TICKET }] };
  return {
    name: "envoy.access_loggers.http_grpc",
    filter: {
      metadata_filter: {
        matcher: { filter: EXT_AUTHZ, path: ticket.path, value: { string_match: { safe_regex: { regex: ".+" } } } },
        match_if_key_not_found: false,
      },
    },
    typed_config: {
      "@type": `${TYPE}.extensions.access_loggers.grpc.v3.HttpGrpcAccessLogConfig`,
      common_config: {
        log_name: "gateway",
        transport_api_version: "V3",
        // The name of the cluster would be the authority, and Node refuses the bars in it.
        grpc_service: { envoy_grpc: { cluster_name: `outbound|${String(port)}||${host}`, authority: host } },
        buffer_size_bytes: 0,
        custom_tags: [{ tag: TICKET_TAG, metadata: { kind: { request: {} }, metadata_key: ticket } }],
      },
    },
  };
}
