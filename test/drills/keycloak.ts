import { startKeycloak } from "../parts/keycloak";
import { RECOVERY_MS } from "./bounds";
import { Skip, type Drill } from "./drill";
import { compiledFiles, FilterProcess, planOf } from "./filter-process";
import { timeUntil } from "./wait";

const REFRESH_MS = 1_000;

/** Drills 10 and 11 with a real Keycloak, whose keys an administrator changes. */
const rotation: Drill = {
  name: "10, 11 rotation by Keycloak",
  slow: true,
  async run(run) {
    const keycloak = await startKeycloak(run.directory);
    if ("unavailable" in keycloak) throw new Skip(keycloak.unavailable);
    run.after(() => keycloak.stop());
    const plan = planOf(
      compiledFiles({
        keysUrl: keycloak.keysUrl,
        change: (model) => ({
          ...model,
          issuers: Object.fromEntries(
            Object.entries(model.issuers).map(([name, issuer]) => [
              name,
              {
                ...issuer,
                ...{
                  issuer: keycloak.issuer,
                  audiences: ["serhafen-api"],
                  algorithms: ["RS256"],
                  roles: "realm_access.roles",
                },
                type: { claim: "typ", value: "Bearer", optional: false },
              },
            ]),
          ),
          routes: model.routes.map((r) =>
            r.name === "tenant"
              ? {
                  ...r,
                  policies: {
                    ...r.policies,
                    tenant: {
                      headers: { "x-unit": "business_unit", "x-country": "country_code" },
                      required: true,
                      fromHost: false,
                      clientHeader: "agree",
                    },
                    authorization: { anyOf: [{ roles: ["SUPERADMIN"], scopes: [], claims: [] }], noneOf: [] },
                  },
                }
              : r,
          ),
        }),
      }),
    );
    const filter = await FilterProcess.start({
      directory: run.directory,
      plan,
      env: { KEYS_REFRESH_MS: String(REFRESH_MS) },
    });
    run.after(() => filter.stop());
    const ask = async (token: string): Promise<number> => (await filter.ask({ token })).verdict;
    const [vera, sara, nils] = await Promise.all([
      keycloak.token("vera"),
      keycloak.token("sara"),
      keycloak.token("nils"),
    ]);
    run.equal("tokens of Keycloak", [await ask(vera), await ask(sara), await ask(nils)], [200, 200, 200]);
    const tenant = async (token: string): Promise<number> => (await filter.ask({ route: "tenant", token })).verdict;
    run.equal("roles and tenants", [await tenant(vera), await tenant(sara), await tenant(nils)], [403, 200, 403]);
    await keycloak.admin.addKey();
    const fresh = await keycloak.token("vera");
    const seen = await timeUntil(async () => (await ask(fresh)) === 200, RECOVERY_MS);
    run.atMost("ms until the new key is known", seen, REFRESH_MS);
    run.equal("a token of the old key", await ask(vera), 200);
    await keycloak.admin.disableOldKeys();
    const dead = await timeUntil(async () => (await ask(vera)) === 401, RECOVERY_MS);
    run.atMost("ms until the old key is dead", dead, REFRESH_MS + 200);
    run.equal("a token of the new key", await ask(fresh), 200);
    await keycloak.stop();
    run.equal("with Keycloak gone", await ask(fresh), 200);
  },
};

export const keycloakDrills: readonly Drill[] = [rotation];
