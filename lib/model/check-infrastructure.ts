import { BlockList } from "node:net";
import { diagnostic, type Diagnostic } from "../diagnostics";
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

interface Fault {
  account: string;
  why: string;
  fix: string;
}

/** Service accounts that are let to what is not there, and those that would be one user of the database. */
function wrongAccess(model: GatewayModel, environment: string, infrastructure: Infrastructure): Fault[] {
  const { access, topics, ...there } = infrastructure;
  const own = [true, false].map((isGateway) => workloadOf(model, isGateway));
  const reserved = [...RESERVED, ...own.map(({ name, namespace }) => `${namespace}/${name}`)];
  const users = new Map<string, string>();
  return Object.entries(access).flatMap(([account, wanted]): Fault[] => {
    const parts = (["database", "documents", "search"] as const).filter((part) => wanted[part] && !there[part]);
    const unknown = [...wanted.publish, ...wanted.consume].filter((topic) => !topics.includes(topic));
    const missing = [...parts, ...unknown.map((topic) => `topic "${topic}"`)].map((what): Fault => {
      const why = `${environment} has no ${what}, which "${account}" may use.`;
      return { account, why, fix: "Add it to the infrastructure, or take it out of access." };
    });
    const user = userOf(account);
    const other = wanted.database ? users.get(user) : undefined;
    if (wanted.database) users.set(user, account);
    const fix = "Give the service account another name.";
    const why = [
      ...(RESERVED_USERS.includes(user) && wanted.database ? [`"${user}" is a user that every database has.`] : []),
      ...(reserved.includes(account) ? [`"${account}" has a role already, for what the cluster itself needs.`] : []),
      ...(other === undefined
        ? []
        : [`"${other}" and "${account}" would be the same user of the database, "${user}".`]),
      ...(wanted.database && there.database?.engine === "mysql" && user.length > MOST_MYSQL_USER
        ? [
            `"${user}" has ${String(user.length)} characters, and MySQL takes ${String(MOST_MYSQL_USER)} of a user's name.`,
          ]
        : []),
    ];
    return [...missing, ...why.map((text): Fault => ({ account, why: text, fix }))];
  });
}

/** Paths of a website's host that CloudFront would take for static files. */
function outsideOf(
  model: GatewayModel,
  environment: string,
  { host, apiPath }: NonNullable<Infrastructure["edge"]["website"]>,
): string[] {
  const below = apiPath.replace(/\*$/, "");
  const routes = resolveGateway(model, environment).hosts.find(({ name }) => name === host)?.routes ?? [];
  const paths = routes.filter(({ respond }) => !respond).flatMap(({ match }) => match.paths.map(({ value }) => value));
  return [...new Set(paths)].filter((path) => !`${path}/`.startsWith(below));
}

/** Where the infrastructure of an environment and its routing do not go together. */
export function checkInfrastructure(raw: RawModel, model: GatewayModel): Diagnostic[] {
  return Object.entries(model.infrastructure).flatMap(([environment, infrastructure]) => {
    const { edge, network } = infrastructure;
    const path = ["infrastructure", environment];
    const at = `${model.name}/${path.join("/")}`;
    if (!model.environments.includes(environment)) {
      const why = `There is no environment "${environment}".`;
      const fix = `Use one of ${model.environments.join(", ")}, or add the environment "${environment}".`;
      return [diagnostic("model/unknown-environment", at, why, fix, raw.locate(path))];
    }
    const found: Diagnostic[] = [];
    const hosts = resolveGateway(model, environment).hosts.map(({ name }) => name);
    const { website, hostedZone, target } = edge;
    const edgePath = [...path, "edge"];
    if (target !== undefined && !model.targets.includes(target)) {
      const why = `This model has no target "${target}".`;
      const fix = `Use one of ${model.targets.join(", ")}, or add it to targets.`;
      found.push(diagnostic("plan/unknown-target", `${at}/edge/target`, why, fix, raw.locate(edgePath)));
    }
    if (!clusterTargetOf(model, environment)) {
      const why = `None of ${model.targets.join(", ")} runs in a cluster, so the balancer would ask nobody.`;
      const fix = `Add one of ${CLUSTER_TARGETS.join(", ")} to targets.`;
      found.push(diagnostic("plan/unknown-target", `${at}/edge/target`, why, fix, raw.locate(["targets"])));
    }
    for (const outside of website ? outsideOf(model, environment, website) : []) {
      const why = `CloudFront sends ${website?.apiPath ?? ""} alone to the gateway, and "${website?.host ?? ""}" has a route at ${outside}.`;
      const fix =
        "Write the host's basePath into edge.website.apiPath, such as /api/*, or take the host from the route.";
      found.push(diagnostic("model/front-disagrees", `${at}/edge/website`, why, fix, raw.locate(edgePath)));
    }
    if (website && !hosts.includes(website.host)) {
      const why = `There is no host "${website.host}" in ${environment}.`;
      const fix = `Use one of ${hosts.join(", ")}, or add the host.`;
      found.push(diagnostic("model/unknown-host", `${at}/edge/website`, why, fix, raw.locate(edgePath)));
    }
    if (website && hosts.length === 1 && hosts.includes(website.host)) {
      const why = `"${website.host}" is the only host of ${environment}: the API would have no name of its own.`;
      const fix = "Add a host for the API; the website asks it under apiPath.";
      found.push(diagnostic("model/unknown-host", `${at}/edge/website`, why, fix, raw.locate(edgePath)));
    }
    for (const { account, why, fix } of wrongAccess(model, environment, infrastructure)) {
      const place = raw.locate([...path, "access", account]);
      found.push(diagnostic("model/invalid-value", `${at}/access/${account}`, why, fix, place));
    }
    const systemName = systemNameOf(model, environment);
    if (systemName.length > MOST_NAME) {
      const why = `"${systemName}" has ${String(systemName.length)} characters, and AWS takes ${String(MOST_NAME)} of some names.`;
      const fix = "Shorten the name of the system or of the environment.";
      found.push(diagnostic("model/invalid-value", at, why, fix, raw.locate(path)));
    }
    const odd = ODD_NAME.exec(systemName)?.[0];
    if (odd !== undefined) {
      const why = `"${systemName}" has "${odd}" in it, which AWS does not take in every name, or which names of ours end with.`;
      found.push(diagnostic("model/invalid-value", at, why, "Rename the system or the environment.", raw.locate(path)));
    }
    for (const host of hosts.filter((name) => !isWithin(name, hostedZone))) {
      const why = `"${host}" is not in the zone "${hostedZone}", so nobody could be told where it is.`;
      const fix = "Name the zone that all hosts of the environment are in.";
      found.push(diagnostic("model/host-outside-zone", `${at}/edge/hostedZone`, why, fix, raw.locate(edgePath)));
    }
    const { kind, networks } = model.front;
    const balancers = balancerNetwork(network.cidr);
    if (kind !== "alb" || !covers(networks, balancers)) {
      const why =
        kind === "alb"
          ? `The balancer's addresses are in ${balancers}, which front.networks does not name.`
          : `An Application Load Balancer will stand in front, and front.kind is "${kind}".`;
      const fix = `Write front: { kind: alb, networks: [${balancers}] }.`;
      found.push(diagnostic("model/front-disagrees", `${at}/network`, why, fix, raw.locate(["front"])));
    }
    return found;
  });
}
