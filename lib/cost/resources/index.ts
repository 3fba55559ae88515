import { standing, used, type Item } from "../lines";
import { CLUSTER } from "./cluster";
import { DATA } from "./data";
import { EDGE } from "./edge";
import { logsOf, LOGS } from "./logs";
import { GIB, type Priced, type Surroundings } from "./resource";

/** What has a price, by type of resource. */
export const PRICED: Readonly<Record<string, Priced>> = { ...CLUSTER, ...DATA, ...EDGE, ...LOGS };

/** Of three zones that pods stand in, a call leaves its own two times of three, and both of the two pay. */
const BETWEEN_ZONES = (2 / 3) * 2;

/** What no resource of a template stands for. */
export function besideTemplates({ usage, traffic, count }: Surroundings): { from: string; items: Item[] }[] {
  const carried = (traffic.balancer * usage.hops * (usage.requestBytes + usage.answerBytes)) / GIB;
  const podLogs =
    count("AWS::OpenSearchService::Domain") > 0 ? 0 : (traffic.balancer * usage.podLogBytesPerRequest) / GIB;
  return [
    {
      from: "pods",
      items: [
        used("network", "Transfer between zones", carried * BETWEEN_ZONES, "transfer.inter-az"),
        ...logsOf("Pods' lines", podLogs),
      ],
    },
    { from: "Route 53", items: [standing("edge", "Hosted zone", 1, "route53.zone")] },
  ];
}

export { FREE } from "./free";
export { Unpriced, type Resource, type Surroundings } from "./resource";
export { ANY, beyond } from "./priced-properties";
