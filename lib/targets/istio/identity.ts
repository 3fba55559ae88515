import type { JwtConfig } from "../../policy/kinds/jwt";
import type { Enforcer } from "../target";
import { routeOf, type IstioDraft } from "./draft";

const JWT_FEATURES = [
  "JwtRequired",
  "JwtAlgorithmBinding",
  "JwtAudience",
  "JwtTokenType",
  "JwtSeveralIssuers",
  "JwtClaimHeaders",
] as const;

const DIFFERENCE = {
  name: "istio-native-jwt",
  text:
    "a missing token, another audience or another type of token is 403 instead of 401; a token without expiry, or " +
    "spelled in another way, passes; the scheme must be written Bearer; what looks like a preflight is 403 on a host without cors; " +
    "keys are refreshed by istiod every 20 minutes",
};

/**
 * Istio's own check of tokens, for those who take its differences: RequestAuthentication and AuthorizationPolicy. It is never
 * kept beside the door: istiod fetches keys every 20 minutes, and would refuse what the door admits.
 */
export const jwt: Enforcer<IstioDraft> = {
  supports: JWT_FEATURES,
  stage: "beforeExtAuth",
  difference: DIFFERENCE,
  apply(placement, draft) {
    const { rules, issuers, claimHeaders } = placement.config as JwtConfig;
    for (const issuer of rules) draft.issuers.set(issuer.name, issuer);
    Object.assign(routeOf(draft, placement), { issuers, claimHeaders, demandsToken: true });
  },
};

export const authorization: Enforcer<IstioDraft> = {
  supports: ["AuthorizationByRole"],
  stage: "beforeExtAuth",
  difference: DIFFERENCE,
  apply(placement, draft) {
    routeOf(draft, placement).anyOf = (placement.config as { anyOf: { roles: string[]; scopes: string[] }[] }).anyOf;
  },
};
