import { BlockList } from "node:net";
import { configOf } from "../decision/gateway";
import { diagnostic, type Diagnostic, type DiagnosticCode } from "../diagnostics";
import { CLUSTER_TARGETS, type Infrastructure } from "./infrastructure";
import { clusterTargetOf, systemNameOf, userOf, workloadOf } from "./names";
import type { RawModel } from "./read";
import { resolveGateway } from "./resolve";
import type { GatewayModel } from "./schema";

/** OpenSearch takes the shortest names; a balancer takes four more, which are ours. */
const MOST_NAME = 28;

/** What AWS takes in no name of a parameter, a balancer or a store, and how names of our own end. */
const ODD_NAME = /^(aws|ssm|internal-)|--|-(web|[gw][0-9a-f]{2})$/;

const isWithin = (host: string, zone: string): boolean => host === zone || host.endsWith(`.${zone}`);

/** True when every address of one network is in one of the others. */
function covers(networks: readonly string[], inner: string): boolean {
  const list = new BlockList();
  for (const network of networks.filter((n) => n.includes(".") && inner.includes("."))) {
    const [address = "", bits = "32"] = network.split("/");
    if (Number(bits) <= Number(inner.split("/")[1] ?? "32")) list.addSubnet(address, Number(bits), "ipv4");
  }
  return list.check(inner.split("/")[0] ?? "", "ipv4");
}

/**
 * Where the balancer's addresses are: the public subnets, a /24 in each of up to three zones, are the first of the network.
 * The pods' are beyond, so that none of them can say that it is the balancer.
 */
const balancerNetwork = (cidr: string): string => cidr.replace(/\/\d+$/, "/22");

/** Service accounts that have a role of this environment for something else. */
const RESERVED: readonly string[] = [
  "external-secrets/external-secrets",
  "kube-system/aws-load-balancer-controller",
  "kube-system/ebs-csi-controller-sa",
];

/** Users that a database of RDS has already. */
const RESERVED_USERS: readonly string[] = ["root", "rdsadmin", "rds-iam", "admin", "postgres"];

const MOST_MYSQL_USER = 32;

/** One environment of a model that is deployed. */
interface Deployed {
  model: GatewayModel;
  environment: string;
  infrastructure: Infrastructure;
  /** Names of its hosts. */
  hosts: readonly string[];
}

interface Fault {
  code: DiagnosticCode;
  /** Below the environment: what it is about. */
  at?: string;
  why: string;
  fix: string;
  /** Address in the model where it can be mended; below the environment, unless it starts at the top. */
  place?: { below: string[] } | { top: string };
}

/** The target whose pods the balancer asks, and whether there are any. */
function targetFaults({ model, environment, infrastructure }: Deployed): Fault[] {
  const { target } = infrastructure.edge;
  const fault = (why: string, fix: string, place: Fault["place"]): Fault => ({
    ...{ code: "plan/unknown-target", at: "edge/target", why, fix },
    ...(place && { place }),
  });
  const known = model.targets.join(", ");
  if (target !== undefined && !model.targets.includes(target)) {
    const fix = `Use one of ${known}, or add it to targets.`;
    return [fault(`This model has no target "${target}".`, fix, { below: ["edge"] })];
  }
  if (clusterTargetOf(model, environment)) return [];
  const why = `None of ${known} runs in a cluster, so the balancer would ask nobody.`;
  return [fault(why, `Add one of ${CLUSTER_TARGETS.join(", ")} to targets.`, { top: "targets" })];
}

type Website = NonNullable<Infrastructure["edge"]["website"]>;

/** Paths of a website's host that CloudFront would take for static files. */
function outsideOf({ model, environment }: Deployed, { host, apiPath }: Website): string[] {
  const below = apiPath.replace(/\*$/, "");
  const routes = resolveGateway(model, environment).hosts.find(({ name }) => name === host)?.routes ?? [];
  const paths = routes.filter(({ respond }) => !respond).flatMap(({ match }) => match.paths.map(({ value }) => value));
  return [...new Set(paths)].filter((path) => !`${path}/`.startsWith(below));
}

function websiteFaults(deployed: Deployed, website: Website): Fault[] {
  const { environment, hosts } = deployed;
  const { host, apiPath } = website;
  const fault = (code: DiagnosticCode, why: string, fix: string): Fault => ({
    ...{ code, at: "edge/website", why, fix, place: { below: ["edge"] } },
  });
  if (!hosts.includes(host)) {
    const why = `There is no host "${host}" in ${environment}.`;
    return [fault("model/unknown-host", why, `Use one of ${hosts.join(", ")}, or add the host.`)];
  }
  const alone = `"${host}" is the only host of ${environment}: the API would have no name of its own.`;
  const fix = "Write the host's basePath into edge.website.apiPath, such as /api/*, or take the host from the route.";
  return [
    ...outsideOf(deployed, website).map((path) => {
      const why = `CloudFront sends ${apiPath} alone to the gateway, and "${host}" has a route at ${path}.`;
      return fault("model/front-disagrees", why, fix);
    }),
    ...(hosts.length === 1
      ? [fault("model/unknown-host", alone, "Add a host for the API; the website asks it under apiPath.")]
      : []),
  ];
}

