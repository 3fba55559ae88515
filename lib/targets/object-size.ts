import { createHash } from "node:crypto";

/**
 * What `kubectl apply` takes of an object: it writes the whole of it into one of its annotations, which may have 256 KiB
 * together (Kubernetes, apimachinery `ValidateAnnotationsSize`); what else an object has is left room for.
 */
export const APPLIED_BYTES = 256 * 1024;

/** What etcd takes of an object, and the API server of a ConfigMap's data. */
export const LARGEST_BYTES = 1024 ** 2;

const ROOM_BYTES = 16 * 1024;

const LONGEST_NAME = 253;

/** A name that an object may have (RFC 1123, a subdomain): what is too long for it is told apart by its digest. */
export function objectName(name: string): string {
  if (name.length <= LONGEST_NAME) return name;
  const digest = createHash("sha256").update(name).digest("hex").slice(0, 16);
  return `${name.slice(0, LONGEST_NAME - digest.length - 1).replace(/[^a-z0-9]+$/, "")}-${digest}`;
}

/** Bytes of a value as kubectl writes it: Go's JSON escapes what HTML would take for its own. */
export function bytesOf(value: unknown): number {
  const text = JSON.stringify(value);
  const escaped = text.match(/[<>&]/g)?.length ?? 0;
  return Buffer.byteLength(text) + escaped * ("\\u003c".length - 1);
}

/** Whether an object may hold this value. */
export const fitsObject = (value: unknown): boolean => bytesOf(value) <= APPLIED_BYTES - ROOM_BYTES;

/** Items of a list in their order, in as few objects as may be. */
export function inObjects<T>(items: readonly T[]): T[][] {
  const parts: T[][] = [[]];
  let bytes = 0;
  for (const item of items) {
    const own = bytesOf(item) + 1;
    if (bytes + own > APPLIED_BYTES - ROOM_BYTES && bytes > 0) {
      parts.push([]);
      bytes = 0;
    }
    (parts.at(-1) as T[]).push(item);
    bytes += own;
  }
  return parts;
}
