import { createPublicKey, verify, type JsonWebKey, type KeyObject } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage } from "node:http";
import { createVerifier } from "fast-jwt";
import { AUDIENCE, ISSUER, ROLE } from "./tokens";

/**
 * The least that a Node service could be: `node-peer MODE PORT KEYS`. It answers 200, 401 or 403 and nothing more: no
 * routes, no log, no metrics.
 */
type Judge = (message: IncomingMessage) => number;

interface Claims {
  exp: number;
  iss: string;
  aud: string[];
  realm_access: { roles: string[] };
}

type PublishedKey = JsonWebKey & { kid: string };

const [mode = "", port = "", keysFile = ""] = process.argv.slice(2);

const keys = new Map(
  (JSON.parse(readFileSync(keysFile, "utf8")) as { keys: PublishedKey[] }).keys.map((jwk): [string, KeyObject] => [
    jwk.kid,
    createPublicKey({ key: jwk, format: "jwk" }),
  ]),
);

const tokenOf = (message: IncomingMessage): string => (message.headers.authorization ?? "").slice("Bearer ".length);
const statusFor = (claims: Claims): number => (claims.realm_access.roles.includes(ROLE) ? 200 : 403);

const parse = (segment: string): unknown => JSON.parse(Buffer.from(segment, "base64url").toString());

/** node:crypto alone, with the checks that nobody leaves out. */
function bare(message: IncomingMessage): number {
  const token = tokenOf(message);
  const [head = "", payload = "", signature = ""] = token.split(".");
  const header = parse(head) as { alg: string; kid: string };
  const key = keys.get(header.kid);
  if (!key) return 401;
  const input = Buffer.from(token.slice(0, head.length + 1 + payload.length), "latin1");
  const bytes = Buffer.from(signature, "base64url");
  const holds =
    header.alg === "ES256"
      ? verify("sha256", input, { key, dsaEncoding: "ieee-p1363" }, bytes)
      : header.alg === "RS256" && verify("sha256", input, key, bytes);
  if (!holds) return 401;
  const claims = parse(payload) as Claims;
  if (claims.exp * 1000 <= Date.now() || claims.iss !== ISSUER || !claims.aud.includes(AUDIENCE)) return 401;
  return statusFor(claims);
}

function fastJwt(cache: boolean): Judge {
  const verifiers = new Map(
    [...keys].map(([kid, key]) => [
      kid,
      createVerifier({
        key: key.export({ type: "spki", format: "pem" }),
        algorithms: [kid === "bench-es256" ? "ES256" : "RS256"],
        allowedIss: ISSUER,
        allowedAud: AUDIENCE,
        cache,
      }),
    ]),
  );
  // The algorithm is told from the head's text: decoding the token first would cost what is compared here.
  const es256 = Buffer.from('{"alg":"ES256"').toString("base64url").slice(0, 18);
  return (message) => {
    const token = tokenOf(message);
    try {
      const verifier = verifiers.get(token.startsWith(es256) ? "bench-es256" : "bench-rs256");
      return statusFor(verifier?.(token) as Claims);
    } catch {
      return 401;
    }
  };
}

const JUDGES: Readonly<Record<string, () => Judge>> = {
  "no-op": () => () => 200,
  bare: () => bare,
  "fast-jwt": () => fastJwt(false),
  "fast-jwt-cache": () => fastJwt(true),
};

const judge = JUDGES[mode]?.();
if (!judge) throw new Error(`no such mode: ${mode}`);

createServer({ keepAliveTimeout: 120_000 }, (message, response) => {
  response.writeHead(judge(message), { "content-length": 0 });
  response.end();
}).listen(Number(port), "127.0.0.1");
