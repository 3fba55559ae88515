import path from "node:path";
import { formatDiagnostic, hasErrors } from "../../lib/diagnostics";
import { loadModel, type GatewayModel } from "../../lib/model";

const ROOT = path.join(__dirname, "../..");

/** The models that cases may name: the product's own, and a small one for what no product needs yet. */
const MODELS: Readonly<Record<string, string>> = {
  serhafen: "policies/serhafen.ts",
  lab: "test/conformance/lab.ts",
};

export function modelOf(system: string): GatewayModel | undefined {
  const file = MODELS[system];
  if (file === undefined) return undefined;
  const { value, diagnostics } = loadModel(path.join(ROOT, file));
  if (!value || hasErrors(diagnostics)) throw new Error(diagnostics.map(formatDiagnostic).join("\n"));
  return value;
}

/** Where the parts of one run are: the model's addresses, put in before it is compiled as anybody's would be. */
export interface Addresses {
  services: ReadonlyMap<string, number>;
  keyServer: number;
  filter: number;
  through?: number;
  admin?: number;
  redis: string;
  http: number;
  https: number;
  certificates: string;
}

export function placedModel(model: GatewayModel, at: Addresses): GatewayModel {
  const local = (port: number | undefined): string => `127.0.0.1:${String(port ?? 1)}`;
  const services = Object.entries(model.services).map(([name, service]) => [
    name,
    { ...service, address: local(at.services.get(name)) },
  ]);
  const issuers = Object.entries(model.issuers).map(([name, issuer]) => [
    name,
    { ...issuer, jwks: { url: `http://${local(at.keyServer)}/${name}`, allowHttp: true } },
  ]);
  return {
    ...model,
    services: Object.fromEntries(services) as GatewayModel["services"],
    issuers: Object.fromEntries(issuers) as GatewayModel["issuers"],
    front: { ...model.front, ...(model.front.networks.length > 0 && { networks: ["127.0.0.0/8"] }) },
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
      ...(at.admin !== undefined && { adminPort: at.admin }),
      redis: at.redis,
    },
  };
}
