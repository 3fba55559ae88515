import { headerValues, type GatewayRequest } from "./kind";

/**
 * The type of a body, in lower case, where whoever reads it must read what was checked: said once, in UTF-8, and not
 * encoded (RFC 9110 sections 8.3 and 8.4). Nothing otherwise.
 */
export function plainMediaType(request: GatewayRequest): string | undefined {
  const [line = "", ...others] = headerValues(request, "content-type");
  const encoding = headerValues(request, "content-encoding").join(",").toLowerCase();
  if (others.length > 0 || !["", "identity"].includes(encoding)) return undefined;
  const [type = "", ...parameters] = line.split(";");
  const isUtf8 = parameters
    .filter((parameter) => /^\s*charset\b/i.test(parameter))
    .every((parameter) => /^\s*charset="?utf-?8"?\s*$/i.test(parameter));
  return isUtf8 ? type.trim().toLowerCase() : undefined;
}
