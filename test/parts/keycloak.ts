import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { createReadStream, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { pipeline } from "node:stream/promises";
import { promisify } from "node:util";
import { ADMIN_PASSWORD, KeycloakAdmin, PASSWORD, REALM, realm, type KeycloakUser } from "./keycloak-realm";
import { freePorts, startPart, until, type Part } from "../../lib/conformance/parts/process";

const run = promisify(execFile);
const CACHE = path.join(__dirname, "../../.cache/keycloak");

const VERSION = "26.7.3";
const SHA256 = "27a6535553c3cdcd083872ba40629efafb3475e3b758e0c6f691395561dd0f1f";
const COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy";
const ARTIFACT = "keycloak-quarkus-dist";

/** What start-dev builds for; with other values than before it builds anew, which takes most of a first start. */
const BUILD = ["--db=dev-mem", "--health-enabled=true"];

export interface Keycloak {
  readonly port: number;
  readonly issuer: string;
  readonly keysUrl: string;
  /** The pid of java. */
  readonly pid: number;
  readonly admin: KeycloakAdmin;
  /** An access token by the password grant. */
  token(user: KeycloakUser): Promise<string>;
  stop(): Promise<void>;
}

async function checksum(file: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(file), hash);
  return hash.digest("hex");
}

/** The folder of the unzipped distribution; the zip is had by Maven and goes when it is unzipped. */
async function install(): Promise<string> {
  const folder = path.join(CACHE, `keycloak-${VERSION}`);
  if (existsSync(folder)) return folder;
  const fresh = path.join(CACHE, `fresh.${String(process.pid)}`);
  mkdirSync(fresh, { recursive: true });
  process.stdout.write("downloading Keycloak by Maven (177 MB)\n");
  try {
    const artifact = `org.keycloak:${ARTIFACT}:${VERSION}:zip`;
    await run("mvn", ["-B", "-q", COPY, `-Dartifact=${artifact}`, `-DoutputDirectory=${fresh}`], { cwd: fresh });
    const zip = path.join(fresh, `${ARTIFACT}-${VERSION}.zip`);
    const sum = await checksum(zip);
    if (sum !== SHA256) throw new Error(`its checksum is ${sum}`);
    await run("unzip", ["-q", zip, "-d", fresh]);
    if (!existsSync(folder)) renameSync(path.join(fresh, `keycloak-${VERSION}`), folder);
    return folder;
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}

let pending: Promise<string | { unavailable: string }> | undefined;

async function home(): Promise<string | { unavailable: string }> {
  try {
    await run("java", ["-version"]);
    return await install();
  } catch (error) {
    return { unavailable: `Keycloak cannot be had: ${String(error).split("\n").slice(0, 2).join(" ")}` };
  }
}

/** The launcher stays as java's parent, except on the start that builds: then it becomes java. */
function javaOf(part: Part): number {
  const [child = ""] = readFileSync(`/proc/${String(part.pid)}/task/${String(part.pid)}/children`, "utf8").split(" ");
  return child === "" ? part.pid : Number(child);
}

async function end(part: Part): Promise<void> {
  if (!part.running()) return;
  const java = javaOf(part);
  process.kill(java, "SIGTERM");
  await until("the end of Keycloak", () => !part.running(), undefined, 15_000).catch(() => {
    // Killing the launcher would leave java behind.
    process.kill(java, "SIGKILL");
  });
  await part.stop();
}

function launch(folder: string, directory: string, port: number, management: number): Part {
  const imports = path.join(folder, "data/import");
  mkdirSync(imports, { recursive: true });
  // Keycloak insists on this name.
  writeFileSync(path.join(imports, `${REALM}-realm.json`), JSON.stringify(realm(), null, 2));
  const args = ["start-dev", "--http-host=127.0.0.1", `--http-port=${String(port)}`, "--import-realm", ...BUILD];
  return startPart("sh", [path.join(folder, "bin/kc.sh"), ...args, `--http-management-port=${String(management)}`], {
    logFile: path.join(directory, "keycloak.log"),
    cwd: directory,
    env: {
      ...process.env,
      KC_BOOTSTRAP_ADMIN_USERNAME: "admin",
      KC_BOOTSTRAP_ADMIN_PASSWORD: ADMIN_PASSWORD,
      JAVA_OPTS_KC_HEAP: "-Xms64m -Xmx512m",
    },
  });
}

/** A real Keycloak with nothing on disk but its program: every start has new keys. Or why it cannot be had here. */
export async function startKeycloak(directory: string): Promise<Keycloak | { unavailable: string }> {
  pending ??= home();
  const folder = await pending;
  if (typeof folder !== "string") return folder;
  const [port = 0, management = 0] = await freePorts(2);
  const url = `http://127.0.0.1:${String(port)}`;
  const issuer = `${url}/realms/${REALM}`;
  const keysUrl = `${issuer}/protocol/openid-connect/certs`;
  const part = launch(folder, directory, port, management);
  try {
    await until("Keycloak", async () => (await fetch(keysUrl)).ok, part, 240_000);
  } catch (error) {
    await end(part);
    throw error;
  }
  const admin = new KeycloakAdmin(url);
  return {
    ...{ port, issuer, keysUrl, pid: javaOf(part), admin },
    token: (user) => admin.grant(REALM, { client_id: "portal", username: user, password: PASSWORD }),
    stop: () => end(part),
  };
}
