import { loadAll } from "js-yaml";
import { z } from "zod";
import type { OutputFile } from "../targets";

/** Pods that ask for the same, and how many there are. */
export interface Pods {
  name: string;
  replicas: number;
  /** Requests of one pod: CPUs, and GiB. */
  cpu: number;
  memory: number;
  inMesh: boolean;
}

/** CPUs of a Kubernetes quantity: `250m`, `1`, `0.5`. */
export const cpu = z
  .string()
  .regex(/^\d+(\.\d+)?m?$/, "write an amount of CPU, such as 250m or 1")
  .transform((text) => (text.endsWith("m") ? Number(text.slice(0, -1)) / 1000 : Number(text)));

/** GiB of a Kubernetes quantity: `256Mi`, `1Gi`. */
export const memory = z
  .string()
  .regex(/^\d+(\.\d+)?(Mi|Gi)$/, "write an amount of memory, such as 256Mi or 1Gi")
  .transform((text) => Number(text.slice(0, -2)) / (text.endsWith("Mi") ? 1024 : 1));

/** Those parts of a workload's manifest that a bill depends on. */
const controller = z.object({
  kind: z.enum(["Deployment", "StatefulSet"]),
  metadata: z.object({ name: z.string() }),
  spec: z.object({
    replicas: z.int(),
    template: z.object({
      metadata: z.object({ labels: z.record(z.string(), z.string()) }),
      spec: z.object({
        containers: z.array(z.object({ resources: z.object({ requests: z.object({ cpu, memory }) }) })),
      }),
    }),
  }),
});

const RUNS_PODS = ["Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob", "Pod", "ReplicaSet"];

/** Pods of a manifest; throws where one does not say what it asks for, since nobody could say what it costs. */
export function podsOf({ content }: OutputFile): Pods[] {
  const objects = loadAll(content) as ({ kind?: string } | null)[];
  return objects
    .filter((object) => RUNS_PODS.includes(object?.kind ?? ""))
    .map((object) => {
      const { metadata, spec } = controller.parse(object);
      const requests = spec.template.spec.containers.map((c) => c.resources.requests);
      return {
        name: metadata.name,
        replicas: spec.replicas,
        cpu: requests.reduce((sum, r) => sum + r.cpu, 0),
        memory: requests.reduce((sum, r) => sum + r.memory, 0),
        inMesh: spec.template.metadata.labels["sidecar.istio.io/inject"] === "true",
      };
    });
}
