import { startKeyServer } from "../../lib/conformance/parts/key-server";
import { RECOVERY_MS } from "./bounds";
import type { Drill } from "./drill";
import { compiledFiles, FilterProcess, planOf } from "./filter-process";
import { Issuer } from "./issuer";
import { startLoad } from "./load";
import { METRICS } from "./metrics";
import { questionBytes } from "./question";
import { sleep, timeUntil } from "./wait";

const badPlan: Drill = {
  name: "35 a bad plan is not taken, a good one is",
  async run(run) {
    const issuer = new Issuer();
    const keys = await startKeyServer(issuer.keySet);
    run.after(() => keys.stop());
    const keysUrl = `http://127.0.0.1:${String(keys.port)}/keys`;
    const plan = planOf(compiledFiles({ keysUrl }));
    const filter = await FilterProcess.start({ directory: run.directory, plan });
    run.after(() => filter.stop());
    const token = issuer.token();
    const load = startLoad({ connections: 4, port: () => filter.port, next: () => questionBytes({ token }) });
    const reload = async (text: string): Promise<void> => {
      filter.take(text);
      await sleep(500);
    };
    const value = JSON.parse(plan) as { hosts: object[] };
    const bad: Record<string, string> = {
      "half a plan": plan.slice(0, plan.length >> 1),
      "an empty file": "",
      "another format": JSON.stringify({ ...value, formatVersion: 99 }),
      "no hosts": JSON.stringify({ ...value, hosts: undefined }),
      "a policy that nobody knows": plan.replaceAll('"jwt": [', '"jwtt": ['),
    };
    let refused = 0;
    for (const [what, text] of Object.entries(bad)) {
      await reload(text);
      if (!filter.part.running()) {
        run.check(`${what}: it is still there`, false, "SIGHUP has ended it");
        break;
      }
      refused += 1;
      const said = [await filter.ask({ token }), await filter.ask({}), await filter.ask({ route: "open" })];
      run.equal(
        `${what}: the old plan holds`,
        said.map((s) => s.verdict),
        [200, 401, 200],
      );
      const failed = (await filter.metrics()).sum(METRICS.planReloads, { outcome: "failed" });
      run.equal(`${what}: counted`, failed, refused);
      run.equal(`${what}: ready`, await filter.ready(), true);
    }
    // The same model with one route opened.
    const good = planOf(
      compiledFiles({
        keysUrl,
        change: (model) => ({
          ...model,
          routes: model.routes.map((r) => (r.name === "tenant" ? { ...r, policies: { jwt: null, tenant: null } } : r)),
        }),
      }),
    );
    await reload(good);
    const taken = await timeUntil(async () => (await filter.ask({ route: "tenant" })).verdict === 200, RECOVERY_MS);
    run.atMost("ms until the good plan holds", taken, RECOVERY_MS);
    const { statuses, failures, requests } = await load.stop();
    run.equal("calls meanwhile", [statuses, failures], [{ "200": requests }, {}]);
    if (!filter.part.running()) return;
    run.equal("good reload counted", (await filter.metrics()).sum(METRICS.planReloads, { outcome: "ok" }), 1);
    run.prompt("afterwards", await filter.askMany(20, { token }));
  },
};

export const reloadDrills: readonly Drill[] = [badPlan];
