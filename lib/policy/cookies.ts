import { headerValues, type GatewayRequest } from "./kind";

/** The value of a cookie (RFC 6265 section 5.4); nothing where it is absent, or there twice with different values. */
export function cookieValue(request: GatewayRequest, name: string): string | undefined {
  const values = headerValues(request, "cookie")
    .flatMap((line) => line.split(";"))
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith(`${name}=`))
    .map((pair) => pair.slice(name.length + 1).replace(/^"(.*)"$/, "$1"));
  return values.every((value) => value === values[0]) ? values[0] : undefined;
}
