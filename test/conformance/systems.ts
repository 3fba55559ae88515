import path from "node:path";
import { formatDiagnostic, hasErrors } from "../../lib/diagnostics";
import { checkModel, loadModel, type GatewayModel } from "../../lib/model";
import { FRONT_MODELS } from "./fronts";

const ROOT = path.join(__dirname, "../..");

/** The models that cases may name: the product's own, and a small one for what no product needs yet. */
const MODELS: Readonly<Record<string, string>> = {
  serhafen: "policies/serhafen.ts",
  equb: "policies/equb.ts",
  maternal: "policies/maternal.ts",
  mmr: "policies/mmr.ts",
  lab: "test/conformance/lab.ts",
  rpc: "test/conformance/rpc.ts",
  sessions: "test/conformance/sessions.ts",
};

/** Systems that ask for what some targets cannot do, which `compile` refuses there: their cases are for their own targets alone. */
export const OF_OWN_TARGETS: ReadonlySet<string> = new Set(["rpc"]);

const loaded = new Map<string, GatewayModel>();

function load(system: string): ReturnType<typeof loadModel> | undefined {
  const file = MODELS[system];
  if (file !== undefined) return loadModel(path.join(ROOT, file));
  const value = FRONT_MODELS[system];
  const at = { file: "test/conformance/fronts.ts" };
  return value && checkModel({ ...at, value, locate: () => at });
}

export function modelOf(system: string): GatewayModel | undefined {
  const known = loaded.get(system);
  if (known) return known;
  const found = load(system);
  if (!found) return undefined;
  const { value, diagnostics } = found;
  if (!value || hasErrors(diagnostics)) throw new Error(diagnostics.map(formatDiagnostic).join("\n"));
  loaded.set(system, value);
  return value;
}

/** Makes a model known by a name, for those who make models. */
export function addModel(system: string, model: GatewayModel): void {
  loaded.set(system, model);
}

/** Keys of the store that revoke a token of this system; none where it revokes none. */
export function revocationKeys(system: string): string[] {
  const model = modelOf(system);
  if (!model) return [];
  const policies = [model.policies, ...model.routes.map((r) => r.policies)];
  return [...new Set(policies.flatMap((p) => p.jwt?.revocation?.key ?? []))];
}

/** Where the parts of one run are: the model's addresses, put in before it is compiled as anybody's would be. */
export interface Addresses {
  services: ReadonlyMap<string, number>;
  keyServer: number;
  filter: number;
  through?: number;
  reports?: number;
  admin?: number;
  redis: string;
  http: number;
  https: number;
  certificates: string;
}

/** Networks of a front that the runner is never part of (RFC 5737). */
export const STRANGERS = "192.0.2.0/24";

/** Environment variable in which a run gives a secret to the filter. */
export const secretVariable = (name: string): string => `SECRET_${name.toUpperCase().replace(/-/g, "_")}`;

export function placedModel(model: GatewayModel, at: Addresses): GatewayModel {
  const local = (port: number | undefined): string => `127.0.0.1:${String(port ?? 1)}`;
  const services = Object.entries(model.services).map(([name, service]) => [
    name,
    { ...service, address: local(at.services.get(name)) },
  ]);
  const issuers = Object.entries(model.issuers).map(([name, issuer]) => [
    name,
    { ...issuer, ...(issuer.jwks && { jwks: { url: `http://${local(at.keyServer)}/${name}`, allowHttp: true } }) },
  ]);
  const secrets = Object.keys(model.secrets).map((name) => [name, { env: secretVariable(name) }]);
  return {
    ...model,
    secrets: Object.fromEntries(secrets) as GatewayModel["secrets"],
    services: Object.fromEntries(services) as GatewayModel["services"],
    issuers: Object.fromEntries(issuers) as GatewayModel["issuers"],
    // The runner is the trusted hop, but where a system has only strangers in front.
    front: { ...model.front, networks: model.front.networks.map((n) => (n === STRANGERS ? n : "127.0.0.0/8")) },
    listeners: {
      bind: "127.0.0.1",
      http: { port: at.http, containerPort: at.http },
      https: { port: at.https, containerPort: at.https },
    },
    certificate: { ...model.certificate, directory: at.certificates },
    filter: {
      ...model.filter,
      address: local(at.filter),
      ...(at.through !== undefined && { throughPort: at.through }),
      ...(at.reports !== undefined && { reportPort: at.reports }),
      ...(at.admin !== undefined && { adminPort: at.admin }),
      redis: at.redis,
    },
  };
}
