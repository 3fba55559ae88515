import { headerValues, type GatewayRequest } from "./kind";

/** The different values of a cookie (RFC 6265 section 5.4): more than one is an attack, or an accident. */
export function cookieValues(request: GatewayRequest, name: string): string[] {
  const values = headerValues(request, "cookie")
    .flatMap((line) => line.split(";"))
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith(`${name}=`))
    .map((pair) => pair.slice(name.length + 1).replace(/^"(.*)"$/, "$1"));
  return [...new Set(values)];
}
