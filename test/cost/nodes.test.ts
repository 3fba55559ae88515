import fc from "fast-check";
import { INSTANCES, nodesFor, type Instance } from "../../lib/cost/nodes";
import { cpu, memory, podsOf, type Pods } from "../../lib/cost/pods";

const large = INSTANCES["m7g.large"] as Instance;
const pod = (cpu: number, memory: number, replicas = 1): Pods => ({ name: "p", replicas, cpu, memory, inMesh: false });

test("quantities are Kubernetes'", () => {
  expect(["250m", "2", "0.5"].map((text) => cpu.parse(text))).toEqual([0.25, 2, 0.5]);
  expect(["512Mi", "2Gi"].map((text) => memory.parse(text))).toEqual([0.5, 2]);
  for (const wrong of ["", "1k", "-1", "250 m", "250x"]) expect(cpu.safeParse(wrong).success).toBe(false);
  for (const wrong of ["", "512", "1GB", "-1Gi"]) expect(memory.safeParse(wrong).success).toBe(false);
});

test("what EKS keeps for itself is no room for pods", () => {
  expect(nodesFor([pod(1.7, 1)], large)).toBe(1);
  expect(nodesFor([pod(1.9, 1)], large)).toBeUndefined();
  expect(nodesFor([pod(0.1, 7.9)], large)).toBeUndefined();
});

test("a node has so many addresses for pods", () => {
  expect(nodesFor([pod(0.001, 0.001, 25)], large)).toBe(1);
  expect(nodesFor([pod(0.001, 0.001, 26)], large)).toBe(2);
});

test("nodes are never fewer than the sum of requests asks for, and more pods never need fewer", () => {
  const some = fc.array(
    fc.record({
      cpu: fc.double({ min: 0.01, max: 1.7, noNaN: true }),
      memory: fc.double({ min: 0.01, max: 6, noNaN: true }),
    }),
    { minLength: 1, maxLength: 30 },
  );
  fc.assert(
    fc.property(some, fc.integer({ min: 1, max: 4 }), (all, replicas) => {
      const pods = all.map(({ cpu, memory }) => pod(cpu, memory, replicas));
      const nodes = nodesFor(pods, large) as number;
      const cpu = pods.reduce((sum, p) => sum + p.cpu * p.replicas, 0);
      return nodes >= cpu / 2 && nodes <= pods.length * replicas;
    }),
  );
});

test("a workload that does not say what it asks for has no price", () => {
  const content = `
apiVersion: apps/v1
kind: Deployment
metadata: { name: silent }
spec: { replicas: 2, template: { metadata: { labels: {} }, spec: { containers: [{ name: a }] } } }
`;
  expect(() => podsOf({ path: "a.yaml", content })).toThrow("resources");
  expect(() => podsOf({ path: "b.yaml", content: "kind: DaemonSet\nmetadata: { name: d }\n" })).toThrow("kind");
});
