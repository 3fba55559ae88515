import { targetGroupsOf } from "../../lib/charts/places";
import { edgeTargetOf, type GatewayModel } from "../../lib/model";
import { CLOUDFRONT_ADDRESSES, FIREWALL_GROUPS, type Infrastructure } from "../../lib/model/infrastructure";

/** What describe.py says of a deployed environment, as far as it is asked for here. */
export interface Described {
  network: { subnets: [zone: string, cidr: string, out: string, publicAddresses: boolean][]; [name: string]: unknown };
  database: Record<string, unknown>[];
  /** What the public asks first, then what CloudFront asks. */
  balancers: Record<string, unknown>[];
  roles: Record<string, { trusts: unknown; managed: string[]; actions: string[] }>;
  cluster: Record<string, unknown>;
  store: Record<string, unknown>[];
  alarms: Record<string, [metric: string, threshold: number, periods: number]>;
  messages: { topics: string[]; queues: number };
  parameters: string[];
  keys: boolean[];
  doors: [from: number, to: number][];
  buckets: Record<string, unknown>[];
  queues: { plain: number; retried: number[]; encryptedTopics: boolean[] };
  logs: string[];
  firewall: [rule: string, action: string][];
  website: Record<string, unknown>[];
}

interface Expectation {
  what: string;
  seen: unknown;
  wanted: unknown;
}

const repeat = <T>(count: number, value: T): T[] => Array.from({ length: count }, () => value);

/** A database's own name and version are AWS's to give. */
const withoutVersion = ({ EngineVersion: _, ...rest }: Record<string, unknown>): object => rest;

function dataExpected(seen: Described, { database, cache, protect }: Infrastructure, name: string): Expectation[] {
  const wantedDatabase = database && {
    DBInstanceClass: `db.${database.class}`,
    Engine: database.engine,
    AllocatedStorage: database.storageGiB,
    StorageType: "gp3",
    StorageEncrypted: true,
    MultiAZ: database.multiAz,
    IAMDatabaseAuthenticationEnabled: true,
    BackupRetentionPeriod: database.backupDays,
    DeletionProtection: protect,
    PubliclyAccessible: false,
    EnabledCloudwatchLogsExports: database.engine === "postgres" ? ["postgresql", "upgrade"] : ["error", "slowquery"],
    CopyTagsToSnapshot: true,
    passwordKeptByRds: true,
  };
  const wantedStore = cache && {
    ReplicationGroupId: name,
    CacheNodeType: cache.nodeType,
    MultiAZ: "enabled",
    TransitEncryptionEnabled: true,
  };
  return [
    { what: "database", seen: seen.database.map(withoutVersion), wanted: wantedDatabase ? [wantedDatabase] : [] },
    { what: "shared store", seen: seen.store, wanted: wantedStore ? [wantedStore] : [] },
  ];
}

function networkExpected(
  { network: { subnets, ...network } }: Described,
  model: GatewayModel,
  environment: string,
): Expectation[] {
  const wanted = model.infrastructure[environment] as Infrastructure;
  const name = `${model.name}-${environment}`;
  const zones = wanted.zones.length;
  const ways = ["internet", "nat", "none"].flatMap((way) => repeat(zones, way));
  return [
    { what: "subnets' zones", seen: new Set(subnets.map(([zone]) => zone)).size, wanted: zones },
    { what: "subnets' ways out", seen: subnets.map(([, , out]) => out).sort(), wanted: ways },
    { what: "subnets that give public addresses", seen: subnets.filter(([, , , gives]) => gives), wanted: [] },
    {
      what: "network",
      seen: network,
      wanted: {
        cidr: wanted.network.cidr,
        name,
        // CloudFormation gives them to what a stack makes.
        tags: { system: model.name, environment, "managed-by": "gatewright" },
        natGateways: repeat(Math.min(zones, wanted.network.natGateways), "available"),
        endpoints: ["Gateway", ...wanted.network.interfaceEndpoints.map(() => "Interface")],
        flowLogs: ["ALL"],
        rulesOfDefaultGroup: 0,
      },
    },
  ];
}

/** Disks, External Secrets, the balancer's controller, both forms of the filter where it reads secrets, and services. */
const rolesOf = ({ secrets }: GatewayModel, { access, cluster }: Infrastructure): number => {
  const ownSecrets = Object.values(secrets).some(({ awsSecretsManager }) => awsSecretsManager !== undefined);
  return (cluster.compute === "nodes" ? 1 : 0) + 2 + (ownSecrets ? 2 : 0) + Object.keys(access).length;
};

