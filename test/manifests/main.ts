import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { parseAllDocuments, stringify } from "yaml";
import { startApiServer, type ApiServer } from "../parts/api-server";
import { goTool } from "../parts/go-tools";
import { speak, Tally } from "../tally";

/**
 * Shows every generated manifest to the tools that judge it in a cluster: a real API server with Istio's definitions,
 * istioctl, and deck. Use: npm run manifests [FOLDER…]
 */
const ROOT = path.join(__dirname, "../..");

/** Every EnvoyFilter gets this one; it says nothing about what is in it. */
const TOLERATED = "EnvoyFilter exposes internal implementation details";

const KUSTOMIZATION = "kustomization.yaml";

interface Manifest {
  namespace?: string;
  apiVersion?: string;
  kind?: string;
  metadata?: { name?: string; namespace?: string };
}

interface ManifestFile {
  file: string;
  documents: readonly Manifest[];
}

const shown = (file: string): string => path.relative(process.cwd(), file) || ".";

const lines = (text: string): string[] =>
  text
    .split("\n")
    .map((line) => line.replace(/^\s*(\*\s+)?/, "").trimEnd())
    .filter((line) => line !== "");

const below = (folder: string): string[] =>
  readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => path.join(folder, entry.name));

/** Folders of all systems' environments below an output's. */
function environments(output: string): string[] {
  const folder = path.join(ROOT, output);
  return existsSync(folder) ? below(folder).flatMap(below) : [];
}

function generatedFolders(): string[] {
  const ingress = environments("nginx").map((folder) => path.join(folder, "ingress-nginx"));
  return [
    ...environments("istio"),
    ...environments("gateway-api"),
    ...environments("kubernetes"),
    ...ingress.filter((folder) => existsSync(folder)),
  ];
}

/** Values, such as those for meshConfig, lie beside the manifests and have no kind. */
function manifestsIn(folder: string): ManifestFile[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && /\.ya?ml$/.test(entry.name))
    .map((entry) => path.join(entry.parentPath, entry.name))
    .sort()
    .map((file) => {
      const documents = parseAllDocuments(readFileSync(file, "utf8")).map((d) => d.toJS() as unknown);
      return { file, documents: documents.filter((d): d is Manifest => typeof d === "object" && d !== null) };
    })
    .filter(({ documents }) => documents.some((d) => d.kind !== undefined || d.apiVersion !== undefined));
}

