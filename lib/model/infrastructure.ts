import { z } from "zod";
import { cidr, hostname, name, unique } from "../policy/values";

/** What a system needs of AWS in one environment. Every default is that of production. */

const instanceType = z.string().regex(/^[a-z][a-z0-9-]*\.[a-z0-9]+$/, "write a type, such as m7g.large");
const databaseClass = z.string().regex(/^[a-z][a-z0-9-]*\.[a-z0-9]+$/, "write a class without db., such as m7g.large");
const nodeType = z.string().regex(/^cache\.[a-z][a-z0-9-]*\.[a-z0-9]+$/, "write a node type, such as cache.m7g.large");
const searchType = z.string().regex(/^[a-z][a-z0-9-]*\.[a-z0-9]+\.search$/, "write a type, such as m7g.large.search");
const principal = z.string().regex(/^[\w+=,.@/-]{1,128}$/, "write the name of an IAM role of this account");
/** CloudWatch keeps logs for one of these. */
const logDays = z.literal([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 3653]);
const gibibytes = z.int().min(1).max(65_536);

/** Three zones of 8,192 addresses for pods, and smaller ones beside them, need as much. */
const ownCidr = cidr.refine((text) => text.endsWith("/16"), "write a network of /16: AWS makes no larger one");

/** SQS takes 80 characters of a queue's name, which begins with the environment's. */
const topics = z
  .array(name.max(50).refine((topic) => topic !== "alarms", "alarms have a topic of their own"))
  .refine(unique, "name each topic once");

/** Regions that every account has, and those that it may switch on: none of China's or a government's. */
const REGIONS = [
  ...(["af-south-1", "ap-east-1", "ap-east-2", "ap-northeast-1", "ap-northeast-2", "ap-northeast-3"] as const),
  ...(["ap-south-1", "ap-south-2", "ap-southeast-1", "ap-southeast-2", "ap-southeast-3", "ap-southeast-4"] as const),
  ...(["ap-southeast-5", "ap-southeast-7", "ca-central-1", "ca-west-1", "eu-central-1", "eu-central-2"] as const),
  ...(["eu-north-1", "eu-south-1", "eu-south-2", "eu-west-1", "eu-west-2", "eu-west-3", "il-central-1"] as const),
  ...(["me-central-1", "me-south-1", "mx-central-1", "sa-east-1"] as const),
  ...(["us-east-1", "us-east-2", "us-west-1", "us-west-2"] as const),
] as const;

const network = z.strictObject({
  cidr: ownCidr.default("10.0.0.0/16"),
  /** NAT gateways: one for each zone keeps calls out of a zone that fails; one for all is cheaper. */
  natGateways: z.int().min(1).max(3).default(3),
  /** Interface endpoints, each with one address in each zone: they pay where they take more from NAT than they cost. */
  interfaceEndpoints: z.array(z.string().regex(/^[a-z0-9.-]+$/)).default([]),
  flowLogDays: logDays.default(90),
});

const nodes = z
  .strictObject({
    instanceType: instanceType.default("m7g.large"),
    min: z.int().min(1).default(3),
    max: z.int().min(1).default(9),
    diskGiB: gibibytes.default(50),
    /** `spot`: at a third of the price, and taken back at two minutes' notice. */
    capacity: z.enum(["on-demand", "spot"]).default("on-demand"),
  })
  .refine(({ min, max }) => min <= max, "max is at least min");

const cluster = z.strictObject({
  /** A version in standard support whose add-ons we know. */
  version: z.enum(["1.36"]).default("1.36"),
  /** `nodes`: a managed node group of this size; `auto`: EKS Auto Mode makes nodes as pods ask for them. */
  compute: z.enum(["nodes", "auto"]).default("nodes"),
  nodes: nodes.prefault({}),
  /** IAM roles whose holders administer the cluster. */
  admins: z.array(principal).min(1, "name at least one role: nobody else could reach the cluster"),
  logDays: logDays.default(90),
});

const database = z.strictObject({
  engine: z.enum(["postgres", "mysql"]),
  class: databaseClass.default("m7g.large"),
  storageGiB: z.int().min(20).max(16_384).default(50),
  multiAz: z.boolean().default(true),
  backupDays: z.int().min(1).max(35).default(14),
});

const documents = z.strictObject({
  class: databaseClass.default("r6g.large"),
  /** The first one writes; each other stands in another zone and takes over when it fails. */
  instances: z.int().min(1).max(16).default(2),
  backupDays: z.int().min(1).max(35).default(14),
});

const cache = z.strictObject({
  nodeType: nodeType.default("cache.m7g.large"),
  /** Copies beside the primary, in other zones; one of them takes over when it fails. */
  replicas: z.int().min(1).max(5).default(1),
  snapshotDays: z.int().min(0).max(35).default(7),
});

const search = z.strictObject({
  instanceType: searchType.default("m7g.large.search"),
  dataNodes: z.literal(3).default(3),
  masterType: searchType.default("m7g.large.search"),
  storageGiB: gibibytes.default(50),
});

/**
 * The list of CloudFront's addresses that AWS keeps in a region, by the id that all accounts know it by
 * (com.amazonaws.global.cloudfront.origin-facing; ids from AWS's blog on that list). A website's gateway is in one of these.
 */
