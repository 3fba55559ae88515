import {
  EnvoyFilterSpecConfigPatchesApplyTo as ApplyTo,
  EnvoyFilterSpecConfigPatchesMatchContext as Context,
  EnvoyFilterSpecConfigPatchesPatchOperation as Operation,
  type EnvoyFilterSpecConfigPatches as Patch,
} from "../../../imports/networking.istio.io";

/** Patches of Envoy's configuration, as EnvoyFilter takes them. */

export const TYPE = "type.googleapis.com/envoy";
export const EXT_AUTHZ = "envoy.filters.http.ext_authz";
export const HCM = "envoy.filters.network.http_connection_manager";

export const connectionManagerMatch: NonNullable<Patch["match"]> = {
  context: Context.GATEWAY,
  listener: { filterChain: { filter: { name: HCM } } },
};

/** The later a filter is inserted first, the earlier it stands. */
export const insertFirst = (name: string, typed_config: object, more: object = {}): Patch => ({
  applyTo: ApplyTo.HTTP_UNDERSCORE_FILTER,
  match: connectionManagerMatch,
  patch: { operation: Operation.INSERT_UNDERSCORE_FIRST, value: { name, ...more, typed_config } },
});

export const lua = (source: string): object => ({
  "@type": `${TYPE}.extensions.filters.http.lua.v3.Lua`,
  default_source_code: { inline_string: source },
});

export const setHeader = (key: string, value: string, append_action = "OVERWRITE_IF_EXISTS_OR_ADD"): object => ({
  append: { header: { key, value }, append_action },
});

/** A text in which RE2 would read something else. */
export const regexText = (text: string): string => text.replace(/[.+*?^$()[\]{}|\\]/g, "\\$&");
