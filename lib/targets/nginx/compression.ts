import type { CompressionConfig } from "../../policy/kinds/compression";
import type { Enforcer } from "../target";
import { routeOf, type NginxDraft, type RouteDraft } from "./draft";
import { GZIP_LEVEL } from "../../policy/kinds/compression";

/** nginx' own gzip (ngx_http_gzip_module), for those who take its differences rather than a hop. */
export const compression: Enforcer<NginxDraft> = {
  supports: ["Compression", "CompressionOfSmallAnswers"],
  stage: "afterExtAuth",
  difference: {
    name: "nginx-gzip",
    text:
      "answers are compressed with gzip alone, by that name alone (not by x-gzip or *), with status 200, 403 or 404 " +
      "alone, text/html always, and although Cache-Control says no-transform or the client likes no coding better",
  },
  apply(placement, draft) {
    routeOf(draft, placement).compression = placement.config as CompressionConfig;
  },
};

/** nginx has text/html in every list of its own. */
const ALWAYS = "text/html";

export function compressionLines({ compression: wanted }: RouteDraft): string[] {
  if (!wanted) return [];
  const types = wanted.types.filter((type) => type !== ALWAYS);
  return [
    "gzip on;",
    `gzip_comp_level ${String(GZIP_LEVEL)};`,
    `gzip_min_length ${String(wanted.above + 1)};`,
    ...(types.length > 0 ? [`gzip_types ${types.join(" ")};`] : []),
    "gzip_vary on;",
    "gzip_proxied any;",
    "gzip_http_version 1.0;",
  ];
}
