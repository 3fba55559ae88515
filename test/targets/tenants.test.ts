import { checkModel } from "../../lib/model";
import { compile } from "../../lib/targets";
import mmr from "../../policies/mmr";

/** What hosts of tenants cost: a table, not copies. */

function sizesWith(count: number): Record<string, number> {
  const tenants = Object.fromEntries(Array.from({ length: count }, (_, i) => [`tenant-${String(i)}`, i + 1]));
  const value = { ...mmr, hosts: { ...mmr.hosts, "*.mmr.com": { tenants } } };
  const at = { file: "policies/mmr.ts" };
  const { value: model } = checkModel({ ...at, value, locate: () => at });
  const files = model && compile(model, "production").value?.files;
  return Object.fromEntries((files ?? []).map(({ path, content }) => [path, Buffer.byteLength(content)]));
}

test("five thousand tenants leave every file within what Kubernetes takes, and nginx.conf below 300 KiB", () => {
  const [few, many] = [sizesWith(5), sizesWith(5_000)];
  expect(Object.keys(many).length).toBeGreaterThan(10);
  expect(Object.entries(many).filter(([, bytes]) => bytes > 900 * 1024)).toEqual([]);
  expect(many["nginx/mmr/production/nginx.conf"]).toBeLessThan(300 * 1024);
  // Routes are not multiplied by them: no more than their name and what it takes to say whose it is.
  const added = Object.entries(many).map(([path, bytes]) => [path, bytes - (few[path] ?? 0)] as const);
  expect(added.filter(([, bytes]) => bytes > 5_000 * 80)).toEqual([]);
  expect(many["istio/mmr/production/routes.yaml"]).toBe(few["istio/mmr/production/routes.yaml"]);
});
