/**
 * What `kubectl apply` takes of an object: it writes the whole of it into one of its annotations, which may have 256 KiB
 * together (Kubernetes, apimachinery `ValidateAnnotationsSize`); what else an object has is left room for.
 */
export const APPLIED_BYTES = 256 * 1024;

/** What etcd takes of an object, and the API server of a ConfigMap's data. */
export const LARGEST_BYTES = 1024 ** 2;

const ROOM_BYTES = 16 * 1024;

/** Whether an object may hold this value. */
export const fitsObject = (value: unknown): boolean =>
  Buffer.byteLength(JSON.stringify(value)) <= APPLIED_BYTES - ROOM_BYTES;

/** Items of a list in their order, in as few objects as may be. */
export function inObjects<T>(items: readonly T[]): T[][] {
  const parts: T[][] = [[]];
  let bytes = 0;
  for (const item of items) {
    const own = Buffer.byteLength(JSON.stringify(item)) + 1;
    if (bytes + own > APPLIED_BYTES - ROOM_BYTES && bytes > 0) {
      parts.push([]);
      bytes = 0;
    }
    (parts.at(-1) as T[]).push(item);
    bytes += own;
  }
  return parts;
}
