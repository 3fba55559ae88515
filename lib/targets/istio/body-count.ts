import type { EnvoyFilterSpecConfigPatches as Patch } from "../../../imports/networking.istio.io";
import type { IstioDraft, RouteDraft } from "./draft";
import { luaTable } from "./lua";
import { namesOf, UPGRADE } from "./names";
import { insertFirst, lua, TYPE } from "./patches";

/**
 * Bodies without a length are held until they are counted, where a route says how large they may be. Before the door: while
 * it is asked Envoy holds what comes, and hands it on to a buffer behind the door in one piece that is not counted. What has
 * a length was judged by it, and flows.
 */

const BUFFER = "envoy.filters.http.buffer";

/** A body that comes with its end in one piece is not counted by the buffer, which writes down its length all the same. */
const script = (limits: object): string => `local LIMITS = ${luaTable(limits)}

function envoy_on_request(handle)
  local limit = LIMITS[handle:streamInfo():routeName() or ""]
  local length = tonumber(handle:headers():get("content-length") or "0")
  if limit and length and length > limit then handle:respond({ [":status"] = "413" }, "") end
end
`;

const countedNames = (host: string, route: RouteDraft): string[] =>
  route.countedBytes === undefined ? [] : namesOf(host, route).filter((name) => !name.endsWith(UPGRADE));

export function bodyCounter(draft: IstioDraft): Patch[] {
  const limits = Object.fromEntries(
    [...draft.hosts.values()].flatMap((h) =>
      [...h.routes.values()].flatMap((route) =>
        countedNames(h.host.name, route).map((name) => [name, route.countedBytes] as const),
      ),
    ),
  );
  if (Object.keys(limits).length === 0) return [];
  const hasLength = {
    input: {
      name: "request-headers",
      typed_config: { "@type": `${TYPE}.type.matcher.v3.HttpRequestHeaderMatchInput`, header_name: "content-length" },
    },
    value_match: { safe_regex: { google_re2: {}, regex: ".+" } },
  };
  const skip = { name: "skip", typed_config: { "@type": `${TYPE}.extensions.filters.common.matcher.action.v3.SkipFilter` } };
  const buffer = { "@type": `${TYPE}.extensions.filters.http.buffer.v3.Buffer`, max_request_bytes: 1 };
  const withMatcher = {
    "@type": `${TYPE}.extensions.common.matching.v3.ExtensionWithMatcher`,
    extension_config: { name: BUFFER, typed_config: buffer },
    xds_matcher: {
      matcher_list: { matchers: [{ predicate: { single_predicate: hasLength }, on_match: { action: skip } }] },
    },
  };
  return [
    insertFirst("gatewright.body-count", lua(script(limits))),
    // Off but where a route says how large its bodies may be.
    insertFirst(BUFFER, withMatcher, { disabled: true }),
  ];
}

/** What a route of Envoy says of its bodies. */
export function bodyPerRoute(host: string, route: RouteDraft, name: string): object {
  if (!countedNames(host, route).includes(name)) return {};
  const buffer = { max_request_bytes: route.countedBytes };
  return { [BUFFER]: { "@type": `${TYPE}.extensions.filters.http.buffer.v3.BufferPerRoute`, buffer } };
}
