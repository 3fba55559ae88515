import { diagnostic, type Diagnostic } from "../diagnostics";
import type { ClaimPath } from "../identity/claims";
import { ERROR_WORDS } from "../policy/kinds/response";
import { hasUserinfo } from "../policy/values";
import type { HeaderMatch } from "../decision/gateway";
import type { RawModel } from "./read";
import type { GatewayModel } from "./schema";

/**
 * Words of strangers: what is a pattern, a variable or a secret where it comes from, and would be plain text here. A wider
 * route would answer in the place of the one that was meant, or a secret stand in every output.
 */

const PATH_PATTERNS: readonly (readonly [form: RegExp, what: string])[] = [
  [/\*/, "a star stands for nothing but itself"],
  [/(^|\/):[A-Za-z]/, "a segment that begins with a colon is no parameter"],
  [/[()]/, "parentheses are no group"],
  [/\$\d|\$\{/, "a dollar sign is no reference to a group"],
  [/\.\+/, "a dot and a plus sign stand for themselves"],
];

const VALUE_PATTERNS = /^\^|\$$|\.\*|\.\+|\\[dwsDWS]|\(\?|\[[^\]]*\][*+?{]|^\*|\*$|\|/;

/** Where somebody else's program would put in a value: `${name}`, `{{ name }}`, and `{name}` alone. */
const VARIABLE = /\$\{[^}]*\}|\{\{[^}]*\}\}/;
const WORD = /\{[A-Za-z_][\w.]*\}/;

const SECRET_NAMES = /^(authorization|cookie|x-api-key|api-key|.*-(token|secret|password|key))$/;
const SECRET_VALUES = /^(bearer|basic) \S{8,}|eyJ[\w-]{8,}\.|^(sk|pk|ghp|xox[bp])[_-]\w{8,}|-----BEGIN/i;

type Place = readonly (string | number)[];

interface Texts {
  policies: GatewayModel["policies"];
  at: string;
  path: Place;
}

/** Every layer of policies, by its address. */
function layers(model: GatewayModel): Texts[] {
  const named = (group: "hosts" | "services"): Texts[] =>
    Object.entries<{ policies: GatewayModel["policies"] }>(model[group]).map(([name, { policies }]) => ({
      policies,
      at: `${group}/${name}/policies`,
      path: [group, name, "policies"],
    }));
  return [
    { policies: model.policies, at: "policies", path: ["policies"] },
    ...named("hosts"),
    ...named("services"),
    ...model.routes.map(({ name, policies }, i) => ({
      policies,
      at: `routes/${name}/policies`,
      path: ["routes", i, "policies"],
    })),
  ];
}

/** Every claim that is named, by where it stands. */
function claims(model: GatewayModel): [at: string, path: Place, claim: ClaimPath | undefined][] {
  const issuers = Object.entries(model.issuers).flatMap(([name, { roles, scopes, user, type }]) =>
    Object.entries({ roles, scopes, user, type: type?.claim }).map(
      ([field, claim]): [string, Place, ClaimPath | undefined] => [
        `issuers/${name}/${field}`,
        ["issuers", name, field],
        claim,
      ],
    ),
  );
  const headers = layers(model).flatMap(({ policies, at, path }) =>
    Object.entries({
      "jwt/claimHeaders": policies.jwt?.claimHeaders,
      "tenant/headers": policies.tenant?.headers,
    }).flatMap(([of, named]) =>
      Object.entries(named ?? {}).flatMap(([header, claim]): [string, Place, ClaimPath][] =>
        typeof claim === "object" && "roles" in claim
          ? []
          : [[`${at}/${of}/${header}`, [...path, ...of.split("/"), header], claim]],
      ),
    ),
  );
  return [...issuers, ...headers];
}

/** Keycloak's roles of a client whose id has dots, and names that issuers write as a domain's. */
const DOTTED = /^resource_access(\.[^.]+){2,}\.roles$|^(?!.*:\/\/).*\..*\//;

const SECRET_PARAMETER = /[?&][^=&]*(key|token|secret|password|sig)[^=&]*=[^&]{8,}/i;

const valuesOf = (wanted: HeaderMatch): readonly string[] =>
  typeof wanted === "string" ? [wanted] : wanted.type === "In" ? wanted.values : [];

/** Where somebody would write a secret, beside the headers that are set. */
function openSecrets(model: GatewayModel): [at: string, path: Place, what: string][] {
  const found: [string, Place, string][] = [];
  if (hasUserinfo(model.filter.redis)) found.push(["filter/redis", ["filter", "redis"], "The store's password"]);
  for (const [name, { issuer, jwks }] of Object.entries(model.issuers)) {
    if (SECRET_PARAMETER.test(jwks?.url ?? ""))
      found.push([`issuers/${name}/jwks/url`, ["issuers", name, "jwks", "url"], "A parameter of the key server's URL"]);
    if (hasUserinfo(issuer ?? "")) found.push([`issuers/${name}/issuer`, ["issuers", name, "issuer"], "A password"]);
  }
  model.routes.forEach(({ name, match }, i) => {
    for (const [parameter, wanted] of Object.entries(match.query ?? {})) {
      if (
        !valuesOf(wanted).some((value) => SECRET_PARAMETER.test(`?${parameter}=${value}`) || SECRET_VALUES.test(value))
      )
        continue;
      found.push([`routes/${name}/match/query/${parameter}`, ["routes", i, "match", "query", parameter], parameter]);
    }
    for (const [header, wanted] of Object.entries(match.headers ?? {})) {
      if (!valuesOf(wanted).some((value) => SECRET_NAMES.test(header) || SECRET_VALUES.test(value))) continue;
      found.push([`routes/${name}/match/headers/${header}`, ["routes", i, "match", "headers", header], header]);
    }
  });
  return found;
}

