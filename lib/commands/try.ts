import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Identities } from "../conformance/identities";
import { STANDS } from "../conformance/stands";
import { RealStand } from "../conformance/stands/real-stand";
import { systemIn } from "../conformance/system";
import { hasErrors } from "../diagnostics";
import { report, selected, UsageError, type Context } from "./context";
import { compileAll } from "./load";
import { modelFiles } from "./models";
import { systemsOf } from "./own-systems";

/** Tokens by the names that cases have for them: they end soon, so they are made when they are asked for. */
async function startTokens(identities: Identities): Promise<{ port: number; stop(): void }> {
  const server = createServer((request, response) => {
    try {
      identities.forget();
      response.end(identities.token(decodeURIComponent((request.url ?? "").slice(1))));
    } catch (error) {
      response.writeHead(404).end(`${(error as Error).message}\n`);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    stop: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** `try` on the command line: one system on a real gateway, with services that echo, until it is stopped. */
export async function tryCommand(context: Context): Promise<number> {
  const { values, output } = context;
  const { compiled, diagnostics } = compileAll(modelFiles(context.args), { plansOnly: true });
  if (hasErrors(diagnostics)) return report(context, diagnostics);
  const first = compiled.some((c) => c.gateway.environment === "production")
    ? "production"
    : compiled[0]?.gateway.environment;
  const [chosen, another] = selected(compiled, values.system, values.environment ?? first);
  if (!chosen || another) throw new UsageError("Name one model, or one system by --system.");
  const { model, gateway } = chosen;
  const here = model.targets.filter((name) => name in STANDS);
  const target = values.target?.[0] ?? here[0];
  if (target === undefined || target === "decide" || !here.includes(target))
    throw new UsageError(
      `${model.name} has no target "${target ?? model.targets.join(", ")}" that runs here; there are ${here.join(", ") || "none"} (nginx and node-gateway do).`,
    );
  const system = systemsOf(context, [model]).get(model.name);
  if (!system) throw new Error(`${model.name} is no system.`);
  const stand = await STANDS[target]?.({
    system: systemIn(system, gateway.environment),
    environment: gateway.environment,
    replicas: 1,
  });
  if (!(stand instanceof RealStand)) throw new UsageError((stand as { unavailable: string }).unavailable);
  const stopped = new Promise((resolve) => {
    process.once("SIGTERM", resolve);
    process.once("SIGINT", resolve);
  });
  const tokens = await startTokens(stand.identities);
  try {
    output.out(guide(stand, tokens.port));
    await stopped;
  } finally {
    tokens.stop();
    await stand.stop();
  }
  return 0;
}

/** What to type. */
function guide({ target, system: { name, model, identities }, instances }: RealStand, tokens: number): string {
  const { https = 0, http = 0 } = instances[0] ?? {};
  const tls = model.front.tls === "gateway";
  const hosts = Object.keys(model.hosts);
  const host = hosts.find((h) => !h.startsWith("*")) ?? `any${(hosts[0] ?? "*.localhost").slice(1)}`;
  const url = `${tls ? "https" : "http"}://${host}:${String(https)}`;
  const resolve = hosts.map(
    (h) => `--resolve ${h.startsWith("*") ? `any${h.slice(1)}` : h}:${String(https)}:127.0.0.1`,
  );
  const names = Object.keys(identities.identities);
  const token = names[0];
  const lines = [
    `${name} on ${target}: ${tls ? "https" : "http"} on 127.0.0.1:${String(https)}, http on ${String(http)}; hosts ${hosts.join(", ")}`,
    "Every service answers with what it was asked. Stop with Ctrl-C.",
    "",
    `  gw() { path=$1; shift; curl -is${tls ? "k" : ""} -w "\\n" ${resolve.join(" ")} "$@" "${url}$path"; }`,
    "  gw /",
    ...(token === undefined
      ? []
      : [
          `  token() { curl -s "http://127.0.0.1:${String(tokens)}/$1"; }   # ${names.join(", ")}; defects as in cases: ${token}!expired`,
          `  gw / -H "Authorization: Bearer $(token ${token})"`,
        ]),
  ];
  return `${lines.join("\n")}\n`;
}
