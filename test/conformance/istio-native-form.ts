import type { Case, ExchangeStep } from "../../lib/conformance/case";

/** Headers of a refusal, or of the tenant, that only the filter sets. */
const OF_FILTER = ["www-authenticate", "x-business-unit", "x-country-code", "content-type"];

/** What the difference `istio-native-jwt` says beside the status, case by case; each must stay true. */
const DIFFERENT: Readonly<Record<string, ExchangeStep["expect"]["status"]>> = {
  "a token without an expiry is 401": 200,
  "a token with a trailing dot is 401": 200,
  "a token with padding behind it is 401": 200,
  "bearer in lower case passes": 403,
  "BEARER in upper case passes": 403,
};

type Expect = ExchangeStep["expect"];

const without = <T>(headers: Readonly<Record<string, T>>): Record<string, T> =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => !OF_FILTER.includes(name.toLowerCase())));

/** What Istio's own form promises of a case: the accepted difference is that a 401 may be a 403. */
function expected(name: string, expect: Expect): Expect {
  const different = DIFFERENT[name];
  if (different !== undefined) return { status: different, headers: {} };
  const { reason: _reason, body: _body, ...rest } = expect;
  const statuses = [expect.status ?? []].flat();
  return {
    ...rest,
    ...(expect.status !== undefined && { status: statuses.includes(401) ? [...statuses, 403] : expect.status }),
    headers: without(expect.headers),
    ...(expect.upstream && { upstream: { ...expect.upstream, headers: without(expect.upstream.headers) } }),
  };
}

/** The cases of tokens and roles, as the native form must pass them; of others it promises nothing more. */
export function istioNativeCases(cases: readonly Case[]): Case[] {
  return (
    cases
      .filter((c) => c.system === "serhafen" && ["jwt", "authorization"].includes(c.subject))
      // It knows no revoked tokens.
      .filter((c) => !/"revoke":|!revoked/.test(JSON.stringify(c.steps)))
      .map((c) => ({
        ...c,
        steps: c.steps.map((step) => ("request" in step ? { ...step, expect: expected(c.name, step.expect) } : step)),
      }))
  );
}
