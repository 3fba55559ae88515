import type { CompressionConfig } from "../../policy/kinds/compression";
import type { Placement } from "../../plan";
import type { Enforcer } from "../target";
import { routeOf, type NginxDraft, type RouteDraft } from "./draft";
import { BROTLI_QUALITY, GZIP_LEVEL } from "../../policy/kinds/compression";

const OF_BOTH = "with status 200, 403 or 404 alone, text/html always, and although Cache-Control says no-transform";

const BROTLI = "nginx-brotli";

function apply(placement: Placement, draft: NginxDraft): void {
  const config = placement.config as CompressionConfig;
  const encodings: CompressionConfig["encodings"] = placement.difference === BROTLI ? config.encodings : ["gzip"];
  if (encodings.includes("br")) draft.modules.add("ngx_http_brotli_filter_module");
  routeOf(draft, placement).compression = { ...config, encodings };
}

/** nginx' own gzip (ngx_http_gzip_module), for those who take its differences rather than a hop. */
export const gzip: Enforcer<NginxDraft> = {
  supports: ["Compression", "CompressionOfSmallAnswers"],
  stage: "afterExtAuth",
  difference: {
    name: "nginx-gzip",
    text:
      "answers are compressed with gzip alone, by that name alone (not by x-gzip or *), " +
      `${OF_BOTH} or the client likes no coding better`,
  },
  apply,
};

/** The same beside brotli (github.com/google/ngx_brotli; Debian's libnginx-mod-http-brotli-filter). */
export const brotli: Enforcer<NginxDraft> = {
  supports: ["Compression", "CompressionOfSmallAnswers", "CompressionWithoutGzip"],
  stage: "afterExtAuth",
  module: "brotli",
  difference: {
    name: BROTLI,
    text:
      "answers are compressed with brotli wherever the client takes it, else with gzip, by these names alone (not by x-gzip or *), " +
      `${OF_BOTH} or the client likes another coding or none better`,
  },
  apply,
};

/** nginx has text/html in every list of its own. */
const ALWAYS = "text/html";

export function compressionLines({ compression: wanted }: RouteDraft): string[] {
  if (!wanted) return [];
  const types = wanted.types.filter((type) => type !== ALWAYS);
  const common = (name: "brotli" | "gzip", level: number): string[] => [
    `${name} on;`,
    `${name}_comp_level ${String(level)};`,
    `${name}_min_length ${String(wanted.above + 1)};`,
    ...(types.length > 0 ? [`${name}_types ${types.join(" ")};`] : []),
  ];
  return [
    ...(wanted.encodings.includes("br") ? common("brotli", BROTLI_QUALITY) : []),
    ...(wanted.encodings.includes("gzip") ? [...common("gzip", GZIP_LEVEL), "gzip_proxied any;", "gzip_http_version 1.0;"] : []),
    // Of both.
    "gzip_vary on;",
  ];
}
