import {
  EnvoyFilterSpecConfigPatchesApplyTo as ApplyTo,
  EnvoyFilterSpecConfigPatchesPatchOperation as Operation,
  type EnvoyFilterSpecConfigPatches as Patch,
} from "../../../imports/networking.istio.io";
import { BROTLI_QUALITY, GZIP_LEVEL, type CompressionConfig } from "../../policy/kinds/compression";
import type { Enforcer } from "../target";
import { routeOf, type IstioDraft, type RouteDraft } from "./draft";
import { connectionManagerMatch, HCM, TYPE } from "./patches";

/** Envoy's compressor, once for each way in which routes want their answers compressed, and on for those routes alone. */

export const compression: Enforcer<IstioDraft> = {
  supports: ["Compression", "CompressionWithoutGzip"],
  stage: "afterExtAuth",
  apply(placement, draft) {
    routeOf(draft, placement).compression = placement.config as CompressionConfig;
  },
};

type Encoding = CompressionConfig["encodings"][number];

const LIBRARIES: Readonly<Record<Encoding, object>> = {
  br: {
    name: "brotli",
    typed_config: { "@type": `${TYPE}.extensions.compression.brotli.compressor.v3.Brotli`, quality: BROTLI_QUALITY },
  },
  gzip: {
    name: "gzip",
    typed_config: {
      "@type": `${TYPE}.extensions.compression.gzip.compressor.v3.Gzip`,
      compression_level: `COMPRESSION_LEVEL_${String(GZIP_LEVEL)}`,
    },
  },
};

const keyOf = (config: CompressionConfig): string => JSON.stringify(config);

/** The different ways, in the order of the routes. */
function waysOf(draft: IstioDraft): { key: string; config: CompressionConfig }[] {
  const all = [...draft.hosts.values()].flatMap((h) => [...h.routes.values()].flatMap((r) => r.compression ?? []));
  return [...new Map(all.map((config) => [keyOf(config), config])).entries()].map(([key, config]) => ({ key, config }));
}

const nameOf = (encoding: Encoding, way: number): string => `gatewright.${encoding}-${String(way + 1)}`;

function compressor(encoding: Encoding, { encodings, above, types }: CompressionConfig): object {
  return {
    "@type": `${TYPE}.extensions.filters.http.compressor.v3.Compressor`,
    response_direction_config: {
      common_config: { min_content_length: above + 1, content_type: types },
      // Of the same entity in another coding: strong no more (RFC 9110 section 8.8.3.3).
      weaken_etag_on_compress: true,
      uncompressible_response_codes: [204, 205, 206, 304],
    },
    compressor_library: LIBRARIES[encoding],
    ...(encoding === encodings[0] && { choose_first: true }),
  };
}

/** Next to the router: what comes of a service is compressed before anything else is done to an answer. */
export function compressors(draft: IstioDraft): Patch[] {
  return waysOf(draft).flatMap(({ config }, way) =>
    config.encodings.map((encoding) => ({
      applyTo: ApplyTo.HTTP_UNDERSCORE_FILTER,
      match: {
        ...connectionManagerMatch,
        listener: { filterChain: { filter: { name: HCM, subFilter: { name: "envoy.filters.http.router" } } } },
      },
      patch: {
        operation: Operation.INSERT_UNDERSCORE_BEFORE,
        value: { name: nameOf(encoding, way), disabled: true, typed_config: compressor(encoding, config) },
      },
    })),
  );
}

/** What a route of Envoy says of its answers. */
export function compressionPerRoute(draft: IstioDraft, { compression: wanted }: RouteDraft): Record<string, object> {
  if (!wanted) return {};
  const way = waysOf(draft).findIndex(({ key }) => key === keyOf(wanted));
  const on = { "@type": `${TYPE}.extensions.filters.http.compressor.v3.CompressorPerRoute`, overrides: {} };
  return Object.fromEntries(wanted.encodings.map((encoding) => [nameOf(encoding, way), on]));
}
