import { Duration } from "aws-cdk-lib";
import type { ICertificate } from "aws-cdk-lib/aws-certificatemanager";
import {
  CfnSecurityGroupIngress,
  Peer,
  Port,
  SubnetType,
  type ISecurityGroup,
  type IVpc,
  type SecurityGroup,
} from "aws-cdk-lib/aws-ec2";
import {
  ApplicationListener,
  ApplicationLoadBalancer,
  ApplicationProtocol,
  ApplicationTargetGroup,
  Protocol,
  SslPolicy,
  TargetType,
} from "aws-cdk-lib/aws-elasticloadbalancingv2";
import type { IBucket } from "aws-cdk-lib/aws-s3";
import { healthOf, targetGroupsOf } from "../charts/places";
import { edgeTargetOf, resolveGateway } from "../model";
import { balancerIdleMs } from "../targets/front";
import type { SystemProps, SystemStack } from "./system-stack";

export type EdgeProps = SystemProps & { vpc: IVpc; pods: ISecurityGroup };

/** A balancer, and the group that the gateway's pods are in for it. */
export interface Balanced {
  balancer: ApplicationLoadBalancer;
  targets: ApplicationTargetGroup;
}

interface Wanted {
  /** Before the ids of its resources; none for the one that the public asks. */
  prefix: "" | "Website";
  name: string;
  /** Who may ask it stands in this group's rules. */
  group: SecurityGroup;
  certificate: ICertificate;
  logs: IBucket;
}

/** How long a balancer in front waits for the gateway, or for a client that says nothing. */
export const idleOf = ({ model, environment }: SystemProps): Duration =>
  Duration.seconds(Math.ceil(balancerIdleMs(resolveGateway(model, environment)) / 1000));

/** A balancer whose every request goes to the gateway: by TLS of its own, and to the pods' own addresses. */
export function addBalancer(stack: SystemStack, props: EdgeProps, wanted: Wanted): Balanced {
  const { prefix, name, group, certificate, logs } = wanted;
  const isPublic = prefix === "";
  const balancer = new ApplicationLoadBalancer(stack, `${prefix}Balancer`, {
    loadBalancerName: name,
    vpc: props.vpc,
    internetFacing: isPublic,
    // Both have their addresses where `front.networks` says that a balancer has them.
    vpcSubnets: { subnetType: SubnetType.PUBLIC },
    securityGroup: group,
    dropInvalidHeaderFields: true,
    deletionProtection: stack.protect,
    idleTimeout: idleOf(props),
  });
  balancer.logAccessLogs(logs, isPublic ? undefined : "website");
  const targets = targetsOf(stack, props, wanted);
  new ApplicationListener(stack, `${prefix}Https`, {
    loadBalancer: balancer,
    port: 443,
    protocol: ApplicationProtocol.HTTPS,
    sslPolicy: SslPolicy.RECOMMENDED_TLS,
    certificates: [certificate],
    defaultTargetGroups: [targets],
    open: isPublic,
  });
  return { balancer, targets };
}

/** Pods register by their own addresses; the balancer speaks TLS to them where the model says so. */
function targetsOf(stack: SystemStack, props: EdgeProps, { prefix, group }: Wanted): ApplicationTargetGroup {
  const { model, environment, vpc, pods } = props;
  const { port, protocol, ...groups } = targetGroupsOf(model, environment);
  const health = healthOf(model, edgeTargetOf(model, environment));
  for (const open of [port, ...(health.port === undefined ? [] : [health.port])]) {
    group.addEgressRule(Peer.securityGroupId(pods.securityGroupId), Port.tcp(open), "Pods");
    new CfnSecurityGroupIngress(stack, `${open === port ? "Pods" : "Health"}From${prefix}Balancer`, {
      groupId: pods.securityGroupId,
      sourceSecurityGroupId: group.securityGroupId,
      ipProtocol: "tcp",
      fromPort: open,
      toPort: open,
      description: "Balancer",
    });
  }
  return new ApplicationTargetGroup(stack, `${prefix}Gateway`, {
    targetGroupName: groups[prefix === "" ? "front" : "website"],
    vpc,
    targetType: TargetType.IP,
    port,
    protocol: ApplicationProtocol[protocol],
    healthCheck: {
      path: health.path,
      ...(health.port !== undefined && { port: String(health.port), protocol: Protocol.HTTP }),
      interval: Duration.seconds(10),
      healthyThresholdCount: 2,
    },
    deregistrationDelay: Duration.seconds(30),
  });
}
