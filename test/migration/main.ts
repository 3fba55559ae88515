import { writeFileSync } from "node:fs";
import path from "node:path";
import { wheels } from "../../lib/conformance/parts/wheels";
import type { RealStand } from "../../lib/conformance/stands/real-stand";
import { toWire } from "../../lib/conformance/wire";
import { isApart, networkToBeHad, runApart, writeResults } from "../conformance/apart";
import { goTool } from "../parts/go-tools";
import { lacksIngressNginx } from "../parts/ingress-nginx";
import { lacksTraefik } from "../parts/traefik";
import { hostOf, readEntries, type Ask, type Entry } from "./entries";
import { withGateways, type Gateways } from "./stand";

/**
 * The same Ingresses on ingress-nginx' controller, on Traefik and, imported, on nginx, asked the same: docs/ingress-nginx.md has what each
 * says. Fails where one differs without a reason, or a reason is there without a difference.
 */

const PAGE = path.join(__dirname, "../../docs/ingress-nginx.md");

interface Row {
  entry: string;
  request: string;
  controller: string;
  traefik: string;
  ours: string;
}

/** What came of it, in one line. */
async function ask(
  stand: RealStand,
  one: Entry,
  { times, counts: isCounted, services, show, hears, ...given }: Ask,
): Promise<string> {
  const { ours: _, traefik: __, ...request } = given;
  const { around } = stand;
  around.services.begin(services);
  await around.echoes.apply();
  const spec = {
    ...request,
    scheme: given.scheme ?? (one.tls ? ("https" as const) : ("http" as const)),
    host: given.host ?? hostOf(one),
  };
  const from = stand.services.seen.length;
  const answers = await Promise.all(
    Array.from({ length: times }, async () => {
      const opened = await stand.send(toWire(spec, stand.identities, 1), 0).catch(() => undefined);
      opened?.socket.destroy();
      return opened?.answer;
    }),
  );
  const isAsked = ({ service }: { service: string }): boolean => service !== "auth" || !("auth-url" in one.annotations);
  const seen = stand.services.seen.slice(from).filter(isAsked);
  const [answer] = answers;
  if (!answer) return "no answer";
  if (times > 1) {
    const counts = new Map<number, number>();
    for (const a of answers) counts.set(a?.status ?? 0, (counts.get(a?.status ?? 0) ?? 0) + 1);
    const words = [...counts]
      .sort(([a], [b]) => a - b)
      .map(([status, n]) => (isCounted ? `${String(n)} × ${String(status)}` : `some ${String(status)}`));
    const reached = [...new Set(seen.map(({ service }) => service))].join(", ");
    return [words.join(", "), ...(reached === "" ? [] : [reached])].join(" by ");
  }
  const valueOf = (headers: readonly (readonly [string, string])[], name: string): string =>
    headers
      .filter(([n]) => n.toLowerCase() === name)
      .map(([, value]) => value)
      .join(" and ") || "none";
  // Ports of the run say nothing.
  const shown = show.map((name) => `${name}: ${valueOf(answer.headers, name).replace(/:\d{4,5}(?=\/)/, "")}`);
  const last = seen.at(-1);
  const heard = last ? hears.map((name) => `hears ${name}: ${valueOf(last.headers, name)}`) : [];
  const reached = seen.map(({ service, path: target }) => `${service} ${target}`).join(", then ");
  return [`${String(answer.status)}${reached === "" ? "" : ` by ${reached}`}`, ...shown, ...heard].join("; ");
}

const wordsOf = (
  one: Entry,
  { method, path: target, host, headers, scheme, times, body, services, websocket }: Ask,
): string => {
  const more = [
    ...(scheme === undefined || scheme === (one.tls ? "https" : "http") ? [] : [`by ${scheme}`]),
    ...(host === undefined ? [] : [`to ${host}`]),
    ...Object.entries(headers).map(([name, value]) => `${name}: ${String(value)}`),
    ...(websocket ? ["WebSocket"] : []),
    ...(typeof body === "object" && body.bytes !== undefined
      ? [`${String(body.bytes)} bytes${body.chunked === true ? ", chunked" : ""}`]
      : []),
    ...Object.entries(services).map(([name, { down, respond = [] }]) => {
      const answers = respond.map((item) =>
        typeof item === "number"
          ? String(item)
          : item.delay > 0
            ? `after ${String(item.delay)} s`
            : String(item.status),
      );
      return `${name} ${down ? "is down" : `answers ${answers.join(", then ")}`}`;
    }),
    ...(times > 1 ? [`${String(times)} at once`] : []),
  ];
  return [`${method} ${target}`, ...more].join(", ");
};

