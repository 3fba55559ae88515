import type { z } from "zod";
import { CORS_HEADERS, type cors as kind } from "../../policy/kinds/cors";
import { originExpression } from "../../policy/origins";
import type { Enforcer } from "../target";
import { addMap, serverOf, type NginxDraft } from "./draft";
import { regexText, text } from "../nginx-syntax";

/** Origins are regular expressions, since nginx compares the texts of a map without regard to case. */
export const cors: Enforcer<NginxDraft> = {
  supports: ["CorsPreflight", "CorsOnRefusals", "CorsCredentials", "CorsOriginPatterns"],
  stage: "beforeExtAuth",
  apply(placement, draft) {
    const config = placement.config as z.output<(typeof kind)["schema"]>;
    const server = serverOf(draft, placement);
    const listed = (variable: string, value: string): string =>
      addMap(draft, {
        from: "$http_origin",
        variable: `gateway_cors_${variable}_${server.id}`,
        lines: [["default", '""'], ...config.origins.map((o) => [`"~^${originExpression(o, regexText)}$"`, value] as const)],
      });
    const preflight = (variable: string, value: string): string =>
      addMap(draft, {
        // A preflight that is refused is answered as anything else.
        from: `"$status:$gateway_preflight:$gateway_cors_origin_${server.id}"`,
        variable: `gateway_cors_${variable}_${server.id}`,
        lines: [["default", '""'], ['"~^204:1:."', value]],
      });
    const header = (name: string, value: string): readonly [string, string] => [`Access-Control-${name}`, value];
    server.answersPreflights = true;
    server.responseHeaders.push(
      ["Vary", "Origin"],
      header("Allow-Origin", listed("origin", "$http_origin")),
      header("Expose-Headers", listed("expose", text(config.exposeHeaders.join(", ")))),
      header("Allow-Methods", preflight("methods", text(config.methods.join(", ")))),
      header("Allow-Headers", preflight("headers", text(config.requestHeaders.join(", ")))),
      header("Max-Age", preflight("age", text(String(config.maxAge / 1000)))),
    );
    if (config.credentials) server.responseHeaders.push(header("Allow-Credentials", listed("credentials", '"true"')));
    server.hiddenHeaders.push(...CORS_HEADERS);
  },
};
