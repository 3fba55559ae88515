import { parseArgs } from "node:util";
import { runDrill, type Drill, type Outcome } from "./drill";
import { addressDrills } from "./addresses";
import { auditDrills } from "./audit";
import { changingKeyDrills } from "./changing-keys";
import { breakerDrills } from "./breakers";
import { cacheDrills } from "./cache-fuzz";
import { coldStartDrills } from "./cold-start";
import { floodDrills } from "./flood";
import { flowDrills } from "./flow";
import { grpcDrills } from "./grpc";
import { keyServerDrills } from "./key-server";
import { keycloakDrills } from "./keycloak";
import { loadDrills } from "./load-run";
import { oneCallerDrills } from "./one-caller";
import { neverEndingDrills } from "./never-ending";
import { overloadDrills } from "./overload";
import { proxyDrills } from "./proxy";
import { reloadDrills } from "./reload";
import { rolloutGateDrills } from "./rollout-gate";
import { rolloutDrills } from "./rollout";
import { rotationDrills } from "./rotation";
import { secondCheckDrills } from "./second-check";
import { secretsDrills } from "./secrets";
import { shutdownDrills } from "./shutdown";
import { storeAwayDrills } from "./store-away";
import { storeClusterDrills } from "./store-cluster";
import { storeIllDrills } from "./store-ill";

/**
 * Failure drills: real parts are broken under a running filter. A number is the kind of failure; several drills may have
 * one. Use: npm run drills [-- --name TEXT] [--slow]; KEEP=1 keeps logs and configuration.
 */
const DRILLS: readonly Drill[] = [
  ...keyServerDrills,
  ...rotationDrills,
  ...coldStartDrills,
  ...storeAwayDrills,
  ...storeIllDrills,
  ...storeClusterDrills,
  ...secretsDrills,
  ...changingKeyDrills,
  ...overloadDrills,
  ...oneCallerDrills,
  ...neverEndingDrills,
  ...flowDrills,
  ...grpcDrills,
  ...secondCheckDrills,
  ...shutdownDrills,
  ...floodDrills,
  ...auditDrills,
  ...reloadDrills,
  ...proxyDrills,
  ...addressDrills,
  ...rolloutDrills,
  ...rolloutGateDrills,
  ...breakerDrills,
  ...cacheDrills,
  ...loadDrills,
  ...keycloakDrills,
];

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { name: { type: "string", multiple: true }, slow: { type: "boolean", default: false } },
  });
  const names = values.name;
  const chosen = DRILLS.filter((d) => names === undefined || names.some((n) => d.name.includes(n)));
  const counts: Record<Outcome, number> = { ok: 0, FAILED: 0, skipped: 0 };
  for (const drill of chosen) {
    if (drill.slow && !values.slow) {
      counts.skipped += 1;
      process.stdout.write(`skipped ${drill.name}: it is slow, and --slow was not given\n`);
      continue;
    }
    const { outcome, lines } = await runDrill(drill);
    counts[outcome] += 1;
    process.stdout.write(`${lines.join("\n")}\n`);
  }
  process.stdout.write(
    `${String(counts.ok)} passed, ${String(counts.FAILED)} failed, ${String(counts.skipped)} skipped\n`,
  );
  process.exitCode = counts.FAILED > 0 || chosen.length === 0 ? 1 : 0;
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exit(2);
});
