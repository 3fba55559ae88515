import type { IncomingMessage, ServerResponse } from "node:http";
import type { HeaderLine } from "../policy";

/** Short answers that belong to no exchange: of the door, of health and metrics, to what cannot be read. */
export interface PlainAnswer {
  status: number;
  headers: readonly HeaderLine[];
  body: string;
}

const NO_STORE: HeaderLine = ["cache-control", "no-store"];

export function send(response: ServerResponse, answer: PlainAnswer): void {
  sendAsked(response, { ...answer, headers: [NO_STORE, ...answer.headers] });
}

/** An answer to a proxy: what it says of caches would be said of the service's answer as well. */
export function sendAsked(response: ServerResponse, { status, headers, body }: PlainAnswer): void {
  // A flat list: Node writes it as it is.
  const lines = ["content-length", String(Buffer.byteLength(body))];
  for (const [name, value] of headers) lines.push(name, value);
  response.sendDate = false;
  response.writeHead(status, lines);
  response.end(body);
}

export const notFound = (response: ServerResponse): void => {
  send(response, { status: 404, headers: [], body: "" });
};

export const unreadable = (response: ServerResponse): void => {
  send(response, { status: 400, headers: [["content-type", "application/json"]], body: '{"error":"Bad Request"}\n' });
};

/** Too much to do. */
export const SHED: readonly HeaderLine[] = [
  ["retry-after", "1"],
  ["x-gateway-reason", "overload"],
];

export const shed = (message: IncomingMessage, response: ServerResponse): void => {
  message.resume();
  send(response, {
    status: 429,
    headers: [...SHED, ["content-type", "application/json"]],
    body: '{"error":"Too Many Requests"}\n',
  });
};
