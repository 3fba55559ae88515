import http from "node:http";
import type { AddressInfo } from "node:net";

/** Publishes one key set on every path. */
export async function startKeyServer(keySet: () => string): Promise<{ port: number; stop(): Promise<void> }> {
  const server = http.createServer((_, response) => {
    response.setHeader("content-type", "application/json");
    response.end(keySet());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    stop: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => {
          resolve();
        });
      }),
  };
}