function balancersExpected({ balancers }: Described, model: GatewayModel, environment: string): Expectation[] {
  const { name: system, front, infrastructure } = model;
  const groups = targetGroupsOf(model, environment);
  const { region, zones, protect, edge } = infrastructure[environment] as Infrastructure;
  const name = `${system}-${environment}`;
  const health = edgeTargetOf(model, environment) === "istio" ? "/healthz/ready" : front.healthPath;
  const both = {
    zones: zones.map((zone) => region + zone),
    accessLogs: "true",
    dropsInvalidHeaders: "true",
    deletionProtection: String(protect),
  };
  const targets = { Protocol: front.tls === "gateway" ? "HTTPS" : "HTTP", TargetType: "ip", HealthCheckPath: health };
  const forPublic = {
    ...both,
    name,
    scheme: "internet-facing",
    clientAddress: "append",
    open: [
      [80, "0.0.0.0/0"],
      [443, "0.0.0.0/0"],
    ],
    listeners: [
      [80, "HTTP", "redirect"],
      [443, "HTTPS", "forward"],
    ],
    targets: { ...targets, TargetGroupName: groups.front },
    firewall: name,
  };
  // It takes the address that CloudFront wrote, and CloudFront's firewall has looked.
  const forWebsite = {
    ...both,
    name: `${name}-web`,
    scheme: "internal",
    clientAddress: "preserve",
    open: [[443, CLOUDFRONT_ADDRESSES[region]]],
    listeners: [[443, "HTTPS", "forward"]],
    targets: { ...targets, TargetGroupName: groups.website },
    firewall: null,
  };
  const asked = balancers.map(({ idleTimeout: _, listeners, targets: group, ...balancer }) => {
    const { Port: __, ...described } = group as Record<string, unknown>;
    const ways = listeners as [number, string, string | null, string[]][];
    return {
      ...balancer,
      listeners: ways.map(([port, protocol, , actions]) => [port, protocol, ...actions]),
      targets: described,
    };
  });
  const policies = balancers.flatMap(({ listeners }) => listeners as [number, string, string | null][]);
  return [
    { what: "balancers", seen: asked, wanted: edge.website ? [forPublic, forWebsite] : [forPublic] },
    {
      what: "TLS below 1.2",
      seen: policies.filter(([, protocol, policy]) => protocol === "HTTPS" && !policy?.includes("TLS13")),
      wanted: [],
    },
  ];
}

/** What the public reaches, and what is kept of its requests. */
function edgeExpected(seen: Described, { edge, topics }: Infrastructure): Expectation[] {
  const { website } = edge;
  const kept = { public: false, encrypted: "AES256", plainRefused: true };
  const logs = { ...kept, versioned: false, ends: { Days: 90 }, logged: false };
  const files = { ...kept, versioned: true, ends: { NoncurrentDays: 30 }, logged: true };
  const wantedSite = website && {
    hosts: [website.host],
    tls: "TLSv1.2_2021",
    plain: "redirect-to-https",
    gateway: [[website.apiPath, "redirect-to-https"]],
  };
  return [
    {
      what: "ports that are open to everybody",
      seen: seen.doors,
      wanted: [
        [80, 80],
        [443, 443],
      ],
    },
    { what: "buckets", seen: seen.buckets, wanted: website ? [logs, logs, logs, files] : [logs] },
    {
      what: "queues, and topics with the one of the alarms",
      seen: seen.queues,
      wanted: { plain: 0, retried: topics.map(() => 5), encryptedTopics: [true, ...topics.map(() => true)] },
    },
    { what: "lines that are kept for ever", seen: seen.logs, wanted: [] },
    {
      what: "firewall's rules",
      seen: seen.firewall,
      wanted: [
        ["AddressRate", "Block"],
        ...FIREWALL_GROUPS.map((group) => [group, edge.firewall.includes(group) ? "None" : "Count"]),
      ],
    },
    { what: "website", seen: seen.website, wanted: wantedSite ? [wantedSite] : [] },
  ];
}

/** What an operator must find of an environment, by its model alone. */
export function expectationsOf(model: GatewayModel, environment: string, seen: Described): Expectation[] {
  const wanted = model.infrastructure[environment] as Infrastructure;
  const name = `${model.name}-${environment}`;
  const { roles, cluster } = seen;
  const { errorsPerMinute } = wanted.alarms;
  const pods = Object.entries(roles).filter(([, { trusts }]) => trusts === "pods.eks.amazonaws.com");
  return [
    ...networkExpected(seen, model, environment),
    ...dataExpected(seen, wanted, name),
    ...edgeExpected(seen, wanted),
    ...balancersExpected(seen, model, environment),
    {
      what: "cluster",
      seen: cluster,
      wanted: {
        name,
        version: wanted.cluster.version,
        public: false,
        encrypts: ["secrets"],
        logs: ["api", "audit", "authenticator", "controllerManager", "scheduler"],
      },
    },
    {
      what: "pods whose role may do everything",
      seen: pods.filter(([, { actions, managed }]) =>
        [...actions, ...managed].some((word) => /^\*$|:\*$|^iam:|Administrator|FullAccess/.test(word)),
      ),
      wanted: [],
    },
    { what: "pods that have a role", seen: pods.length, wanted: rolesOf(model, wanted) },
    {
      what: "alarms",
      seen: Object.keys(seen.alarms).length,
      wanted:
        (wanted.edge.website ? 8 : 4) +
        (wanted.documents ? 1 : 0) +
        (wanted.search ? 2 : 0) +
        wanted.topics.length +
        (wanted.database ? 2 : 0) +
        2 * (wanted.cache ? 1 + wanted.cache.replicas : 0),
    },
    {
      what: "External Secrets reads",
      seen: roles["Pods of external-secrets/external-secrets"]?.actions.includes("ssm:GetParameter"),
      wanted: true,
    },
    {
      what: "alarm on errors",
      seen: seen.alarms[`${name}-Errors`],
      wanted: ["HTTPCode_Target_5XX_Count", errorsPerMinute, 2],
    },
    {
      what: "messages",
      seen: seen.messages,
      wanted: {
        topics: [`${name}-alarms`, ...wanted.topics.map((topic) => `${name}-${topic}`)].sort(),
        // Each topic has a queue, and a second one for what nobody could work on.
        queues: 2 * wanted.topics.length,
      },
    },
    { what: "parameters of others", seen: seen.parameters.filter((p) => !p.startsWith(`/${name}/`)), wanted: [] },
    { what: "target group, told", seen: seen.parameters.includes(`/${name}/edge/target-group`), wanted: true },
    { what: "keys", seen: seen.keys.length > 2, wanted: true },
    { what: "keys that do not rotate", seen: seen.keys.filter((rotates) => !rotates), wanted: [] },
  ];
}
