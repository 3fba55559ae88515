import { Buffer as Plain } from "buffer/";

/** The well-known package for pages, which does not know base64url. */

type Encoding = BufferEncoding | undefined;

const from = Plain.from.bind(Plain) as (...args: unknown[]) => Plain;
const { toString } = Plain.prototype as {
  toString: (this: Plain, encoding?: Encoding, start?: number, end?: number) => string;
};

Plain.from = ((value: unknown, ...more: unknown[]) =>
  typeof value === "string" && more[0] === "base64url"
    ? from(value.replaceAll("-", "+").replaceAll("_", "/"), "base64")
    : from(value, ...more)) as typeof Plain.from;

Plain.prototype.toString = function (encoding?: string, start?: number, end?: number): string {
  if (encoding !== "base64url") return toString.call(this, encoding as Encoding, start, end);
  return toString.call(this, "base64", start, end).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
};

const own = Plain as unknown as typeof globalThis.Buffer;
export { own as Buffer };