const isIstio = ({ documents }: ManifestFile): boolean =>
  documents.some((d) => /^[^/]+\.istio\.io\//.test(d.apiVersion ?? ""));

function namespacesOf(files: readonly ManifestFile[]): string[] {
  const named = files
    .flatMap((f) => f.documents)
    .map((d) =>
      d.kind === "Namespace" && d.apiVersion === "v1" ? d.metadata?.name : (d.metadata?.namespace ?? d.namespace),
    );
  return [...new Set(named.filter((name) => name !== undefined))].sort();
}

async function apply(files: readonly ManifestFile[], directory: string, tally: Tally): Promise<void> {
  let server: ApiServer | undefined;
  try {
    server = await startApiServer({ directory, definitions: true });
  } catch (error) {
    tally.note("API server", lines(String(error)));
    return;
  }
  if (server === undefined) {
    tally.skip(files.length, "no API server to show the manifests to");
    return;
  }
  try {
    const common = ["--kubeconfig", server.kubeconfig, "--cache-dir", path.join(directory, "kubectl-cache"), "apply"];
    const namespaces = namespacesOf(files).map((name) => ({ apiVersion: "v1", kind: "Namespace", metadata: { name } }));
    const made = path.join(directory, "namespaces.yaml");
    writeFileSync(made, namespaces.map((n) => stringify(n)).join("---\n"));
    // What is wrong here is said again, and counted, by the file that names the namespace.
    if (namespaces.length > 0) await speak("kubectl", [...common, "-f", made]);
    for (const { file } of files) {
      // kubectl makes the objects that such a file names, from what lies beside it.
      const place = path.basename(file) === KUSTOMIZATION ? ["-k", path.dirname(file)] : ["-f", file];
      const said = await speak("kubectl", [...common, "--dry-run=server", "--validate=strict", ...place]);
      const warned = /^Warning:|unknown field/m.test(said.stderr);
      tally.note(`kubectl apply ${shown(file)}`, said.code !== 0 || warned ? lines(said.stderr) : []);
    }
  } finally {
    await server.stop();
  }
}

/** istioctl ends with 0 on warnings, even where a filter's content cannot be read at all; so its words are judged. */
async function validate(istioctl: string, { file }: ManifestFile): Promise<string[]> {
  const { code, stdout, stderr } = await speak(istioctl, ["validate", "-f", file]);
  const words = lines(`${stdout}\n${stderr}`).filter(
    (line) => !line.includes(TOLERATED) && !/^".*" (is valid|has warnings: ?)$/.test(line),
  );
  return code !== 0 && words.length === 0 ? [`istioctl ended with ${String(code)}`] : words;
}

interface Finding {
  code: string;
  level: string;
  message: string;
  origin: string;
}

async function analyze(istioctl: string, mesh: string | undefined, files: readonly ManifestFile[]): Promise<string[]> {
  // Without -A only the namespace "default" would be looked at.
  const args = ["analyze", "-A", "--use-kube=false", "-o", "json"];
  if (mesh !== undefined) args.push("--meshConfigFile", mesh);
  const { code, stdout, stderr } = await speak(istioctl, [...args, ...files.map((f) => f.file)]);
  let findings: Finding[];
  try {
    findings = JSON.parse(stdout) as Finding[];
  } catch {
    return [`istioctl ended with ${String(code)}`, ...lines(stdout), ...lines(stderr)];
  }
  const words = findings
    .filter(({ level }) => level !== "Info")
    .filter(({ code: id, message }) => !(id === "IST0133" && message.includes(TOLERATED)))
    .map(({ level, code: id, origin, message }) => `${level} [${id}] (${origin}) ${message}`);
  return words.length > 0 || code === 0 ? words : [`istioctl ended with ${String(code)}`, ...lines(stderr)];
}

/** Folders that are installed together, and where their mesh configuration lies. */
function together(folder: string): { folders: string[]; mesh: string } {
  const environment = path.basename(folder);
  const system = path.basename(path.dirname(folder));
  const output = path.resolve(folder, "../..");
  const mesh = path.join(folder, "mesh.yaml");
  if (!["istio", "kubernetes"].includes(path.basename(output))) return { folders: [folder], mesh };
  const beside = (name: string): string => path.join(path.dirname(output), name, system, environment);
  return { folders: ["istio", "kubernetes"].map(beside), mesh: path.join(beside("istio"), "mesh.yaml") };
}

async function judgeIstio(folders: readonly string[], tally: Tally): Promise<void> {
  const own = folders.flatMap(manifestsIn).filter(isIstio);
  const groups = new Map(
    folders
      .filter((folder) => manifestsIn(folder).some(isIstio))
      .map(together)
      .map((group) => [group.folders.join(), group]),
  );
  if (own.length === 0) return;
  const istioctl = await goTool("istioctl");
  if (istioctl === undefined) {
    tally.skip(own.length + groups.size, "no istioctl");
    return;
  }
  for (const file of own) tally.note(`istioctl validate ${shown(file.file)}`, await validate(istioctl, file));
  for (const { folders: all, mesh } of groups.values()) {
    const files = all.filter((folder) => existsSync(folder)).flatMap(manifestsIn);
    const words = await analyze(istioctl, existsSync(mesh) ? mesh : undefined, files);
    tally.note(`istioctl analyze ${shown(path.dirname(mesh))}`, words);
  }
}

/** Debian's deck knows the words of Kong 2, and no bounds: what it does not say, test/targets/kong-file.ts does. */
async function judgeKong(tally: Tally): Promise<void> {
  const files = environments("kong").map((folder) => path.join(folder, "kong.yaml"));
  const { code } = await speak("deck", ["version"]);
  if (code !== 0) tally.skip(files.length, "no deck");
  else
    for (const file of files) {
      const said = await speak("deck", ["validate", "-s", file]);
      tally.note(`deck validate ${shown(file)}`, said.code === 0 ? [] : lines(`${said.stdout}\n${said.stderr}`));
    }
}

async function main(named: readonly string[]): Promise<number> {
  const tally = new Tally();
  const folders = named.length > 0 ? named.map((folder) => path.resolve(folder)) : generatedFolders();
  if (folders.length === 0) tally.skip(1, "nothing has been generated");
  const present = folders.filter((folder) => existsSync(folder) && manifestsIn(folder).length > 0);
  // A wrong name must not look like a folder without faults.
  for (const folder of folders) if (!present.includes(folder)) tally.note(shown(folder), ["no manifest is here"]);
  if (present.length > 0) {
    const directory = mkdtempSync(path.join(tmpdir(), "manifests-"));
    try {
      await apply(present.flatMap(manifestsIn), directory, tally);
      await judgeIstio(present, tally);
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  }
  if (named.length === 0) await judgeKong(tally);
  return tally.end();
}

main(process.argv.slice(2)).then(
  (code) => (process.exitCode = code),
  (error: unknown) => {
    console.error(error);
    process.exitCode = 1;
  },
);
