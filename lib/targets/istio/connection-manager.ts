import {
  EnvoyFilterSpecConfigPatchesApplyTo as ApplyTo,
  EnvoyFilterSpecConfigPatchesPatchOperation as Operation,
  type EnvoyFilterSpecConfigPatches as Patch,
} from "../../../imports/networking.istio.io";
import { MOST_HEAD_KIB, MOST_HEADERS, OTHER_UPGRADES } from "../envoy";
import { clientIdleMs } from "../front";
import type { IstioDraft } from "./draft";
import { localReplies } from "./local-replies";
import { reportLog } from "./reports";
import { duration } from "./names";
import { connectionManagerMatch, HCM, TYPE } from "./patches";

/** A pause of a client or of a service; WebSockets have their own, by route. */
export const STREAM_IDLE_MS = 60_000;

export function connectionManager(draft: IstioDraft): Patch {
  const { model, gateway, plan } = draft.input;
  const hosts = [...draft.hosts.values()];
  const keepsIds = hosts.some((h) => h.keepsRequestId);
  const replies = localReplies(draft);
  return {
    applyTo: ApplyTo.NETWORK_UNDERSCORE_FILTER,
    match: connectionManagerMatch,
    patch: {
      operation: Operation.MERGE,
      value: {
        name: HCM,
        typed_config: {
          "@type": `${TYPE}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager`,
          ...(keepsIds && {
            preserve_external_request_id: true,
            always_set_request_id_in_response: true,
            request_id_extension: {
              typed_config: {
                "@type": `${TYPE}.extensions.request_id.uuid.v3.UuidRequestIdConfig`,
                pack_trace_reason: false,
              },
            },
          }),
          common_http_protocol_options: {
            ...(hosts.some((h) => h.dropMalformed) && { headers_with_underscores_action: "DROP_HEADER" }),
            max_headers_count: MOST_HEADERS,
            idle_timeout: duration(clientIdleMs(model.front, gateway)),
          },
          request_headers_timeout: "15s",
          stream_idle_timeout: duration(STREAM_IDLE_MS),
          http_protocol_options: {
            // So that the guard may say 405; without it Envoy's parser says 400.
            allow_custom_methods: true,
            accept_http_10: true,
            ignore_http_11_upgrade: [{ safe_regex: { regex: OTHER_UPGRADES } }],
          },
          // One malformed request ends itself, not all others of a connection that a CDN shares among its users.
          http2_protocol_options: { override_stream_error_on_invalid_http_message: true },
          strip_trailing_host_dot: true,
          max_request_headers_kb: MOST_HEAD_KIB,
          ...(replies.length > 0 && { local_reply_config: { mappers: replies } }),
          ...(plan.reports && { access_log: [reportLog(draft)] }),
        },
      },
    },
  };
}