export function checkWords(raw: RawModel, model: GatewayModel): Diagnostic[] {
  const found: Diagnostic[] = [];
  const add = (code: Diagnostic["code"], at: string, path: Place, why: string, fix: string): number =>
    found.push(diagnostic(code, `${model.name}/${at}`, why, fix, raw.locate(path)));
  model.routes.forEach(({ name, match, respond }, i) => {
    const at = `routes/${name}`;
    for (const path of [...match.exact, ...match.template, ...match.prefix]) {
      const said = PATH_PATTERNS.find(([form]) => form.test(path))?.[1];
      if (said === undefined) continue;
      const fix = "Write a segment that stands for any under match.template, as {id}, or the prefix in front of it.";
      add("model/pattern-as-text", `${at}/match`, ["routes", i, "match"], `In ${path} ${said}.`, fix);
    }
    const texts = (["headers", "query"] as const).flatMap((of) =>
      Object.entries(match[of] ?? {}).flatMap(([header, wanted]) =>
        valuesOf(wanted).map((v) => [of, header, v] as const),
      ),
    );
    for (const [of, header, value] of texts) {
      if (!VALUE_PATTERNS.test(value)) continue;
      const why = `${header} is compared with ${value} as it stands: this is no regular expression.`;
      const fix = "Write a value as clients send it; a route for each, where there are several.";
      add("model/pattern-as-text", `${at}/match/${of}`, ["routes", i, "match", of], why, fix);
    }
    const path = ["routes", i, "respond"];
    if (respond)
      variables(respond.body, "respond", (why, fix) => add("model/variable-as-text", `${at}/respond`, path, why, fix));
  });
  for (const [at, path, claim] of claims(model)) {
    if (typeof claim !== "string" || !DOTTED.test(claim)) continue;
    const why = `Each dot of ${claim} leads one member deeper; a name that has dots itself would never be found.`;
    const members = claim.includes("/")
      ? [claim]
      : ["resource_access", claim.split(".").slice(1, -1).join("."), "roles"];
    const fix = `Write it as a list of members, such as ${JSON.stringify(members)}; a list says both without doubt.`;
    add("model/dotted-claim", at, path, why, fix);
  }
  for (const [at, path, what] of openSecrets(model)) {
    const why = `${what} looks like a secret, and would stand in every output, in the repository and in the cluster.`;
    add(
      "model/secret-in-the-open",
      at,
      path,
      why,
      "Take it out of the model, and give it to the filter as a variable or a secret.",
    );
  }
  for (const { policies, at, path } of layers(model)) {
    const { requestHeaders, responseHeaders, fallback, errorBody } = policies;
    for (const [kind, headers] of Object.entries({ requestHeaders, responseHeaders })) {
      for (const [header, value] of Object.entries(headers?.set ?? {})) {
        if (typeof value !== "string") continue;
        const place = `${at}/${kind}/set/${header}`;
        const where = [...path, kind, "set", header];
        if (kind === "responseHeaders" || !(SECRET_NAMES.test(header) || SECRET_VALUES.test(value))) {
          variables(value, header, (why, fix) => add("model/variable-as-text", place, where, why, fix));
          continue;
        }
        const why = `${header} looks like a secret, and would stand in every output, in the repository and in the cluster.`;
        add(
          "model/secret-in-the-open",
          place,
          where,
          why,
          "Write { secret: NAME }, and say under secrets where the filter finds it.",
        );
      }
    }
    const group = /\$\d|\$\{/.exec(policies.rewrite?.replacement ?? "")?.[0];
    if (group !== undefined) {
      const why = `${group} in replacement goes to the service as it stands: prefix has no groups.`;
      const fix = "Write the new prefix; what follows the old one stays as it is.";
      add("model/pattern-as-text", `${at}/rewrite`, [...path, "rewrite"], why, fix);
    }
    if (fallback) {
      const where = [...path, "fallback"];
      variables(fallback.body, "body", (why, fix) => add("model/variable-as-text", `${at}/fallback`, where, why, fix));
    }
    const forms = [errorBody?.members, ...Object.values(errorBody?.byStatus ?? {})];
    for (const [member, text] of forms.flatMap((members) => Object.entries(members ?? {}))) {
      const word =
        typeof text === "string"
          ? (text.match(/\$?\{[^}]*\}/g) ?? []).find((w) => !ERROR_WORDS.includes(w))
          : undefined;
      if (word === undefined) continue;
      const why = `${word} in ${member} would go out as it stands.`;
      const fix = `Use ${ERROR_WORDS.join(", ")}, or a plain text.`;
      add("model/variable-as-text", `${at}/errorBody`, [...path, "errorBody"], why, fix);
    }
  }
  return found;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function variables(text: string, name: string, say: (why: string, fix: string) => void): void {
  const word = VARIABLE.exec(text)?.[0] ?? (isJson(text) ? undefined : WORD.exec(text)?.[0]);
  if (word === undefined) return;
  say(
    `${word} in ${name} would go out as it stands: nothing is put in its place.`,
    "Write the value itself, or leave it to the service.",
  );
}
