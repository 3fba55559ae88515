import type { Answer } from "./connection";

/** One question at nginx' door, as the proxy's configuration asks it. */
export interface Question {
  route?: string;
  target?: string;
  method?: string;
  host?: string;
  client?: string;
  token?: string;
  headers?: Readonly<Record<string, string>>;
}

export const HOST = "api.drill.test";

export function questionBytes(question: Question): Buffer {
  const { route = "read", method = "GET", host = HOST, client = "198.51.100.7", token } = question;
  const lines = [
    "GET /door/nginx HTTP/1.1",
    `Host: ${host}`,
    "X-Request-Id: drill",
    `X-Gateway-Method: ${method}`,
    `X-Gateway-Target: ${question.target ?? `/${route}`}`,
    `X-Gateway-Client: ${client}`,
    `X-Gateway-Route: ${route}`,
    ...(token === undefined ? [] : [`Authorization: Bearer ${token}`]),
    ...Object.entries(question.headers ?? {}).map(([name, value]) => `${name}: ${value}`),
  ];
  return Buffer.from(`${lines.join("\r\n")}\r\n\r\n`);
}

/** What the filter has said: at this door every refusal but 401 is a 403 with the true status in a header. */
export function statusOf(answer: Answer): number {
  if (answer.status !== 403) return answer.status;
  return Number(answer.headers.get("x-gateway-status") ?? 403);
}

export const reasonOf = (answer: Answer): string => answer.headers.get("x-gateway-reason") ?? "";

let clients = 0;

/** A client that no counter knows yet. */
export function newClient(): string {
  clients += 1;
  return `10.${String((clients >> 16) & 255)}.${String((clients >> 8) & 255)}.${String(clients & 255)}`;
}
