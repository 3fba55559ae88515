import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { z } from "zod";
import { headerValues, notNow, policyKind, TOO_LARGE, type Decision, type GatewayRequest } from "../kind";
import { withSecret } from "../secrets-away";
import { clockSkew as skew, judgedBody, name } from "../values";

const refuse = (reason: string, message: string): Decision => ({
  status: 401,
  reason: `signature-${reason}`,
  message,
  headers: { "www-authenticate": "Signature" },
});

const STORE_AWAY = notNow("store-away", "The signature cannot be checked now.");

export const SIGNATURE_HEADERS = [
  ...["key-id", "timestamp", "nonce"].map((part) => `x-signature-${part}`),
  "x-signature",
];

/** The four headers, each exactly once. */
function signatureOf(request: GatewayRequest): string[] | undefined {
  const lines = SIGNATURE_HEADERS.map((name) => headerValues(request, name));
  return lines.every((l) => l.length === 1) ? lines.flat() : undefined;
}

function holds(versions: readonly string[], keyId: string, input: string, signature: string): boolean {
  const given = Buffer.from(signature, "base64url");
  // Node also reads other spellings of the same bytes.
  if (given.toString("base64url") !== signature) return false;
  return versions.some((text) => {
    const ring = JSON.parse(text) as Record<string, string>;
    const secret = Object.hasOwn(ring, keyId) ? ring[keyId] : undefined;
    if (secret === undefined || secret === "") return false;
    const expected = createHmac("sha256", secret).update(input).digest();
    return expected.length === given.length && timingSafeEqual(expected, given);
  });
}

/**
 * Requests signed by HMAC-SHA256 over method, target, time, nonce and the hash of the body, joined by line feeds; each
 * nonce is taken once. The secret is a JSON object of keys by id: two in use at once let them be changed.
 */
export const signature = policyKind({
  kind: "signature",
  schema: z.strictObject({ secret: name, clockSkew: skew.prefault("60s"), maxBody: judgedBody }),
  phase: "credentials",
  sees: "body",
  perHost: false,
  requires: () => ["HmacSignature"],
  decide(config, { request, system, environment }, state) {
    const parts = signatureOf(request);
    if (!parts) return refuse("missing", "A signature is needed.");
    const [keyId = "", timestamp = "", nonce = "", given = ""] = parts;
    if (!/^\d{1,12}$/.test(timestamp) || !/^[\x21-\x7e]{8,128}$/.test(nonce)) {
      return refuse("malformed", "The signature's parts are not as they must be.");
    }
    if (Math.abs(state.nowMs() - Number(timestamp) * 1000) > config.clockSkew) {
      return refuse("time", "The signature is from another time.");
    }
    return withSecret(state, config.secret, async (versions) => {
      const body = await request.body?.read(config.maxBody);
      if (!body) return TOO_LARGE;
      const digest = createHash("sha256").update(body).digest("hex");
      const input = [request.method, request.target, timestamp, nonce, digest].join("\n");
      if (!holds(versions, keyId, input, given)) return refuse("wrong", "The signature does not hold.");
      const key = `nonce:{${system}:${environment}}:${encodeURIComponent(keyId)}:${encodeURIComponent(nonce)}`;
      try {
        const first = await state.shared.once(key, 2 * config.clockSkew + 1_000);
        return first ? undefined : refuse("replayed", "The signature was used before.");
      } catch {
        return STORE_AWAY;
      }
    });
  },
});
