import { modelIn, type GatewayModel } from "../model";
import { instancesOf } from "./upstreams";
import type { Trust } from "./certificates";
import type { SystemIdentities } from "./identity-file";

/** What cases are run on: a system's model, who calls it, and what its services show. */
export interface System {
  name: string;
  model: GatewayModel;
  identities: SystemIdentities;
  trust: Trust;
}

/** The system as it is in one environment: no address of an overlay is called by a run. */
export const systemIn = (system: System, environment: string): System => ({
  ...system,
  model: { ...modelIn(system.model, environment), overlays: {} },
});

/** Keys of the store that revoke a token of this system; none where it revokes none. */
export function revocationKeys({ policies, hosts, services, routes, overlays }: GatewayModel): string[] {
  const over = Object.values(overlays).map((o) => o.policies);
  const named = [...Object.values(hosts), ...Object.values(services), ...routes];
  const all = [policies, ...over, ...named.map((item) => item.policies)];
  return [...new Set(all.flatMap((p) => p.jwt?.revocation?.key ?? []))];
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

type Service = GatewayModel["services"][string];

/** A service at these addresses, as many as it has. */
export const placedService = (service: Service, addresses: readonly string[]): Service => ({
  ...service,
  address: addresses[0] ?? "",
  ...(service.addresses && { addresses: [...addresses] }),
});

export function placedModel(model: GatewayModel, at: Addresses): GatewayModel {
  const local = (port: number | undefined): string => `127.0.0.1:${String(port ?? 1)}`;
  const services = Object.entries(model.services).map(([name, service]) => {
    const addresses = instancesOf(name, service).map((instance) => local(at.services.get(instance)));
    return [name, placedService(service, addresses)];
  });
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
