import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { load } from "js-yaml";
import { synthesize } from "../../lib/cdk8s";
import { goodModel, small } from "../support";

/** Folders that are applied whole, by what is committed. */

interface Kustomization {
  resources?: string[];
  commonAnnotations?: Record<string, string>;
}

const KUSTOMIZATION = "kustomization.yaml";

const folders = ["kubernetes", "istio", "gateway-api", "nginx"]
  .flatMap((root) => readdirSync(root, { withFileTypes: true, recursive: true }))
  .filter((entry) => entry.isFile() && entry.name.endsWith(".yaml"))
  .map(({ parentPath }) => parentPath)
  .filter((folder, i, all) => all.indexOf(folder) === i && !folder.endsWith("dashboards"));

const kustomizationOf = (folder: string): Kustomization =>
  load(readFileSync(path.join(folder, KUSTOMIZATION), "utf8")) as Kustomization;

test("there are folders to look at", () => {
  expect(folders.length).toBeGreaterThan(20);
});

test.each(folders)("%s names all objects beside it, and what it takes along is there", (folder) => {
  const { resources = [] } = kustomizationOf(folder);
  const objects = readdirSync(folder)
    .filter((name) => name.endsWith(".yaml") && name !== KUSTOMIZATION)
    .filter((name) => /^kind: /m.test(readFileSync(path.join(folder, name), "utf8")));
  expect(resources.filter((name) => !name.includes("/")).sort()).toEqual(objects.sort());
  for (const other of resources.filter((name) => name.includes("/")))
    expect(existsSync(path.join(folder, other, KUSTOMIZATION))).toBe(true);
});

test("what a proxy reads comes after the filter, with it", () => {
  expect(kustomizationOf("istio/serhafen/production").commonAnnotations).toEqual({
    "argocd.argoproj.io/sync-wave": "1",
  });
  expect(kustomizationOf("kubernetes/serhafen/production/istio").resources).toContain(
    "../../../../istio/serhafen/production",
  );
  expect(kustomizationOf("kubernetes/serhafen/production/istio").commonAnnotations).toBeUndefined();
});

describe("the namespace", () => {
  const files = (namespace: string): string[] =>
    synthesize(
      goodModel(small({ targets: ["node-gateway"], environments: ["production"], kubernetes: { namespace } })),
      "production",
    ).map((file) => file.path);
  const file = "kubernetes/shop/production/node-gateway/namespace.yaml";

  test("is made", () => {
    expect(files("shops")).toContain(file);
  });

  test("is not where each cluster has it", () => {
    expect(files("default")).not.toContain(file);
  });

  test("is not where the stacks' objects have it", () => {
    expect(existsSync("kubernetes/serhafen/production/node-gateway/namespace.yaml")).toBe(false);
    expect(readFileSync("kubernetes/serhafen/production/aws/aws.yaml", "utf8")).toMatch(/^kind: Namespace$/m);
  });
});
