import { compile } from "../../lib/targets";
import { modelOf } from "../conformance/systems";
import type { GatewayModel } from "../../lib/model";

/** Where a whole system goes through the filter, no proxy may know a way to a service: it would be a way past it. */

const found = modelOf("serhafen");
if (!found) throw new Error("serhafen");
// Ranges of types are no proxy's: each route is the filter's.
const compression = { ...found.policies.compression, types: ["text/*"] } as GatewayModel["policies"]["compression"];
const serhafen: GatewayModel = { ...found, policies: { ...found.policies, compression } };

/** Files by which a proxy forwards; what names services for other reasons (mutual TLS, the filter's plan) is left out. */
const FORWARDING: Readonly<Record<string, string>> = {
  nginx: "nginx.conf",
  istio: "routes.yaml",
  "ingress-nginx": "ingresses.yaml",
  "gateway-api": "gateway.yaml",
  kong: "kong.yaml",
};

/** Host name of a service, and its short name as it stands in an Ingress. */
const namesOf = (model: GatewayModel): string[] =>
  Object.values(model.services).flatMap(({ address }) => {
    const host = address.slice(0, address.lastIndexOf(":"));
    return [host, `name: ${host.split(".")[0] ?? ""}\n`];
  });

describe.each(Object.entries(FORWARDING))("%s", (target, name) => {
  test.each(serhafen.environments)("%s", (environment) => {
    const { value } = compile({ ...serhafen, targets: [target] }, environment);
    const file = value?.files.find((f) => f.path.endsWith(`/${name}`));
    const through = value?.plans[0]?.placements.filter((p) => p.kind === "timeouts").map((p) => p.place);
    // Every route calls a service, and every one of them by the filter.
    expect(new Set(through)).toEqual(new Set(["proxied"]));
    expect(namesOf(serhafen).filter((service) => file?.content.includes(service))).toEqual([]);
    const [filter = ""] = serhafen.filter.address.split(".");
    expect(file?.content).toContain(filter);
  });
});
