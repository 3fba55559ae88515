import { compile } from "../../lib/targets";
import { goodModel, small } from "../support";

const places = (other: Readonly<Record<string, string>>): string[] => {
  const route = (name: string, claimHeaders: Readonly<Record<string, string>>): object => ({
    name,
    match: { prefix: [`/${name}`] },
    service: "orders",
    policies: { jwt: { issuers: ["accounts"], claimHeaders } },
  });
  const routes = [route("own", { "x-user-id": "sub" }), route("other", other)];
  const input = small({
    targets: ["istio"],
    accept: [{ difference: "istio-native-jwt", reason: "it is looked at here" }],
    routes: routes as never,
  });
  const [plan] = compile(goodModel(input), "production").value?.plans ?? [];
  return plan?.placements.filter(({ kind }) => kind === "jwt").map(({ place }) => place) ?? [];
};

/** RequestAuthentication writes headers from claims for every route alike. */
describe("Istio's own check of tokens", () => {
  test("is taken where routes pass on the same of a token", () => {
    expect(places({ "x-user-id": "sub" })).toEqual(["native", "native"]);
  });

  test("and left to the door where one route's claim would be another's identity", () => {
    expect(places({ "x-user-id": "nick" })).toEqual(["ext-auth", "ext-auth"]);
    expect(places({})).toEqual(["ext-auth", "ext-auth"]);
  });
});
