import { billOf, type Bill } from "../../lib/cost/bill";
import { FREE, PRICED } from "../../lib/cost/resources";
import { readUsage, type Usage } from "../../lib/cost/usage";
import { savingsOf } from "../../lib/cost/savings";
import { changed, presentBill, solutionsOf } from "../../lib/cost/variants";
import { loadModel, type GatewayModel } from "../../lib/model";
import type { Infrastructure } from "../../lib/model/infrastructure";

const model = loadModel("policies/serhafen.ts").value as GatewayModel;
const usage = readUsage().value?.["serhafen"]?.["production"] as Usage;
const wanted = { model, environment: "production", usage };
const before = presentBill(wanted);

const after = (change: (infrastructure: Infrastructure) => Infrastructure): Bill =>
  presentBill({ ...wanted, model: changed(model, "production", change) });

/** Lines that are not the same, by what they are of. */
function differences(a: Bill, b: Bill): string[] {
  const texts = ({ lines }: Bill): string[] => lines.map((line) => JSON.stringify(line));
  const [was, is] = [texts(a), texts(b)];
  const changed = [...was.filter((t) => !is.includes(t)), ...is.filter((t) => !was.includes(t))];
  return [...new Set(changed.map((text) => (JSON.parse(text) as { what: string }).what))].sort();
}

describe("resources", () => {
  test("each stands once, and none is without a price", () => {
    const ids = before.resources.map(({ stack, id }) => `${stack}/${id}`);
    expect(new Set(ids).size).toBe(ids.length);
    expect(before.resources.filter(({ state }) => state === "unpriced")).toEqual([]);
  });

  test("no type is both free and priced", () => {
    expect(Object.keys(PRICED).filter((type) => type in FREE)).toEqual([]);
  });

  test("a type that nobody knows, and a class without a price, are told", () => {
    const bill = after((i) => ({
      ...i,
      database: { engine: "postgres", class: "x2g.large", storageGiB: 50, multiAz: true, backupDays: 7 },
      cluster: { ...i.cluster, nodes: { ...i.cluster.nodes, instanceType: "p5.48xlarge" } },
    }));
    const whys = bill.resources.flatMap(({ state, why }) => (state === "unpriced" ? [why] : []));
    expect(whys).toEqual([
      'lib/cost/nodes.ts does not know "p5.48xlarge".',
      'lib/cost/prices.us-east-1.json has no "rds.postgres.multi-az.x2g.large".',
    ]);
  });

  test("pods that ask for more nodes than the group may have are told", () => {
    const bill = after((i) => ({ ...i, cluster: { ...i.cluster, nodes: { ...i.cluster.nodes, min: 3 } } }));
    expect(bill.resources.filter(({ state }) => state === "unpriced").map(({ why }) => why)).toEqual([
      "The pods ask for 5 × m7g.large, and the group has 3: write cluster.nodes.min: 5, or take a larger type.",
    ]);
  });
});

describe("a change of the model changes its own lines and no others", () => {
  test("a database in one zone", () => {
    const bill = after((i) => ({
      ...i,
      database: { ...(i.database as NonNullable<typeof i.database>), multiAz: false },
    }));
    expect(differences(before, bill)).toEqual([
      "Database's storage",
      "db.t4g.medium, postgres, in one zone",
      "db.t4g.medium, postgres, in two zones",
    ]);
  });

  test("another type of nodes", () => {
    const bill = after((i) => ({
      ...i,
      cluster: { ...i.cluster, nodes: { ...i.cluster.nodes, instanceType: "m7g.xlarge", min: 3 } },
    }));
    expect(differences(before, bill)).toEqual(["3 × m7g.xlarge", "5 × m7g.large", "Nodes' disks"]);
  });

  test("one more copy of the shared store: its nodes, and the alarms that look at each", () => {
    const bill = after((i) => ({ ...i, cache: { ...(i.cache as NonNullable<typeof i.cache>), replicas: 2 } }));
    expect(differences(before, bill)).toEqual(["2 × cache.t4g.small, valkey", "3 × cache.t4g.small, valkey", "Alarm"]);
  });

  test("more replicas: the nodes that take them, which the model must have", () => {
    const more = { ...usage, workloads: { ...usage.workloads } };
    more.workloads["keycloak"] = { ...(usage.workloads["keycloak"] as Usage["workloads"][string]), replicas: 8 };
    const bill = presentBill({ ...wanted, usage: more });
    expect(bill.resources.filter(({ state }) => state === "unpriced").map(({ why }) => why)).toEqual([
      "The pods ask for 7 × m7g.large, and the group has 5: write cluster.nodes.min: 7, or take a larger type.",
    ]);
    const larger = changed(model, "production", (i) => ({
      ...i,
      cluster: { ...i.cluster, nodes: { ...i.cluster.nodes, min: 7 } },
    }));
    expect(differences(before, presentBill({ ...wanted, model: larger, usage: more }))).toEqual([
      "5 × m7g.large",
      "7 × m7g.large",
      "Nodes' disks",
    ]);
  });

  test("one NAT gateway", () => {
    const bill = after((i) => ({ ...i, network: { ...i.network, natGateways: 1 } }));
    expect(differences(before, bill)).toEqual(["NAT gateway", "Public IPv4"]);
  });
});

