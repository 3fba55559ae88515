import { existsSync } from "node:fs";
import path from "node:path";
import { hasErrors, type Diagnostic } from "../../../lib/diagnostics";
import type { Addresses } from "../../../lib/conformance/system";
import type { GatewayModel } from "../../../lib/model";

/** This version's compiler and filter, or an older one's, from a checkout with its packages. */
export interface Checkout {
  files(input: object, target: string, at: Addresses): { path: string; content: string }[];
  /** The filter as one file. */
  program(): Promise<string>;
}

interface Checked<T> {
  value?: T;
  diagnostics: Diagnostic[];
}

/** What is used of it, in the names that all versions have. */
interface Modules {
  checkModel(loaded: object): Checked<GatewayModel>;
  compile(model: GatewayModel, environment: string): Checked<{ files: { path: string; content: string }[] }>;
  placedModel(model: GatewayModel, at: Addresses): GatewayModel;
  bundle(entry: string): Promise<string>;
}

/** Where a module has stood, the newest place first. */
const PLACES: Readonly<Record<keyof Modules, readonly string[]>> = {
  checkModel: ["lib/model/index.ts"],
  compile: ["lib/targets/index.ts"],
  placedModel: ["lib/conformance/system.ts", "test/conformance/systems.ts"],
  bundle: ["test/parts/bundle.ts", "test/bench/parts/bundle.ts"],
};

export const OWN = path.join(__dirname, "../../..");

export async function checkout(folder: string): Promise<Checkout> {
  const found = async <K extends keyof Modules>(name: K): Promise<Modules[K]> => {
    const file = PLACES[name].map((place) => path.resolve(folder, place)).find((place) => existsSync(place));
    if (file === undefined) throw new Error(`${folder} has no ${PLACES[name].join(" or ")}.`);
    return ((await import(file)) as Modules)[name];
  };
  const [checkModel, compile] = [await found("checkModel"), await found("compile")];
  const [placedModel, bundle] = [await found("placedModel"), await found("bundle")];
  const good = <T>({ value, diagnostics }: Checked<T>): T => {
    if (!value || hasErrors(diagnostics)) throw new Error(JSON.stringify(diagnostics, null, 1));
    return value;
  };
  return {
    files(input, target, at) {
      const file = { file: "bench.ts" };
      const model = placedModel(good(checkModel({ ...file, value: input, locate: () => file })), at);
      return good(compile({ ...model, targets: [target] as GatewayModel["targets"] }, "production")).files;
    },
    program: () => bundle("bin/filter.ts"),
  };
}
