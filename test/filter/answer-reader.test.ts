import http from "node:http";
import net, { type AddressInfo } from "node:net";
import fc from "fast-check";
import { AnswerReader, Malformed } from "../../lib/filter/upstream/answer-reader";

/** What a service answers, read in whatever pieces it comes. */

interface Read {
  status?: number;
  headers?: (readonly [string, string])[];
  body: string;
  trailers?: (readonly [string, string])[];
  /** What stands behind the answer. */
  rest: string;
  last?: boolean;
}

function read(text: string, cuts: readonly number[] = [], method = "GET", headBytes = 1_000): Read | "malformed" {
  const seen: Read = { body: "", rest: "" };
  const reader = new AnswerReader({
    onHead: ({ status, headers, last }) => Object.assign(seen, { status, headers, last }),
    onData: (bytes) => (seen.body += bytes.toString("latin1")),
    onEnd: (trailers) => (seen.trailers = trailers),
  });
  reader.begin({ method, headBytes, upgrades: false });
  const bytes = Buffer.from(text, "latin1");
  const ends = [...new Set(cuts.map((cut) => cut % bytes.length))].sort((a, b) => a - b);
  try {
    for (const [i, end] of [...ends, bytes.length].entries())
      seen.rest += reader.read(bytes.subarray(ends[i - 1] ?? 0, end)).toString("latin1");
    if (!reader.close()) return "malformed";
  } catch (error) {
    expect(error).toBeInstanceOf(Malformed);
    return "malformed";
  }
  return seen;
}

const head = (...lines: string[]): string => `${["HTTP/1.1 200 OK", ...lines].join("\r\n")}\r\n\r\n`;

/** What is an answer, and what Node's client takes for the same. */
const ANSWERS: Readonly<Record<string, string>> = {
  "with a length": `${head("Content-Length: 5", "X-A: b")}hello`,
  "without a body": head("Content-Length: 0"),
  "up to the end of the connection": `${head("X-A: b")}hello`,
  "of HTTP/1.0": "HTTP/1.0 200 OK\r\n\r\nhello",
  "without a reason": "HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nok",
  "without a space behind the status": "HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok",
  "in chunks": `${head("Transfer-Encoding: chunked")}2\r\nhe\r\n003\r\nllo\r\n0\r\n\r\n`,
  "in chunks with extensions": `${head("transfer-encoding: Chunked")}2;a=b\r\nhe\r\n3;c\r\nllo\r\n0;d\r\n\r\n`,
  "with trailers": `${head("Transfer-Encoding: chunked")}5\r\nhello\r\n0\r\nX-Sum: 1\r\nX-End: 2\r\n\r\n`,
  "behind a hint": `HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n${head("Content-Length: 2")}ok`,
  "behind a 100 that nobody has asked for": `HTTP/1.1 100 Continue\r\n\r\n${head("Content-Length: 2")}ok`,
  "304 with the length of another": 'HTTP/1.1 304 Not Modified\r\nETag: "a"\r\nContent-Length: 120\r\n\r\n',
  "204 with what it must not say": "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n",
  "values of all bytes that may stand there": head("Content-Length: 0", "X-A: \u00e9\u00ff \ta", "X-B:", "x_c!#$: d"),
  "the same name again": head("Set-Cookie: a=1", "Set-Cookie: b=2", "Content-Length: 0"),
  "white space around a value": head("Content-Length:  0 ", "X-A: \t b \t "),
};

/** What no answer is. */
const MALFORMED: Readonly<Record<string, string>> = {
  "two lengths": head("Content-Length: 0", "Content-Length: 0"),
  "a length beside chunks": `${head("Content-Length: 5", "Transfer-Encoding: chunked")}0\r\n\r\n`,
  "two codings": `${head("Transfer-Encoding: gzip, chunked")}0\r\n\r\n`,
  "two lines of a coding": `${head("Transfer-Encoding: chunked", "Transfer-Encoding: chunked")}0\r\n\r\n`,
  "a coding that is none": `${head("Transfer-Encoding: identity")}x`,
  "chunks of HTTP/1.0": "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
  "a length with a sign": `${head("Content-Length: +5")}hello`,
  "a list of lengths": `${head("Content-Length: 5, 5")}hello`,
  "a length of letters": `${head("Content-Length: 0x5")}hello`,
  "a length without an end": `${head("Content-Length: 99999999999999999999")}hello`,
  "less than its length": `${head("Content-Length: 6")}hello`,
  "a chunk without a size": `${head("Transfer-Encoding: chunked")}\r\nhello`,
  "a chunk with a sign": `${head("Transfer-Encoding: chunked")}-1\r\n\r\n0\r\n\r\n`,
  "a chunk that is longer than it says": `${head("Transfer-Encoding: chunked")}2\r\nhello\r\n0\r\n\r\n`,
  "chunks without an end": `${head("Transfer-Encoding: chunked")}5\r\nhello\r\n`,
  "a chunk size ended by LF": `${head("Transfer-Encoding: chunked")}5\nhello\r\n0\r\n\r\n`,
  "a folded line": head("X-A: b", " c", "Content-Length: 0"),
  "a space before the colon": head("X-A : b", "Content-Length: 0"),
  "a line without a colon": head("X-A", "Content-Length: 0"),
  "a name that is no token": head("X(A): b", "Content-Length: 0"),
  "a line ended by LF": "HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n",
  "a header line ended by LF": "HTTP/1.1 200 OK\r\nX-A: b\nContent-Length: 0\r\n\r\n",
  "a bare CR": head("X-A: b\rX-B: c", "Content-Length: 0"),
  "a zero byte": head("X-A: b\0", "Content-Length: 0"),
  "another protocol": "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n",
  "another version": "HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n",
  "a status that is none": "HTTP/1.1 600 OK\r\nContent-Length: 0\r\n\r\n",
  "a status of two digits": "HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n",
  "no status": "200 OK\r\nContent-Length: 0\r\n\r\n",
  "space before it": ` ${head("Content-Length: 0")}`,
  nothing: "",
  "half a head": "HTTP/1.1 200 OK\r\nContent-Le",
  "a head that is too large": head(`X-A: ${"a".repeat(1_000)}`, "Content-Length: 0"),
  "trailers that are too large": `${head("Transfer-Encoding: chunked")}0\r\nX-A: ${"a".repeat(1_000)}\r\n\r\n`,
  "an extension that is too large": `${head("Transfer-Encoding: chunked")}0;${"a".repeat(5_000)}\r\n\r\n`,
};

