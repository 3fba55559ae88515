import { readFileSync } from "node:fs";
import path from "node:path";
import {
  Client,
  credentials,
  Metadata,
  Server,
  ServerCredentials,
  status,
  type MethodDefinition,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
  type ServiceError,
} from "@grpc/grpc-js";
import { STANDS } from "../conformance/stands";
import { knownSystem } from "../conformance/systems";
import { RealStand } from "../../lib/conformance/stands/real-stand";
import { Skip, type Drill, type Run } from "./drill";
import { sleep } from "./wait";

/** Calls of gRPC's own client to gRPC's own server, through real gateways that ask the filter about each. */

const PAUSE_MS = 300;
const LATE_MS = 150;
const MESSAGE = 3_000_000;

const bytes = (value: Buffer): Buffer => value;

function method(name: string, requestStream: boolean, responseStream: boolean): MethodDefinition<Buffer, Buffer> {
  return {
    path: `/rpc.Streams/${name}`,
    ...{ requestStream, responseStream },
    ...{ requestSerialize: bytes, requestDeserialize: bytes, responseSerialize: bytes, responseDeserialize: bytes },
  };
}

const SERVICE = {
  Echo: method("Echo", false, false),
  Fail: method("Fail", false, false),
  Watch: method("Watch", false, true),
  Collect: method("Collect", true, false),
  Talk: method("Talk", true, true),
};

/** What a service is not to say, in trailers as in headers. */
const HIDDEN = ["x-powered-by", "x-accel-redirect"];

async function startServer(run: Run, port: number): Promise<void> {
  const server = new Server({ "grpc.max_receive_message_length": 2 * MESSAGE });
  server.addService(SERVICE, {
    Echo: (call: ServerUnaryCall<Buffer, Buffer>, answer: sendUnaryData<Buffer>) => {
      const trailer = new Metadata();
      trailer.set("x-count", String(call.request.length));
      for (const name of HIDDEN) trailer.set(name, "the service's own");
      answer(null, call.request, trailer);
    },
    Fail: (_call: unknown, answer: sendUnaryData<Buffer>) => {
      answer({ code: status.NOT_FOUND, details: "no such thing: 100%" });
    },
    Watch: (call: ServerWritableStream<Buffer, Buffer>) => {
      void (async () => {
        for (let i = 0; i < 4; i++) {
          // Both clocks are this process' own.
          call.write(Buffer.from(String(performance.now())));
          await sleep(PAUSE_MS);
        }
        call.end();
      })();
    },
    Collect: (call: ServerReadableStream<Buffer, Buffer>, answer: sendUnaryData<Buffer>) => {
      let count = 0;
      call
        .on("data", () => (count += 1))
        .on("end", () => {
          answer(null, Buffer.from(String(count)));
        });
    },
    Talk: (call: ServerDuplexStream<Buffer, Buffer>) => {
      call.on("data", (message: Buffer) => call.write(message)).on("end", () => call.end());
    },
  });
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(`127.0.0.1:${String(port)}`, ServerCredentials.createInsecure(), (error) => {
      if (error) reject(error);
      else resolve();
    });
  });
  run.after(() => {
    server.forceShutdown();
    return Promise.resolve();
  });
}

interface Outcome {
  code: status;
  details: string;
  body?: Buffer;
  trailer?: string;
  hidden?: string[];
}

/** One message each way. */
function unary(client: Client, name: keyof typeof SERVICE, message: Buffer, metadata: Metadata): Promise<Outcome> {
  return new Promise((resolve) => {
    const outcome: Outcome = { code: status.OK, details: "" };
    const path = SERVICE[name].path;
    const call = client.makeUnaryRequest(
      path,
      bytes,
      bytes,
      message,
      metadata,
      (error: ServiceError | null, body?: Buffer) => {
        if (error) resolve({ ...outcome, code: error.code, details: error.details });
        else Object.assign(outcome, { body });
      },
    );
    call.on("status", (end) => {
      const [trailer] = end.metadata.get("x-count");
      const hidden = HIDDEN.filter((name) => end.metadata.get(name).length > 0);
      if (end.code === status.OK)
        resolve({ ...outcome, hidden, ...(trailer !== undefined && { trailer: String(trailer) }) });
    });
  });
}

