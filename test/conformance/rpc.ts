import { CA, SERVER_NAME } from "./trust";
import { defineGateway } from "../../lib/model";

/** A model of the test suite: services that speak gRPC, which not every target can call. */
export default defineGateway({
  name: "rpc",
  targets: ["nginx", "istio"],
  front: { kind: "alb", networks: ["10.0.0.0/16"] },
  hosts: { "rpc.test": {}, "dropping.rpc.test": { policies: { headerHygiene: { drop: ["grpc-timeout"] } } } },
  issuers: {
    main: {
      issuer: "https://issuer.rpc.test",
      jwks: { url: "https://issuer.rpc.test/keys" },
      audiences: ["rpc-api"],
      roles: "roles",
    },
  },
  services: {
    plain: { address: "plain.rpc.svc.cluster.local:8080" },
    calls: { address: "calls.rpc.svc.cluster.local:9090", protocol: "grpc" },
    sealed: { address: "sealed.rpc.internal:9443", protocol: "grpc", tls: { serverName: SERVER_NAME, ca: CA } },
  },
  policies: { jwt: { mode: "open", issuers: ["main"] } },
  routes: [
    { name: "plain", match: { prefix: ["/plain"] }, service: "plain" },
    {
      name: "open",
      match: { prefix: ["/rpc.Open"] },
      service: "calls",
      policies: {
        timeouts: { firstByte: "2s" },
        requestHeaders: { set: { "x-set": "by the gateway" }, remove: ["x-drop"] },
        responseHeaders: { set: { "x-answer": "set" }, remove: ["x-powered-by"] },
      },
    },
    {
      name: "asked",
      match: { prefix: ["/rpc.Asked"] },
      service: "calls",
      policies: {
        jwt: { issuers: ["main"], claimHeaders: { "x-user-id": "sub" } },
        rateLimit: { limits: [{ name: "calls", requests: 3, per: "1h" }] },
        bodySize: { max: "1KiB" },
      },
    },
    // Calls that stream: no body is held to be counted.
    {
      name: "streams",
      match: { prefix: ["/rpc.Streams"], methods: ["POST"] },
      service: "calls",
      policies: { jwt: { issuers: ["main"] }, bodySize: null, responseHeaders: { remove: ["x-powered-by"] } },
    },
    {
      name: "sealed",
      match: { prefix: ["/rpc.Sealed"] },
      service: "sealed",
      policies: { requestHeaders: { remove: ["grpc-timeout"] } },
    },
    {
      name: "below",
      match: { prefix: ["/below/rpc.Below"] },
      service: "calls",
      policies: {
        rewrite: { prefix: "/below", replacement: "/" },
        requestHeaders: { set: { "grpc-timeout": "9S" } },
      },
    },
  ],
});
