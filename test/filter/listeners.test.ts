import { Agent, createServer, get } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { close, listen } from "../../lib/filter/listeners";

test("a listener that closes waits for answers, not for the connections that are kept after them", async () => {
  const server = createServer((_message, response) => {
    setTimeout(() => response.end("done"), 100);
  });
  const port = await listen(server, 0, "127.0.0.1");
  const agent = new Agent({ keepAlive: true });
  const answered = new Promise<number | undefined>((resolve) => {
    get({ port, host: "127.0.0.1", agent }, (response) => {
      response.resume();
      response.once("end", () => {
        resolve(response.statusCode);
      });
    });
  });
  await sleep(50);
  const start = performance.now();
  await close(server);
  expect(performance.now() - start).toBeLessThan(5_000);
  expect(await answered).toBe(200);
  agent.destroy();
});