async function calls(run: Run, stand: RealStand): Promise<void> {
  const { services, echoes } = stand.around;
  services.begin({ calls: { down: true, respond: [] } });
  await echoes.apply();
  await startServer(run, echoes.ports.get("calls") ?? 0);
  const root = readFileSync(path.join(stand.around.certificates, "tls.crt"));
  const secure = credentials.createSsl(root, null, null, { checkServerIdentity: () => undefined });
  const client = new Client(`127.0.0.1:${String(stand.instances[0]?.https)}`, secure, {
    "grpc.ssl_target_name_override": "rpc.test",
    "grpc.default_authority": "rpc.test",
    "grpc.max_receive_message_length": 2 * MESSAGE,
  });
  run.after(() => {
    client.close();
    return Promise.resolve();
  });
  const known = new Metadata();
  known.set("authorization", `Bearer ${stand.identities.token("caller")}`);

  const echo = await unary(client, "Echo", Buffer.alloc(MESSAGE, "a"), known);
  run.equal("a large message there and back", [echo.code, echo.body?.length], [status.OK, MESSAGE]);
  run.equal("the trailer of its answer", echo.trailer, String(MESSAGE));
  run.equal("trailers that it is not to have", echo.hidden, []);
  const failed = await unary(client, "Fail", Buffer.alloc(1), known);
  run.equal("the service's own error", [failed.code, failed.details], [status.NOT_FOUND, "no such thing: 100%"]);
  const refused = await unary(client, "Echo", Buffer.alloc(1), new Metadata());
  run.equal("the code of a call without a token", refused.code, status.UNAUTHENTICATED);
  run.note(`which is told as: ${refused.details}`);

  const late: number[] = [];
  const watch = client.makeServerStreamRequest(SERVICE.Watch.path, bytes, bytes, Buffer.alloc(1), known);
  watch
    .on("data", (sent: Buffer) => late.push(performance.now() - Number(sent.toString())))
    .on("error", () => undefined);
  await new Promise((resolve) => watch.once("status", resolve));
  run.equal("messages of a stream", late.length, 4);
  run.atMost("ms that one came late", Math.max(...late), LATE_MS);

  const collected = await new Promise<string>((resolve) => {
    const call = client.makeClientStreamRequest(SERVICE.Collect.path, bytes, bytes, known, (error, body?: Buffer) => {
      resolve(error?.message ?? body?.toString() ?? "");
    });
    for (let i = 0; i < 5; i++) call.write(Buffer.from("a"));
    call.end();
  });
  run.equal("messages of a client's stream", collected, "5");

  const talk = client.makeBidiStreamRequest(SERVICE.Talk.path, bytes, bytes, known);
  talk.on("error", () => undefined);
  for (const word of ["one", "two", "three"]) {
    const heard = new Promise((resolve) =>
      talk.once("data", (message: Buffer) => {
        resolve(message.toString());
      }),
    );
    talk.write(Buffer.from(word));
    run.equal("a word that is answered before the next one", await Promise.race([heard, sleep(3_000)]), word);
  }
  const ended = new Promise<status>((resolve) =>
    talk.once("status", ({ code }: { code: status }) => {
      resolve(code);
    }),
  );
  talk.end();
  run.equal("how the talk ends", await ended, status.OK);
}

export const grpcDrills: readonly Drill[] = ["nginx", "istio"].map((target) => ({
  name: `50 gRPC through ${target}`,
  async run(run) {
    const stand = await STANDS[target]?.({ system: knownSystem("rpc"), environment: "production", replicas: 1 });
    if (!(stand instanceof RealStand)) throw new Skip("the gateway cannot be had");
    run.after(() => stand.stop());
    await calls(run, stand);
  },
}));
