import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import { freePorts, startPart, until } from "./process";

const run = promisify(execFile);
const ROOT = path.join(__dirname, "../..");
/** Wheels of CPython 3.11 to 3.13 on x86-64: moto's server with what Secrets Manager needs, and no more. */
const LOCK = path.join(__dirname, "moto.txt");

let pending: Promise<string | { unavailable: string }> | undefined;

async function install(): Promise<string | { unavailable: string }> {
  const key = createHash("sha256").update(readFileSync(LOCK)).digest("hex").slice(0, 16);
  const folder = path.join(ROOT, ".cache/moto", key);
  if (existsSync(folder)) return folder;
  const fresh = `${folder}.${String(process.pid)}`;
  mkdirSync(fresh, { recursive: true });
  process.stdout.write("installing moto from its wheels\n");
  const args = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes"];
  try {
    await run("python3", [...args, "--only-binary=:all:", "--target", fresh, "-r", LOCK]);
  } catch (error) {
    rmSync(fresh, { recursive: true, force: true });
    return { unavailable: `moto cannot be installed: ${String(error).split("\n")[0] ?? ""}` };
  }
  if (!existsSync(folder)) renameSync(fresh, folder);
  else rmSync(fresh, { recursive: true, force: true });
  return folder;
}

export interface Moto {
  port: number;
  pid: number;
  /** What an AWS SDK needs to talk to it and to nothing else. */
  env: Readonly<Record<string, string>>;
  /** Forgets all that was made in it. */
  reset(): Promise<void>;
  stop(): Promise<void>;
}

/** AWS as far as moto plays it, in memory; or why it cannot be had here. */
export async function startMoto(directory: string): Promise<Moto | { unavailable: string }> {
  pending ??= install();
  const packages = await pending;
  if (typeof packages !== "string") return packages;
  const [port = 0] = await freePorts(1);
  const url = `http://127.0.0.1:${String(port)}`;
  const part = startPart(
    "python3",
    ["-c", "from moto.server import main; main()", "-H", "127.0.0.1", "-p", String(port)],
    {
      logFile: path.join(directory, "moto.log"),
      env: { ...process.env, PYTHONPATH: packages, PYTHONNOUSERSITE: "1" },
    },
  );
  await until("moto", async () => (await fetch(`${url}/moto-api/data.json`)).ok, part).catch(async (error: unknown) => {
    await part.stop();
    throw error;
  });
  return {
    port,
    pid: part.pid,
    env: {
      AWS_ENDPOINT_URL: url,
      AWS_REGION: "eu-west-1",
      AWS_ACCESS_KEY_ID: "test",
      AWS_SECRET_ACCESS_KEY: "test",
      AWS_EC2_METADATA_DISABLED: "true",
    },
    reset: async () => {
      const answer = await fetch(`${url}/moto-api/reset`, { method: "POST" });
      if (!answer.ok) throw new Error(`moto answered ${String(answer.status)}`);
    },
    stop: () => part.stop(),
  };
}
