import { loadAll } from "js-yaml";
import { compile } from "../../lib/targets";
import { goodModel, small } from "../support";

/** Paths of which Istio asks for a token that the filter has handed on. */
function pathsAsked(): string[] {
  const model = goodModel(
    small({
      targets: ["istio"],
      issuers: {
        login: {
          issuer: "https://login.test",
          jwks: { url: "https://login.test/keys" },
          requestAuthentication: true,
        },
      },
      policies: { jwt: { issuers: ["login"] } },
      routes: [
        { name: "orders", match: { prefix: ["/orders"] }, service: "orders" },
        {
          name: "gone",
          match: { prefix: ["/gone"] },
          respond: { status: 410 },
          policies: { addresses: { allow: ["192.0.2.0/24"] } },
        },
      ],
    }),
  );
  const file = compile(model, "production").value?.files.find(({ path }) => path.endsWith("security.yaml"));
  const objects = loadAll(file?.content ?? "") as {
    metadata: { name: string };
    spec: { rules?: { to?: { operation: { paths?: string[] } }[] }[] };
  }[];
  const check = objects.find(({ metadata }) => metadata.name.endsWith("second-check"));
  return (check?.spec.rules ?? []).flatMap(({ to = [] }) => to.flatMap(({ operation }) => operation.paths ?? []));
}

test("a route that answers by itself asks at the door for addresses, and nowhere for a token that it inherits", () => {
  expect(pathsAsked()).toEqual(["/orders", "/orders/*"]);
});
