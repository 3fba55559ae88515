import { diagnostic, type Diagnostic } from "../diagnostics";
import type { Gateway } from "../decision/gateway";
import { calledTwoWays } from "./backends";
import { modelIn } from "./overlay";
import type { RawModel } from "./read";
import type { GatewayModel } from "./schema";

/** Where services are, by what name they are called, and who may call them. */

/** Istio knows an address by one protocol and one TLS; nginx and the filter would call each service as it wants. */
export function twoWays(raw: RawModel, whole: GatewayModel, environment: string, gateway: Gateway): Diagnostic[] {
  const model = modelIn(whole, environment);
  const used = gateway.hosts.flatMap((h) => h.routes.flatMap((r) => r.backends.map((b) => b.service)));
  const pair = model.targets.includes("istio") ? calledTwoWays(model, [...new Set(used)].sort()) : undefined;
  if (!pair) return [];
  const [first, second] = pair;
  const why = `${first} has the same address, and is called with another protocol or tls: in Istio an address has one of each.`;
  const fix = "Give them ports of their own, call both alike, or take istio out of targets.";
  const at = raw.locate(["services", second]);
  return [diagnostic("model/called-two-ways", `${model.name}/services/${second}`, why, fix, at)];
}

/** The name of a certificate, where the addresses say none: an overlay may have brought them. */
export function checkNames(raw: RawModel, { name, services }: GatewayModel): Diagnostic[] {
  return Object.entries(services).flatMap(([service, { address, addresses, tls }]) => {
    if (!tls || tls.serverName !== undefined || !(addresses ?? /^[\d.]+:\d+$/.test(address))) return [];
    const why = `No name is said by which ${(addresses ?? [address]).join(" and ")} would be asked for a certificate.`;
    const fix = "Name tls.serverName.";
    return [
      diagnostic("model/invalid-value", `${name}/services/${service}`, why, fix, raw.locate(["services", service])),
    ];
  });
}

/** Who may call is kept at a workload: without its labels nobody would be kept out. */
export function checkCallers(raw: RawModel, { name, services }: GatewayModel): Diagnostic[] {
  return Object.entries(services).flatMap(([service, { address, addresses = [address], workload, callers }]) => {
    const [, namespace, kind] = address.split(/[.:]/);
    const elsewhere = addresses.find((other) => other.split(/[.:]/).slice(1, 3).join() !== `${namespace ?? ""},svc`);
    if (callers.length === 0 && !workload) return [];
    const field = workload ? "workload" : "callers";
    const say = (code: "model/missing-value" | "model/invalid-value", why: string, fix: string): Diagnostic[] => [
      diagnostic(code, `${name}/services/${service}/${field}`, why, fix, raw.locate(["services", service, field])),
    ];
    if (!workload) {
      const why = "It names callers, and no labels of the pods that they may call.";
      return say("model/missing-value", why, "Add workload with the labels of its pods.");
    }
    if (elsewhere !== undefined && namespace !== undefined && kind === "svc") {
      const why = `${elsewhere} is not in ${namespace}, where its pods are looked for.`;
      return say("model/invalid-value", why, "Make a service of each namespace, or leave workload out.");
    }
    if (namespace === undefined || kind !== "svc") {
      const why = `${address} has no namespace, in which its pods would be looked for.`;
      return say("model/invalid-value", why, "Write the address as name.namespace.svc.cluster.local:port.");
    }
    const same = (other: unknown, own: unknown): boolean => JSON.stringify(other) === JSON.stringify(own);
    const twin = Object.entries(services).find(
      ([n, s]) =>
        n < service &&
        same(s.workload, workload) &&
        s.address.split(/[.:]/)[1] === namespace &&
        !same(s.callers, callers),
    )?.[0];
    if (twin === undefined) return [];
    const why = `${twin} has the same pods and other callers: who may call one of them could call both.`;
    return say("model/invalid-value", why, "Give both the same callers, or each pods of its own.");
  });
}
