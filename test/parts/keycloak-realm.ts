/** The realm that a test's Keycloak has, and what an administrator does to its keys. */

export const REALM = "NewCustomsRealm";
/** For tests only, worth nothing elsewhere. */
export const ADMIN_PASSWORD = "admin-of-a-test";
export const PASSWORD = "user-of-a-test";

const USERS = {
  vera: { roles: ["VIEWER"], attributes: { business_unit: ["SERHAFEN"], country_code: ["CL"] } },
  sara: { roles: ["VIEWER", "SUPERADMIN"], attributes: { business_unit: ["SERHAFEN"], country_code: ["CL"] } },
  pilar: { roles: ["VIEWER"], attributes: { business_unit: ["SERHAFEN"], country_code: ["PE"] } },
  nils: { roles: ["VIEWER"], attributes: {} },
} as const;

export type KeycloakUser = keyof typeof USERS;

/** Attributes that the profile does not declare are dropped; these only an administrator may change. */
const PROFILE = {
  attributes: [
    ...["username", "email", "firstName", "lastName"].map((name) => ({
      name,
      permissions: { view: ["admin", "user"], edit: ["admin", "user"] },
    })),
    ...["business_unit", "country_code"].map((name) => ({ name, permissions: { view: ["admin"], edit: ["admin"] } })),
  ],
};

const attributeClaim = (name: string): object => ({
  name,
  protocol: "openid-connect",
  protocolMapper: "oidc-usermodel-attribute-mapper",
  config: { "user.attribute": name, "claim.name": name, "jsonType.label": "String", "access.token.claim": "true" },
});

/** The realm's import file. */
export function realm(): object {
  return {
    realm: REALM,
    enabled: true,
    accessTokenLifespan: 300,
    roles: { realm: ["SUPERADMIN", "VIEWER"].map((name) => ({ name })) },
    components: {
      "org.keycloak.userprofile.UserProfileProvider": [
        { providerId: "declarative-user-profile", config: { "kc.user.profile.config": [JSON.stringify(PROFILE)] } },
      ],
    },
    clients: [
      {
        clientId: "portal",
        publicClient: true,
        directAccessGrantsEnabled: true,
        standardFlowEnabled: false,
        protocolMappers: [
          {
            name: "audience",
            protocol: "openid-connect",
            protocolMapper: "oidc-audience-mapper",
            config: { "included.custom.audience": "serhafen-api", "access.token.claim": "true" },
          },
          attributeClaim("business_unit"),
          attributeClaim("country_code"),
        ],
      },
    ],
    users: Object.entries(USERS).map(([username, { roles, attributes }]) => ({
      username,
      enabled: true,
      // Without these the profile is not complete, and no token is given out.
      ...{ email: `${username}@serhafen.test`, emailVerified: true, firstName: username, lastName: "Test" },
      credentials: [{ type: "password", value: PASSWORD, temporary: false }],
      realmRoles: roles,
      attributes,
    })),
  };
}

const KEY_PROVIDER = "org.keycloak.keys.KeyProvider";

interface Component {
  id: string;
  name: string;
  providerId: string;
  config: Record<string, string[]>;
}

export class KeycloakAdmin {
  constructor(private readonly url: string) {}

  async grant(realmName: string, fields: Record<string, string>): Promise<string> {
    const answer = await fetch(`${this.url}/realms/${realmName}/protocol/openid-connect/token`, {
      method: "POST",
      body: new URLSearchParams({ grant_type: "password", ...fields }),
    });
    const said = (await answer.json()) as { access_token?: string };
    if (said.access_token === undefined) throw new Error(`no token: ${JSON.stringify(said)}`);
    return said.access_token;
  }

  /** The kid that signs now. */
  async signingKid(): Promise<string> {
    const { active } = (await this.#call("GET", "/keys")) as { active: Record<string, string> };
    return active["RS256"] ?? "";
  }

  /** A new key signs from now on; the old ones are still published. Returns its kid. */
  async addKey(): Promise<string> {
    const { id } = (await this.#call("GET", "")) as { id: string };
    const priorities = (await this.#signers()).map((c) => Number(c.config["priority"]?.[0] ?? 0));
    const priority = Math.max(100, ...priorities) + 1;
    await this.#call("POST", "/components", {
      name: `rsa-${String(priority)}`,
      providerId: "rsa-generated",
      providerType: KEY_PROVIDER,
      parentId: id,
      config: {
        priority: [String(priority)],
        enabled: ["true"],
        active: ["true"],
        algorithm: ["RS256"],
        keySize: ["2048"],
      },
    });
    return this.signingKid();
  }

  /** Takes every key but the newest out of the published set, as after a leak. */
  async disableOldKeys(): Promise<void> {
    const [, ...old] = await this.#signers();
    for (const component of old) {
      const config = { ...component.config, enabled: ["false"], active: ["false"] };
      await this.#call("PUT", `/components/${component.id}`, { ...component, config });
    }
  }

  /** Providers of signing keys, the newest first. */
  async #signers(): Promise<Component[]> {
    const all = (await this.#call("GET", `/components?type=${KEY_PROVIDER}`)) as Component[];
    const priority = (c: Component): number => Number(c.config["priority"]?.[0] ?? 0);
    return all.filter((c) => c.providerId === "rsa-generated").sort((a, b) => priority(b) - priority(a));
  }

  async #call(method: string, target: string, body?: object): Promise<unknown> {
    // It lives for a minute only, so each call has its own.
    const token = await this.grant("master", { client_id: "admin-cli", username: "admin", password: ADMIN_PASSWORD });
    const answer = await fetch(`${this.url}/admin/realms/${REALM}${target}`, {
      method,
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      ...(body && { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${target}: ${String(answer.status)} ${text}`);
    return text === "" ? undefined : (JSON.parse(text) as unknown);
  }
}
