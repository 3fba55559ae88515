/** What a secret looks like, and where one would stand. */

/** Keys of AWS, private keys, tokens, and passwords in addresses; a reference that is resolved later is none. */
const LOOKS = [
  /\b(AKIA|ASIA)[A-Z0-9]{16}\b/,
  /-----BEGIN [A-Z ]*PRIVATE KEY-----/,
  /\beyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]{10,}\b/,
  /\b[a-z]+:\/\/[^\s/:@"]*:(?!\{\{)[^\s/@"]+@/,
  /test-only/,
];

const isReference = (value: unknown): boolean =>
  typeof value !== "string" || value === "" || /^\{\{resolve:|^\//.test(value);

/** Values that stand where a secret would, and say something themselves. */
export function namedSecrets(value: unknown, trail: string[] = []): string[] {
  if (typeof value !== "object" || value === null) return [];
  const env = value as { name?: unknown; value?: unknown };
  const isVariable = typeof env.name === "string" && /PASSWORD|SECRET|TOKEN|_KEY$/.test(env.name);
  const own = isVariable && !isReference(env.value) ? [[...trail, String(env.name)].join("/")] : [];
  const inside = Object.entries(value).flatMap(([key, inner]) => {
    const isSecret = /^(master)?(user)?passwords?$|^secretstring$|^authtoken$/i.test(key);
    const said = isSecret && [inner].flat().some((text) => typeof text === "string" && !isReference(text));
    const found = said ? [[...trail, key].join("/")] : [];
    return [...found, ...namedSecrets(inner, [...trail, key])];
  });
  return [...own, ...inside];
}

/** Texts that look like secrets. */
export const secretsIn = (text: string): string[] => LOOKS.flatMap((look) => look.exec(text)?.[0] ?? []);
