import type { RequestLineConfig } from "../../policy/kinds/request-line";
import type { Enforcer } from "../target";
import { addMap, serverOf, type NginxDraft } from "./draft";

/** Whole numbers above a limit, as a regular expression: nginx compares texts only. */
function numberAbove(limit: number): string {
  const digits = String(limit);
  const longer = `\\d{${String(digits.length + 1)},}`;
  const greater = Array.from(digits).flatMap((digit, i) => {
    const rest = digits.length - i - 1;
    const tail = rest === 0 ? "" : `\\d{${String(rest)}}`;
    return digit === "9" ? [] : [`${digits.slice(0, i)}[${String(Number(digit) + 1)}-9]${tail}`];
  });
  return `^(${[longer, ...greater].join("|")})$`;
}

export const requestLine: Enforcer<NginxDraft> = {
  supports: ["RequestMethods", "RequestUriSize", "RequestHeadSize"],
  stage: "beforeExtAuth",
  apply(placement, draft) {
    const config = placement.config as RequestLineConfig;
    const server = serverOf(draft, placement);
    const tooLarge = addMap(draft, {
      from: "$request_length",
      variable: `gateway_head_above_${String(config.maxHead)}`,
      lines: [["default", '""'], [`"~${numberAbove(config.maxHead)}"`, "1"]],
    });
    server.checks.push(
      { condition: `$request_method !~ "^(${config.methods.join("|")})$"`, status: 405 },
      { condition: `$request_uri ~ "^.{${String(config.maxUri + 1)},}"`, status: 414 },
      { condition: tooLarge, status: 431 },
    );
    const allow = addMap(draft, {
      from: '"$upstream_status:$status"',
      variable: `gateway_allow_${server.id}`,
      lines: [["default", '""'], ['":405"', `"${config.methods.join(", ")}"`]],
    });
    server.responseHeaders.push(["Allow", allow]);
  },
};
