import { timingSafeEqual } from "node:crypto";
import { z } from "zod";
import { cookieValues } from "../cookies";
import { headerValues, policyKind } from "../kind";
import { headerName, SAFE_METHODS } from "../values";

function isSame(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}

/** Double submit: a write whose token came by cookie repeats another cookie in a header, which no foreign page can. */
export const csrf = policyKind({
  kind: "csrf",
  schema: z.strictObject({
    cookie: z
      .string()
      .regex(/^[A-Za-z0-9_-]{1,64}$/)
      .default("csrf-token"),
    header: headerName.default("x-csrf-token"),
  }),
  phase: "identity",
  sees: "head",
  perHost: false,
  requires: () => ["CsrfDoubleSubmit"],
  decide(config, { request, tokenFrom, identity }) {
    // Whose token is refused is told so.
    if (!identity || tokenFrom !== "cookie" || SAFE_METHODS.includes(request.method)) return undefined;
    const said = headerValues(request, config.header);
    const [cookie = "", ...others] = cookieValues(request, config.cookie);
    const agrees = cookie !== "" && others.length === 0 && said.length === 1 && isSame(said[0] ?? "", cookie);
    if (agrees) return undefined;
    return { status: 403, reason: "csrf", message: `${config.header} must repeat the cookie ${config.cookie}.` };
  },
});
