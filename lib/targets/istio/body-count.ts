import type { EnvoyFilterSpecConfigPatches as Patch } from "../../../imports/networking.istio.io";
import type { IstioDraft } from "./draft";
import { COUNTED } from "./names";
import { insertFirst, lua, TYPE } from "./patches";

/**
 * Bodies without a length are held until they are counted, where a route says how large they may be. Before the door: while
 * it is asked Envoy holds what comes, and hands it on to a buffer behind the door in one piece that is not counted. What has
 * a length was judged by it, and flows.
 */

const BUFFER = "envoy.filters.http.buffer";

/** A body that comes with its end in one piece is not counted by the buffer, which writes down its length all the same. */
const SCRIPT = `function envoy_on_request(handle)
  local limit = tonumber(handle:headers():get("${COUNTED}") or "")
  local length = tonumber(handle:headers():get("content-length") or "0")
  if limit and length and length > limit then
    handle:streamInfo():dynamicMetadata():set("gatewright", "reason", "body-too-large")
    handle:respond({ [":status"] = "413" }, "")
  end
end
`;

function present(header: string): object {
  const input = {
    name: "request-headers",
    typed_config: { "@type": `${TYPE}.type.matcher.v3.HttpRequestHeaderMatchInput`, header_name: header },
  };
  return { single_predicate: { input, value_match: { safe_regex: { google_re2: {}, regex: ".+" } } } };
}

export function bodyCounter(draft: IstioDraft): Patch[] {
  const limits = [...draft.hosts.values()].flatMap((h) => [...h.routes.values()].flatMap((route) => route.countedBytes ?? []));
  if (limits.length === 0) return [];
  const skip = { name: "skip", typed_config: { "@type": `${TYPE}.extensions.filters.common.matcher.action.v3.SkipFilter` } };
  // Of all routes: the script behind it knows the route's own.
  const buffer = { "@type": `${TYPE}.extensions.filters.http.buffer.v3.Buffer`, max_request_bytes: Math.max(...limits) };
  // The guard has written down how large a body without a length may be, where the route says that.
  const nothingToCount = { or_matcher: { predicate: [present("content-length"), { not_matcher: present(COUNTED) }] } };
  const withMatcher = {
    "@type": `${TYPE}.extensions.common.matching.v3.ExtensionWithMatcher`,
    extension_config: { name: BUFFER, typed_config: buffer },
    xds_matcher: { matcher_list: { matchers: [{ predicate: nothingToCount, on_match: { action: skip } }] } },
  };
  return [insertFirst("gatewright.body-count", lua(SCRIPT)), insertFirst(BUFFER, withMatcher)];
}
