import { createServer, type Server } from "node:net";

/** The first of as many free ports in a row, below those that connections are given. */
export async function portsInRow(count: number): Promise<number> {
  for (;;) {
    const first = 15_000 + Math.floor(Math.random() * 15_000);
    const servers: Server[] = [];
    try {
      for (let i = 0; i < count; i++) {
        const server = createServer();
        servers.push(server);
        await new Promise<void>((resolve, reject) => {
          server.once("error", reject);
          server.listen(first + i, "127.0.0.1", resolve);
        });
      }
      return first;
    } catch {
      // One of them is taken: the next row.
    } finally {
      await Promise.all(servers.map((s) => new Promise((resolve) => s.close(resolve))));
    }
  }
}
