import { createHash } from "node:crypto";
import { longestSilenceMs, throughAddress } from "../through";
import type { TargetInput } from "../target";

/** The most that Kong takes for a time, in milliseconds (kong/db/schema/entities/services.lua). */
const LONGEST_MS = 2 ** 31 - 2;

/** Environment variable by which Kong's vault hands over a part of a certificate; no reference can hold a file. */
export const certificateVariable = (secret: string, part: "CRT" | "KEY"): string =>
  `TLS_${part}_${secret.toUpperCase().replaceAll("-", "_")}`;

const reference = (secret: string, part: "CRT" | "KEY"): string =>
  `{vault://env/${certificateVariable(secret, part).toLowerCase().replaceAll("_", "-")}}`;

/** An id by name, as Kong itself makes them where names are (RFC 9562, version 8: by a rule of our own). */
function idOf(name: string): string {
  const hex = createHash("sha256").update(name).digest("hex");
  return [hex.slice(0, 8), hex.slice(8, 12), `8${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`, hex.slice(20, 32)].join("-");
}

const TAGS = ["gatewright"];

/** The request reaches the filter as it came, and nothing is held on the way. */
const AS_IT_CAME = {
  protocols: ["http", "https"],
  paths: ["/"],
  path_handling: "v0",
  strip_path: false,
  preserve_host: true,
  request_buffering: false,
  response_buffering: false,
};

/** The declarative file: one service, the filter, and one route to it: Kong compares hosts letter by letter, the filter as RFC 9110 does. */
export function declarative({ model, gateway }: TargetInput): object {
  const { host, port } = throughAddress(model);
  const silence = Math.min(LONGEST_MS, longestSilenceMs(gateway.hosts));
  // Where TLS ends in front Kong shows nobody a certificate.
  const hosts = model.front.tls === "gateway" ? gateway.hosts : [];
  const own = hosts.flatMap(({ name, certificate }) => (certificate === undefined ? [] : [{ name, certificate }]));
  const certificates = [...new Set(own.map(({ certificate }) => certificate))].map((secret) => ({
    id: idOf(`${gateway.system} ${secret}`),
    cert: reference(secret, "CRT"),
    key: reference(secret, "KEY"),
    snis: own.filter(({ certificate }) => certificate === secret).map(({ name }) => ({ name })),
  }));
  return {
    _format_version: "3.0",
    services: [
      {
        name: `${gateway.system}-filter`,
        protocol: "http",
        host,
        port,
        connect_timeout: 1_000,
        read_timeout: silence,
        write_timeout: silence,
        retries: 0,
        tags: TAGS,
        routes: [{ name: gateway.system, ...AS_IT_CAME, tags: TAGS }],
      },
    ],
    ...(certificates.length > 0 && { certificates }),
    plugins: [
      {
        name: "prometheus",
        config: { status_code_metrics: true, latency_metrics: true, bandwidth_metrics: true },
        tags: TAGS,
      },
    ],
  };
}
