import { Readable } from "node:stream";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import type { Exchange, HeaderLine, ServiceAnswer, State } from "../../../lib/policy";
import { chooseEncoding, compression } from "../../../lib/policy/kinds/compression";

type Encoding = "br" | "gzip";

describe("which encoding a client gets", () => {
  test.each<[accepted: string, br: Encoding | undefined, gzip: Encoding | undefined]>([
    ["", undefined, undefined],
    ["gzip", "gzip", "gzip"],
    ["br", "br", undefined],
    ["gzip, br", "br", "gzip"],
    ["br;q=0.5, gzip", "gzip", "gzip"],
    ["br;q=0.5, gzip;q=0.5", "br", "gzip"],
    ["br;q=0.4, gzip;q=0.5", "gzip", "gzip"],
    ["gzip;q=0", undefined, undefined],
    ["gzip;q=0.000", undefined, undefined],
    ["gzip;q=0.001", "gzip", "gzip"],
    ["br;q=0, gzip;q=0.1", "gzip", "gzip"],
    ["*", "br", "gzip"],
    ["*;q=0", undefined, undefined],
    ["gzip;q=0, *", "br", undefined],
    ["*;q=0, gzip", "gzip", "gzip"],
    ["*;q=0.5, gzip;q=0.2", "br", "gzip"],
    ["identity", undefined, undefined],
    ["identity;q=1, gzip;q=0.5", undefined, undefined],
    ["identity;q=0.5, gzip;q=0.5", "gzip", "gzip"],
    ["identity;q=0, gzip", "gzip", "gzip"],
    ["GZIP", "gzip", "gzip"],
    ["x-gzip", "gzip", "gzip"],
    ["gzip ; Q=0.8 , BR ; q=0.9", "br", "gzip"],
    ["gzip;q=x", undefined, undefined],
    ["deflate, zstd", undefined, undefined],
    ["gzipped, brotli", undefined, undefined],
    [", ,gzip,", "gzip", "gzip"],
  ])("%j", (accepted, both, gzipAlone) => {
    expect(chooseEncoding(accepted, ["br", "gzip"])).toBe(both);
    expect(chooseEncoding(accepted, ["gzip"])).toBe(gzipAlone);
  });

  test("the server's order breaks ties", () => {
    expect(chooseEncoding("gzip, br", ["gzip", "br"])).toBe("gzip");
    expect(chooseEncoding("gzip;q=0.1, br", ["gzip", "br"])).toBe("br");
  });
});

const TEXT = "a long text ".repeat(500);

interface Asking {
  headers?: HeaderLine[];
  status?: number;
  body?: Buffer | Readable;
  method?: string;
  accept?: string;
}

async function compressed(asking: Asking = {}): Promise<ServiceAnswer> {
  const { headers = [], status = 200, body = Buffer.from(TEXT), method = "GET", accept = "br, gzip" } = asking;
  const config = compression.schema.parse({});
  const request = { method, headers: [["accept-encoding", accept]] };
  const own: HeaderLine[] = headers.some(([n]) => n === "content-type") ? [] : [["content-type", "text/plain"]];
  const answer = { by: "service" as const, status, headers: [...own, ...headers], body };
  const around = compression.around?.bind(compression);
  if (!around) throw new Error("it stands around nothing");
  const result = await around(config, { request } as unknown as Exchange, {} as State, () => Promise.resolve(answer));
  if (result.by === "gateway") throw new Error("no answer of a service");
  return result;
}

const valueOf = ({ headers }: ServiceAnswer, name: string): string | undefined =>
  headers.find(([n]) => n === name)?.[1];

async function bytesOf({ body }: ServiceAnswer): Promise<Buffer> {
  return Buffer.isBuffer(body) ? body : Buffer.concat((await body.toArray()) as Buffer[]);
}

describe("a compressed answer", () => {
  test("is the same text, whole or as it comes", async () => {
    const whole = await compressed();
    expect(valueOf(whole, "content-encoding")).toBe("br");
    expect(brotliDecompressSync(await bytesOf(whole)).toString()).toBe(TEXT);
    const stream = await compressed({ body: Readable.from([Buffer.from(TEXT)]), accept: "gzip" });
    expect(valueOf(stream, "content-encoding")).toBe("gzip");
    expect(gunzipSync(await bytesOf(stream)).toString()).toBe(TEXT);
  });

  test("says what it varies by, and claims nothing of the plain one", async () => {
    const headers: HeaderLine[] = [
      ["content-length", String(TEXT.length)],
      ["accept-ranges", "bytes"],
      ["etag", '"strong"'],
    ];
    const answer = await compressed({ headers });
    expect(valueOf(answer, "vary")).toBe("Accept-Encoding");
    expect(valueOf(answer, "etag")).toBe('W/"strong"');
    expect([valueOf(answer, "content-length"), valueOf(answer, "accept-ranges")]).toEqual([undefined, undefined]);
    expect(valueOf(await compressed({ headers: [["etag", 'W/"weak"']] }), "etag")).toBe('W/"weak"');
  });

  test("who gets it plain is told that it varies, and keeps its length", async () => {
    const headers: HeaderLine[] = [["content-length", String(TEXT.length)]];
    for (const asking of [{ accept: "" }, { accept: "zstd" }, { method: "HEAD" }]) {
      const answer = await compressed({ headers, ...asking });
      expect(valueOf(answer, "content-encoding")).toBeUndefined();
      expect(valueOf(answer, "vary")).toBe("Accept-Encoding");
      expect(valueOf(answer, "content-length")).toBe(String(TEXT.length));
    }
  });

  test("breaks where the plain one breaks, and lets go of it when the client leaves", async () => {
    const broken = new Readable({ read: () => undefined });
    const answer = await compressed({ body: broken });
    const ended = (answer.body as Readable).toArray();
    broken.destroy(new Error("the service has gone"));
    await expect(ended).rejects.toThrow("the service has gone");
    const endless = new Readable({ read: () => undefined });
    const left = (await compressed({ body: endless })).body as Readable;
    left.destroy();
    await new Promise((resolve) => endless.once("close", resolve));
    expect(endless.destroyed).toBe(true);
  });
});

describe("left as it is", () => {
  test.each<[string, Asking]>([
    ["no content", { status: 204, body: Buffer.alloc(0) }],
    ["a part", { status: 206 }],
    ["not modified", { status: 304 }],
    ["what is compressed already", { headers: [["content-encoding", "zstd"]] }],
    ["what must not be changed", { headers: [["cache-control", "public, No-Transform"]] }],
    ["another type", { headers: [["content-type", "image/png"]] }],
    ["a type that only begins alike", { headers: [["content-type", "application/jsonp"]] }],
    ["no type", { headers: [["content-type", ""]] }],
    ["1 KiB", { body: Buffer.alloc(1024, "x") }],
    ["a stream that says that it is small", { body: Readable.from(["x"]), headers: [["content-length", "1"]] }],
  ])("%s", async (_, asking) => {
    const answer = await compressed(asking);
    expect(valueOf(answer, "vary")).toBeUndefined();
    expect(valueOf(answer, "content-encoding")).toBe(asking.headers?.find(([n]) => n === "content-encoding")?.[1]);
  });

  test.each<[string, Asking]>([
    ["one byte more than 1 KiB", { body: Buffer.alloc(1025, "x") }],
    ["a type with a charset, in whatever case", { headers: [["content-type", "Application/JSON; charset=utf-8"]] }],
    ["an error of the service", { status: 500 }],
  ])("but not %s", async (_, asking) => {
    expect(valueOf(await compressed(asking), "content-encoding")).toBe("br");
  });
});