/** What a service account may use and is not there, and what it cannot be called. */
function accessFaults({ model, environment, infrastructure }: Deployed): Fault[] {
  const { access, topics, ...there } = infrastructure;
  const own = [true, false].map((isGateway) => workloadOf(model, isGateway));
  const reserved = [...RESERVED, ...own.map(({ name, namespace }) => `${namespace}/${name}`)];
  const users = new Map<string, string>();
  return Object.entries(access).flatMap(([account, wanted]) => {
    const fault = (why: string, fix = "Give the service account another name."): Fault => ({
      ...{ code: "model/invalid-value", at: `access/${account}`, why, fix, place: { below: ["access", account] } },
    });
    const parts = (["database", "documents", "search"] as const).filter((part) => wanted[part] && !there[part]);
    const unknown = [...wanted.publish, ...wanted.consume].filter((topic) => !topics.includes(topic));
    const missing = [...parts, ...unknown.map((topic) => `topic "${topic}"`)].map((what) => {
      const why = `${environment} has no ${what}, which "${account}" may use.`;
      return fault(why, "Add it to the infrastructure, or take it out of access.");
    });
    const taken = reserved.includes(account)
      ? [fault(`"${account}" has a role already, for what the cluster itself needs.`)]
      : [];
    return [
      ...missing,
      ...taken,
      ...(wanted.database ? userFaults(account, there.database, users).map((w) => fault(w)) : []),
    ];
  });
}

/** Why a service account can be no user of the database; it is one of `users` from then on. */
function userFaults(account: string, database: Infrastructure["database"], users: Map<string, string>): string[] {
  const user = userOf(account);
  const other = users.get(user);
  users.set(user, account);
  const isLong = database?.engine === "mysql" && user.length > MOST_MYSQL_USER;
  return [
    ...(RESERVED_USERS.includes(user) ? [`"${user}" is a user that every database has.`] : []),
    ...(other === undefined ? [] : [`"${other}" and "${account}" would be the same user of the database, "${user}".`]),
    ...(isLong
      ? [
          `"${user}" has ${String(user.length)} characters, and MySQL takes ${String(MOST_MYSQL_USER)} of a user's name.`,
        ]
      : []),
  ];
}

/** Names that AWS does not take, and hosts that nobody could be told of. */
function nameFaults({ model, environment, infrastructure, hosts }: Deployed): Fault[] {
  const { hostedZone } = infrastructure.edge;
  const name = systemNameOf(model, environment);
  const odd = ODD_NAME.exec(name)?.[0];
  const invalid = (why: string, fix: string): Fault => ({ code: "model/invalid-value", why, fix });
  const long = `"${name}" has ${String(name.length)} characters, and AWS takes ${String(MOST_NAME)} of some names.`;
  return [
    ...(name.length > MOST_NAME ? [invalid(long, "Shorten the name of the system or of the environment.")] : []),
    ...(odd === undefined
      ? []
      : [
          invalid(
            `"${name}" has "${odd}" in it, which AWS does not take in every name, or which names of ours end with.`,
            "Rename the system or the environment.",
          ),
        ]),
    ...hosts
      .filter((host) => !isWithin(host, hostedZone))
      .map((host): Fault => {
        const why = `"${host}" is not in the zone "${hostedZone}", so nobody could be told where it is.`;
        const fix = "Name the zone that all hosts of the environment are in.";
        return { code: "model/host-outside-zone", at: "edge/hostedZone", why, fix, place: { below: ["edge"] } };
      }),
  ];
}

/** The balancer's own redirect has one status. */
function redirectFaults({ model, environment }: Deployed): Fault[] {
  const moved = resolveGateway(model, environment).hosts.filter(
    ({ policies }) => (configOf(policies, "httpsRedirect") as { status: number } | undefined)?.status === 308,
  );
  return moved.map(({ name }): Fault => ({
    ...{ code: "model/front-disagrees", at: "edge" },
    why: `An Application Load Balancer sends plain http to https by 301, and "${name}" says 308.`,
    fix: "Take status out of the host's httpsRedirect.",
    place: { below: ["edge"] },
  }));
}

/** `front` that is not the balancer that will stand there. */
function frontFaults({ model: { front }, infrastructure: { network } }: Deployed): Fault[] {
  const balancers = balancerNetwork(network.cidr);
  if (front.kind === "alb" && covers(front.networks, balancers)) return [];
  const why =
    front.kind === "alb"
      ? `The balancer's addresses are in ${balancers}, which front.networks does not name.`
      : `An Application Load Balancer will stand in front, and front.kind is "${front.kind}".`;
  const fix = `Write front: { kind: alb, networks: [${balancers}] }.`;
  return [{ code: "model/front-disagrees", at: "network", why, fix, place: { top: "front" } }];
}

/** Where the infrastructure of an environment and its routing do not go together. */
export function checkInfrastructure(raw: RawModel, model: GatewayModel): Diagnostic[] {
  return Object.entries(model.infrastructure).flatMap(([environment, infrastructure]) => {
    const path = ["infrastructure", environment];
    const address = `${model.name}/${path.join("/")}`;
    if (!model.environments.includes(environment)) {
      const why = `There is no environment "${environment}".`;
      const fix = `Use one of ${model.environments.join(", ")}, or add the environment "${environment}".`;
      return [diagnostic("model/unknown-environment", address, why, fix, raw.locate(path))];
    }
    const hosts = resolveGateway(model, environment).hosts.map(({ name }) => name);
    const deployed: Deployed = { model, environment, infrastructure, hosts };
    const { website } = infrastructure.edge;
    const faults = [
      ...targetFaults(deployed),
      ...(website ? websiteFaults(deployed, website) : []),
      ...accessFaults(deployed),
      ...nameFaults(deployed),
      ...frontFaults(deployed),
      ...redirectFaults(deployed),
    ];
    return faults.map(({ code, at, why, fix, place = { below: [] } }) => {
      const source = raw.locate("top" in place ? [place.top] : [...path, ...place.below]);
      return diagnostic(code, at === undefined ? address : `${address}/${at}`, why, fix, source);
    });
  });
}
