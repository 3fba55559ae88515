import type { Readable } from "node:stream";
import { brotliCompress, constants, createBrotliCompress, createGzip, gzip, type Zlib } from "node:zlib";
import { promisify } from "node:util";
import { z } from "zod";
import { headerValues, policyKind, type HeaderLine, type ServiceAnswer } from "../kind";
import { NoAnswer } from "../no-answer";
import { size } from "../values";

/** What the gateway says itself is smaller, and is not compressed; a fallback may be larger. */
export const OWN_ANSWERS = 1024;

/** What the model adds, from what else a route has. */
interface Resolved {
  largeFallback?: boolean;
}

const ENCODINGS = ["br", "gzip"] as const;
type Encoding = (typeof ENCODINGS)[number];

export const BROTLI_QUALITY = 4;
export const GZIP_LEVEL = 5;
const BROTLI = { params: { [constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY } };
const GZIP = { level: GZIP_LEVEL };

const whole = {
  br: (b: Buffer) => promisify(brotliCompress)(b, BROTLI),
  gzip: (b: Buffer) => promisify(gzip)(b, GZIP),
};
const stream: Record<Encoding, () => NodeJS.ReadWriteStream & Zlib> = {
  br: () => createBrotliCompress({ ...BROTLI, flush: constants.BROTLI_OPERATION_FLUSH }),
  gzip: () => createGzip({ ...GZIP, flush: constants.Z_SYNC_FLUSH }),
};

/** The encoding that a client likes best (RFC 9110 section 12.5.3); the server's order breaks ties. */
export function chooseEncoding(accepted: string, offered: readonly Encoding[]): Encoding | undefined {
  const weights = new Map<string, number>();
  for (const item of accepted.toLowerCase().split(",")) {
    const [coding = "", ...parameters] = item.split(";").map((word) => word.trim());
    const q = parameters.find((p) => p.startsWith("q="))?.slice(2);
    if (coding !== "") weights.set(coding === "x-gzip" ? "gzip" : coding, q === undefined ? 1 : Number(q));
  }
  const weightOf = (encoding: Encoding): number => weights.get(encoding) ?? weights.get("*") ?? 0;
  const best = [...offered].filter((e) => weightOf(e) > 0).sort((a, b) => weightOf(b) - weightOf(a))[0];
  return best !== undefined && weightOf(best) >= (weights.get("identity") ?? 0) ? best : undefined;
}

const valueOf = (headers: readonly HeaderLine[], name: string): string =>
  headers.find(([n]) => n.toLowerCase() === name)?.[1].toLowerCase() ?? "";

function isCompressible({ status, headers, body }: ServiceAnswer, types: readonly string[], above: number): boolean {
  const type = valueOf(headers, "content-type").split(";")[0]?.trim() ?? "";
  const declared = valueOf(headers, "content-length");
  // What is told to HEAD, whose answer has none, counts as well.
  const known = Buffer.isBuffer(body) ? body.length : Infinity;
  const length = declared === "" ? known : Number(declared);
  return (
    status >= 200 &&
    ![204, 205, 206, 304].includes(status) &&
    valueOf(headers, "content-encoding") === "" &&
    !valueOf(headers, "cache-control").includes("no-transform") &&
    types.some((t) => (t.endsWith("/*") ? type.startsWith(t.slice(0, -1)) : type === t)) &&
    length > above
  );
}

const CHANGED = new Set(["content-encoding", "content-length", "etag", "accept-ranges"]);

/** Headers of the compressed form; what was strong about the plain one holds no longer. */
function headersOf(headers: readonly HeaderLine[], encoding: Encoding): HeaderLine[] {
  const etag = headers.find(([n]) => n.toLowerCase() === "etag")?.[1];
  const kept = headers.filter(([n]) => !CHANGED.has(n.toLowerCase()));
  const weak: HeaderLine[] = etag === undefined ? [] : [["etag", etag.startsWith("W/") ? etag : `W/${etag}`]];
  return [...kept, ...weak, ["content-encoding", encoding]];
}

/** Compressed answers of the named media types, from a size on. */
export const compression = policyKind({
  kind: "compression",
  schema: z.strictObject({
    encodings: z.array(z.enum(ENCODINGS)).min(1).default(["br", "gzip"]),
    /** Answers larger than this; one without a length counts as large. */
    above: size.prefault("1KiB"),
    types: z
      .array(
        z.string().regex(/^[a-z0-9.+-]+\/(\*|[a-z0-9.+-]+)$/, "write a media type, such as application/json or text/*"),
      )
      .min(1)
      .default([
        ...["html", "plain", "css", "csv", "xml", "javascript", "markdown", "calendar"].map((type) => `text/${type}`),
        ...["json", "problem+json", "xml", "javascript", "manifest+json"].map((type) => `application/${type}`),
        "image/svg+xml",
      ]),
  }),
  phase: "response",
  sees: "response",
  perHost: false,
  requires: ({ types, encodings, above, ...own }) => [
    "Compression",
    ...((own as Resolved).largeFallback ? (["CompressionBesideLargeFallback"] as const) : []),
    ...(above < OWN_ANSWERS ? (["CompressionOfSmallAnswers"] as const) : []),
    ...(!encodings.includes("gzip") ? (["CompressionWithoutGzip"] as const) : []),
    ...(types.some((t) => t.endsWith("/*")) ? (["CompressionByRange"] as const) : []),
  ],
  async around(config, { request }, _state, call) {
    const answer = await call();
    if (answer.by === "gateway" || !isCompressible(answer, config.types, config.above)) return answer;
    const headers: HeaderLine[] = [...answer.headers, ["vary", "Accept-Encoding"]];
    const encoding = chooseEncoding(headerValues(request, "accept-encoding").join(","), config.encodings);
    if (!encoding || request.method === "HEAD") return { ...answer, headers };
    const { body } = answer;
    if (Buffer.isBuffer(body))
      return { ...answer, headers: headersOf(headers, encoding), body: await whole[encoding](body) };
    return { ...answer, headers: headersOf(headers, encoding), body: compressed(body, encoding) };
  },
});

export type CompressionConfig = z.output<(typeof compression)["schema"]>;

/** A broken answer breaks its compressed form too, and a client that leaves is felt by the service. */
function compressed(body: Readable, encoding: Encoding): Readable {
  const out = stream[encoding]() as unknown as Readable & NodeJS.ReadWriteStream;
  if (body.destroyed) out.destroy(new NoAnswer("reset"));
  body.on("error", (error) => out.destroy(error));
  out.on("close", () => body.destroy());
  body.pipe(out);
  return out;
}
