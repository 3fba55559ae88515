import path from "node:path";
import { freePorts, startPart, until } from "../../lib/conformance/parts/process";
import { pythonPackages } from "./python-packages";

export interface Moto {
  port: number;
  pid: number;
  /** What an AWS SDK needs to talk to it and to nothing else. */
  env: Readonly<Record<string, string>>;
  /** For programs in Python that use its packages. */
  pythonPath: string;
  /** Forgets all that was made in it. */
  reset(): Promise<void>;
  stop(): Promise<void>;
}

const SERVER = (port: number): string[] => [
  "-c",
  "from moto.server import main; main()",
  "-H",
  "127.0.0.1",
  "-p",
  String(port),
];

/** AWS as far as moto plays it, in memory, by its own server or by a program around it; or why it cannot be had here. */
export async function startMoto(directory: string, program = SERVER): Promise<Moto | { unavailable: string }> {
  const packages = await pythonPackages("moto");
  if (typeof packages !== "string") return packages;
  const [port = 0] = await freePorts(1);
  const url = `http://127.0.0.1:${String(port)}`;
  const env = {
    AWS_ENDPOINT_URL: url,
    AWS_REGION: "eu-west-1",
    AWS_ACCESS_KEY_ID: "test",
    AWS_SECRET_ACCESS_KEY: "test",
    AWS_EC2_METADATA_DISABLED: "true",
    // Nobody's own credentials.
    AWS_CONFIG_FILE: "/dev/null",
    AWS_SHARED_CREDENTIALS_FILE: "/dev/null",
  };
  const python = { PYTHONPATH: packages, PYTHONNOUSERSITE: "1", MOTO_IAM_LOAD_MANAGED_POLICIES: "true" };
  const part = startPart("python3", program(port), {
    logFile: path.join(directory, "moto.log"),
    env: { ...process.env, ...env, ...python },
  });
  await until("moto", async () => (await fetch(`${url}/moto-api/data.json`)).ok, part).catch(async (error: unknown) => {
    await part.stop();
    throw error;
  });
  return {
    port,
    pid: part.pid,
    env,
    pythonPath: packages,
    reset: async () => {
      const answer = await fetch(`${url}/moto-api/reset`, { method: "POST" });
      if (!answer.ok) throw new Error(`moto answered ${String(answer.status)}`);
    },
    stop: () => part.stop(),
  };
}