async function rowsOf(entries: readonly Entry[], { controller, traefik, ours }: Gateways): Promise<Row[]> {
  const rows: Row[] = [];
  for (const one of entries)
    for (const asked of one.ask) {
      const request = wordsOf(one, asked);
      const [first, second, third] = [
        await ask(controller, one, asked),
        await ask(traefik, one, asked),
        await ask(ours, one, asked),
      ];
      rows.push({ entry: one.name, request, controller: first, traefik: second, ours: third });
    }
  return rows;
}

function problemsOf(rows: readonly Row[], entries: readonly Entry[], why: Readonly<Record<string, string>>): string[] {
  const asks = entries.flatMap((one) => one.ask.map((asked) => ({ one, asked })));
  return asks.flatMap(({ one, asked }, i) => {
    const row = rows[i] as Row;
    return (["ours", "traefik"] as const).flatMap((column) => {
      const reason = asked[column];
      const at = `${one.name}: ${row.request}`;
      if (reason !== undefined && !(reason in why)) return [`${at}: there is no reason "${reason}"`];
      if (row[column] === row.controller) return reason === undefined ? [] : [`${at}: ${column} does not differ`];
      return reason !== undefined ? [] : [`${at}: ${column} says ${row[column]}, the controller ${row.controller}`];
    });
  });
}

const cell = (text: string): string => text.replace(/\|/g, "\\|");

function page(rows: readonly Row[], entries: readonly Entry[], why: Readonly<Record<string, string>>): string {
  let at = 0;
  const tables = entries.flatMap((one) => [
    `### ${one.name}`,
    "",
    ...[{ annotations: one.annotations, service: undefined }, ...one.more].map(({ annotations, service }) => {
      const words = Object.entries(annotations).map(([name, value]) => `\`${name}: ${value}\``);
      return `${service === undefined ? "" : `Beside it, to ${service}: `}${words.join(", ") || "No annotation"}${one.tls && service === undefined ? ", with TLS" : ""}.`;
    }),
    "",
    "| request | ingress-nginx 1.11 | Traefik 3.7 | imported, on nginx |",
    "| --- | --- | --- | --- |",
    ...one.ask.map((asked) => {
      const { request, controller, traefik, ours } = rows[at++] as Row;
      const word = (text: string, reason: string | undefined): string =>
        reason === undefined ? "the same" : `${cell(text)} ([${reason}](#${reason}))`;
      return `| ${cell(request)} | ${cell(controller)} | ${word(traefik, asked.traefik)} | ${word(ours, asked.ours)} |`;
    }),
    "",
  ]);
  return [
    "# Ingresses of ingress-nginx elsewhere",
    "",
    "Written by `npm run migration`: the same Ingresses on ingress-nginx' real controller, on Traefik's `kubernetesIngressNGINX` provider, and on nginx as compiled from what `gatewright import` makes of them; the same",
    "requests to all three. A difference that has no reason here fails the run. Not asked: `affinity`, `upstream-hash-by` and `auth-signin`, for which Debian's nginx has no modules; client certificates, ModSecurity, and services that",
    "are called by TLS or gRPC.",
    "",
    "## Why they differ",
    "",
    ...Object.entries(why).flatMap(([name, text]) => [`<a id="${name}"></a>**${name}**: ${text}`, ""]),
    "## What each says",
    "",
    ...tables,
  ].join("\n");
}

async function main(): Promise<void> {
  const { ingresses, why } = readEntries();
  if (isApart()) {
    writeResults(await withGateways(ingresses, (gateways) => rowsOf(ingresses, gateways)));
    process.exit(0);
  }
  const programs = await wheels();
  const lacks =
    (await lacksIngressNginx()) ??
    (await lacksTraefik()) ??
    (programs && (await goTool("kube-apiserver")) !== undefined && (await networkToBeHad())
      ? undefined
      : "a part cannot be had");
  if (lacks !== undefined) {
    process.stdout.write(`${lacks}\n0 passed, 0 failed, 1 skipped\n`);
    return;
  }
  const rows = await runApart<Row>([]);
  const used = new Set(ingresses.flatMap((one) => one.ask.flatMap(({ ours, traefik }) => [ours, traefik])));
  const idle = Object.keys(why).filter((reason) => !used.has(reason));
  const problems = [
    ...problemsOf(rows, ingresses, why),
    ...idle.map((reason) => `nothing differs by the reason "${reason}"`),
  ];
  if (problems.length === 0) writeFileSync(PAGE, page(rows, ingresses, why));
  for (const problem of problems) process.stdout.write(`FAIL ${problem}\n`);
  process.stdout.write(
    `${String(2 * rows.length - problems.length)} passed, ${String(problems.length)} failed, 0 skipped\n`,
  );
  process.exitCode = problems.length > 0 ? 1 : 0;
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exit(2);
});
