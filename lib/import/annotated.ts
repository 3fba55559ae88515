import type { KubernetesObject } from "./objects";
import type { Note } from "./notes";

const PREFIX = "nginx.ingress.kubernetes.io/";

/** An object's annotations as the controller reads them, and what there is to say of them. */
export class Annotated {
  constructor(
    readonly object: KubernetesObject,
    private readonly notes: Note[],
  ) {}

  get names(): string[] {
    return Object.keys(this.object.annotations).flatMap((name) =>
      name.startsWith(PREFIX) ? [name.slice(PREFIX.length)] : [],
    );
  }

  note(level: Note["level"], name: string, what: string): void {
    const { namespace, name: own } = this.object;
    const full = name in this.object.annotations ? name : PREFIX + name;
    this.notes.push({ level, name, at: `${namespace}/${own}/${name}`, what, source: this.object.at(full) });
  }

  text(name: string): string | undefined {
    const value = this.object.annotations[PREFIX + name]?.trim();
    return value === "" ? undefined : value;
  }

  /** As Go's ParseBool reads it. */
  flag(name: string, otherwise: boolean): boolean {
    const value = this.text(name);
    if (value === undefined) return otherwise;
    if (/^(1|t|T|TRUE|true|True)$/.test(value)) return true;
    if (!/^(0|f|F|FALSE|false|False)$/.test(value))
      this.note("idle", name, `"${value}" is no truth value: the controller takes its default`);
    else return false;
    return otherwise;
  }

  /** A whole number without a unit; the controller passes over everything else. */
  number(name: string): number | undefined {
    const value = this.text(name);
    if (value === undefined) return undefined;
    if (/^\d{1,9}$/.test(value)) return Number(value);
    this.note("idle", name, `"${value}" is no whole number: the controller takes its default`);
    return undefined;
  }

  list(name: string): string[] | undefined {
    return this.text(name)
      ?.split(",")
      .map((word) => word.trim())
      .filter((word) => word !== "");
  }
}
