import dgram from "node:dgram";

/** A DNS server (RFC 1035) that knows one address, which every name has. */
export async function startNameServer(at: string, address: string): Promise<{ stop(): Promise<void> }> {
  const socket = dgram.createSocket("udp4");
  const A = 1;
  socket.on("message", (question, from) => {
    const end = question.indexOf(0, 12) + 5;
    const asked = question.subarray(12, end);
    const count = asked.readUInt16BE(asked.length - 4) === A ? 1 : 0;
    // An answer, with the id and the question of what it answers, and one address for a minute.
    const head = Buffer.from([...question.subarray(0, 2), 0x85, 0x80, 0, 1, 0, count, 0, 0, 0, 0]);
    const answer = Buffer.from([0xc0, 0x0c, 0, A, 0, 1, 0, 0, 0, 60, 0, 4, ...address.split(".").map(Number)]);
    socket.send(Buffer.concat(count === 1 ? [head, asked, answer] : [head, asked]), from.port, from.address);
  });
  await new Promise<void>((resolve, reject) => {
    socket.once("error", reject);
    socket.bind(53, at, resolve);
  });
  return { stop: () => new Promise((resolve) => void socket.close(resolve)) };
}
