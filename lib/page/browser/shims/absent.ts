/** What of Node no decision in a page comes to: it carries nothing, so it compresses, streams and keeps no answer. */

const absent = (): never => {
  throw new Error("A page carries no answers.");
};

export const constants = {};
export const brotliCompress = absent;
export const createBrotliCompress = absent;
export const createGzip = absent;
export const gzip = absent;
export const promisify = (): typeof absent => absent;
export const Readable = { from: absent };