export const CLOUDFRONT_ADDRESSES: Readonly<Record<string, string>> = {
  "ap-northeast-1": "pl-58a04531",
  "ap-northeast-2": "pl-22a6434b",
  "ap-south-1": "pl-9aa247f3",
  "ap-southeast-1": "pl-31a34658",
  "ap-southeast-2": "pl-b8a742d1",
  "ca-central-1": "pl-38a64351",
  "eu-central-1": "pl-a3a144ca",
  "eu-north-1": "pl-fab65393",
  "eu-west-1": "pl-4fa04526",
  "eu-west-2": "pl-93a247fa",
  "eu-west-3": "pl-75b1541c",
  "sa-east-1": "pl-5da64334",
  "us-east-1": "pl-3b927c52",
  "us-east-2": "pl-b6a144df",
  "us-west-1": "pl-4ea04527",
  "us-west-2": "pl-82a045eb",
};

const website = z.strictObject({
  /** The host that browsers ask; whatever it does not have under `apiPath` is a static file. */
  host: hostname,
  apiPath: z
    .string()
    .regex(/^\/[a-z0-9/-]*\/\*$/, "write a path that ends in /*, such as /api/*")
    .default("/api/*"),
});

/** AWS's own groups of rules. */
export const FIREWALL_GROUPS = [
  "AWSManagedRulesAmazonIpReputationList",
  "AWSManagedRulesCommonRuleSet",
  "AWSManagedRulesKnownBadInputsRuleSet",
  "AWSManagedRulesSQLiRuleSet",
] as const;
export type FirewallGroup = (typeof FIREWALL_GROUPS)[number];

/** The targets that run in a cluster, where a balancer finds their pods. */
export const CLUSTER_TARGETS = ["istio", "ingress-nginx", "node-gateway", "kong"] as const;
export type ClusterTarget = (typeof CLUSTER_TARGETS)[number];

const edge = z.strictObject({
  /** The target whose pods the balancer asks; the first of the model's that runs in a cluster by default. */
  target: z.enum(CLUSTER_TARGETS).optional(),
  /** Route 53's zone of the hosts; its id stands in Parameter Store under `/gatewright/hosted-zones/<name>`. */
  hostedZone: hostname,
  website: website.optional(),
  /** Groups of rules that may refuse what the routes allow; the others count what they would refuse. */
  firewall: z.array(z.enum(FIREWALL_GROUPS)).default([]),
  /** Requests that the firewall logs: all that it sees, or those that a rule refuses or counts. */
  firewallLogs: z.enum(["all", "matched"]).default("all"),
  /** 3,000 dollars a month for a year, whatever is used. */
  shieldAdvanced: z.boolean().default(false),
});

const alarms = z.strictObject({
  /** Answers 5xx in a minute, above which an alarm is raised after two such minutes. */
  errorsPerMinute: z.int().min(1).default(10),
  p95Ms: z.int().min(1).default(500),
});

/** What the pods of a service account may use, without a password: by the role that they have. */
const access = z
  .strictObject({
    /** As the user of its own name, which its database knows. */
    database: z.boolean().default(false),
    /** As the user whose name is the role's ARN. */
    documents: z.boolean().default(false),
    search: z.boolean().default(false),
    /** Topics that it publishes to. */
    publish: topics.default([]),
    /** Topics whose queue it empties. */
    consume: topics.default([]),
  })
  .refine(
    ({ database, documents, search: finds, publish, consume }) =>
      database || documents || finds || publish.length + consume.length > 0,
    "name at least one: database, documents, search, publish, consume",
  );
export type Access = z.output<typeof access>;

const serviceAccount = z
  .string()
  .regex(
    /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\/[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$/,
    "write namespace/name, as Kubernetes has them",
  );

export const infrastructure = z
  .strictObject({
    region: z.enum(REGIONS).default("us-east-1"),
    /** Zones of the region, by letter. */
    zones: z
      .array(z.string().regex(/^[a-f]$/))
      .min(2)
      .max(3)
      .refine(unique, "name each zone once")
      .default(["a", "b", "c"]),
    /** What holds data outlives its stack, and nothing is deleted by mistake. */
    protect: z.boolean().default(true),
    network: network.prefault({}),
    cluster,
    database: database.optional(),
    /** DocumentDB, for who speaks MongoDB's protocol. */
    documents: documents.optional(),
    cache: cache.optional(),
    search: search.optional(),
    edge,
    alarms: alarms.prefault({}),
    /** Topics that services publish to, each with a queue of its own. */
    topics: topics.default([]),
    /** What the pods of a service account, as `namespace/name`, may use. */
    access: z.record(serviceAccount, access).default({}),
  })
  .refine(({ edge: { website: wanted }, region }) => !wanted || region in CLOUDFRONT_ADDRESSES, {
    path: ["region"],
    message: `a website needs one of ${Object.keys(CLOUDFRONT_ADDRESSES).join(", ")}, whose list of CloudFront's addresses we know`,
  })
  .refine(({ search: wanted, zones }) => !wanted || zones.length === 3, "search needs three zones");

export type Infrastructure = z.output<typeof infrastructure>;