/** The same answer by Node's own client. */
async function byNode(text: string): Promise<Omit<Read, "rest" | "last">> {
  const server = net.createServer((socket) => {
    socket.once("data", () => socket.end(Buffer.from(text, "latin1")));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    return await new Promise((resolve, reject) => {
      const { port } = server.address() as AddressInfo;
      http
        .get({ port, host: "127.0.0.1", agent: false }, (answer) => {
          const lines = (raw: string[]): [string, string][] =>
            raw.flatMap((name, i) => (i % 2 === 0 ? [[name, raw[i + 1] ?? ""] as [string, string]] : []));
          let body = "";
          answer.setEncoding("latin1");
          answer.on("data", (part: string) => (body += part));
          answer.on("end", () => {
            const { statusCode: status = 0, rawHeaders, rawTrailers } = answer;
            resolve({ status, headers: lines(rawHeaders), body, trailers: lines(rawTrailers) });
          });
        })
        .on("error", reject);
    });
  } finally {
    server.close();
  }
}

const pieces = fc.array(fc.nat({ max: 2_000 }), { maxLength: 12 });

test.each(Object.entries(ANSWERS))("%s is read as Node reads it, in whatever pieces", async (_, text) => {
  const whole = read(text);
  expect(whole).toMatchObject(await byNode(text));
  fc.assert(
    fc.property(pieces, (cuts) => {
      expect(read(text, cuts)).toEqual(whole);
    }),
  );
  // Byte by byte.
  expect(
    read(
      text,
      Array.from({ length: text.length }, (__, at) => at),
    ),
  ).toEqual(whole);
});

test.each(Object.entries(MALFORMED))("%s is no answer, in whatever pieces", (_, text) => {
  expect(read(text)).toBe("malformed");
  fc.assert(
    fc.property(pieces, (cuts) => {
      expect(text === "" || read(text, cuts) === "malformed").toBe(true);
    }),
  );
});

test("an answer to HEAD has no body, whatever it tells", () => {
  expect(read(head("Content-Length: 5"), [], "HEAD")).toMatchObject({ status: 200, body: "", trailers: [] });
  expect(read(head("Transfer-Encoding: chunked"), [], "HEAD")).toMatchObject({ status: 200, body: "", trailers: [] });
});

test("what stands behind an answer is none of it", () => {
  expect(read(`${head("Content-Length: 2")}okHTTP/1.1`)).toMatchObject({ body: "ok", rest: "HTTP/1.1" });
  expect(read(`${head("Transfer-Encoding: chunked")}0\r\n\r\nmore`)).toMatchObject({ body: "", rest: "more" });
});

test("a connection ends with an answer that says so, or that nothing else ends", () => {
  expect(read(head("Content-Length: 0", "Connection: Keep-Alive, CLOSE"))).toMatchObject({ last: true });
  expect(read(head("Content-Length: 0", "Connection: keep-alive"))).toMatchObject({ last: false });
  expect(read("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n")).toMatchObject({ last: true });
  expect(read(head())).toMatchObject({ last: true });
});

test("a value of white space takes time as its length grows, not more", () => {
  const took = (length: number): number => {
    const text = head(`X-A: ${" \t".repeat(length)}\0`, "Content-Length: 0");
    const start = process.cpuUsage().user;
    for (let i = 0; i < 20; i++) read(text, [], "GET", 1_000_000);
    return process.cpuUsage().user - start;
  };
  took(1_000);
  // By its square it would be 10,000 times as much.
  expect(took(200_000)).toBeLessThan(1_000 * Math.max(took(2_000), 1_000));
});
