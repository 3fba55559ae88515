import { z } from "zod";
import type { Feature } from "../feature";
import { policyKind } from "../kind";
import { method, size, USUAL_METHODS } from "../values";

/** Methods, size of the request target, size of the whole head (RFC 9110 15.5.6, 15.5.15; RFC 6585 5). */
export const requestLine = policyKind({
  kind: "requestLine",
  schema: z.strictObject({
    methods: z
      .array(method)
      .min(1)
      .default([...USUAL_METHODS]),
    maxUri: size.refine((n) => n <= 31 * 1024, "write at most 31KiB").prefault("8KiB"),
    maxHead: size.refine((n) => n <= 64 * 1024, "write at most 64KiB").prefault("16KiB"),
  }),
  phase: "requestLine",
  sees: "head",
  perHost: true,
  requires: (): Feature[] => ["RequestMethods", "RequestUriSize", "RequestHeadSize"],
  decide(config, { request }) {
    if (!(config.methods as string[]).includes(request.method)) {
      const headers = { allow: config.methods.join(", ") };
      return { status: 405, reason: "method-not-allowed", message: "The method is not allowed.", headers };
    }
    if (Buffer.byteLength(request.target) > config.maxUri) {
      return { status: 414, reason: "uri-too-long", message: "The request target is too long." };
    }
    if (request.headBytes > config.maxHead) {
      return { status: 431, reason: "head-too-large", message: "The request's header fields are too large." };
    }
    return undefined;
  },
});

export type RequestLineConfig = z.output<(typeof requestLine)["schema"]>;