test("Auto Mode has nodes that no template names, and its own fee", () => {
  const bill = after((i) => ({ ...i, cluster: { ...i.cluster, compute: "auto" } }));
  const nodes = bill.lines.filter(({ group }) => group === "nodes").map(({ what }) => what);
  expect(nodes).toEqual(["5 × m7g.large", "Auto Mode for 5 × m7g.large", "Nodes' disks"]);
});

test("Shield Advanced is paid once, whatever it protects", () => {
  const bill = after((i) => ({ ...i, edge: { ...i.edge, shieldAdvanced: true } }));
  const shields = bill.lines.filter(({ what }) => what === "Shield Advanced");
  expect(shields.reduce((sum, { usd }) => sum + usd, 0)).toBe(3_000);
});

test("an interface endpoint is paid for in each zone", () => {
  const bill = after((i) => ({ ...i, network: { ...i.network, interfaceEndpoints: ["ecr.api"] } }));
  expect(bill.lines.find(({ what }) => what === "Interface endpoint")?.usd).toBe(21.9);
});

test("three solutions differ by what runs in the cluster alone", () => {
  const solutions = solutionsOf(wanted);
  expect(solutions.map(({ name }) => name)).toEqual(["Node gateway", "Kong, without a database", "Istio"]);
  const [node, , mesh] = solutions.map(({ bill }) => bill);
  expect(differences(node as Bill, mesh as Bill)).toEqual(["4 × m7g.large", "5 × m7g.large", "Nodes' disks"]);
  expect(mesh?.total).toBe(before.total);
});

test("what all savings leave is what their model costs", () => {
  const { savings, bill } = savingsOf(wanted);
  const saved = savings.reduce((sum, { usd }) => sum + usd, 0);
  expect(before.total - saved).toBeCloseTo(bill.total, 6);
});

test("the same model costs the same twice", () => {
  expect(billOf(wanted)).toEqual(billOf(wanted));
});

/**
 * The parts of Serhafen's production, written down by hand with the prices of a list that was collected apart from
 * lib/cost: list prices of us-east-1, hours of 730. What uses are is in policies/usage.yaml.
 */
test("the total is within 1 % of what another list of prices gives for the same parts", () => {
  const million = 365 / 12;
  // Half of the requests come through CloudFront, and half of those are for static files: those are its own.
  const asked = million * 0.75;
  const gib = (bytes: number, requests = asked): number => (requests * 1e6 * bytes) / 1024 ** 3;
  const parts = [
    73, // EKS
    5 * 0.0816 * 730 + 5 * 50 * 0.08, // m7g.large, disks
    2 * 0.065 * 730 + 50 * 0.23, // db.t4g.medium in two zones as twice one, gp3 in two zones
    2 * 0.0256 * 730, // Valkey t4g.small
    3 * 0.073 * 730 + 3 * 0.036 * 730 + 60 * 0.122, // OpenSearch, masters, disks
    3 * (32.85 + 3.65) + 30 * 0.045, // NAT, its addresses, what goes through
    2 * 16.43 + 0.9 + 3 * 3.65, // ALBs for the public and for CloudFront, their units, the first one's addresses
    2 * (5 + 5) + million * 0.6, // two ACLs of five rules, each of which sees half
    million / 2 + gib(3_300, million / 2) * 0.085 + (million / 4) * 0.1, // CloudFront: requests, transfer, function
    gib(3_300, million / 2) * 0.09 + gib(5_000) * 2 * (2 / 3) * 2 * 0.01, // to the internet, between zones
    (5 + gib(150)) * (0.5 + 3 * 0.03) + gib(1_200, million) * 0.53 + 14 * 0.1, // logs, alarms
    4 * 1 + 2 * 0.4, // keys, secrets
    (1 + 3 * gib(600, asked + million / 2)) * 0.023 + 0.5 + 1.7, // S3, zone, messages
  ];
  const byHand = parts.reduce((a, b) => a + b, 0);
  expect(Math.abs(before.total / byHand - 1)).toBeLessThan(0.01);
});
