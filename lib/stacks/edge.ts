import { Duration } from "aws-cdk-lib";
import { Certificate, CertificateValidation } from "aws-cdk-lib/aws-certificatemanager";
import {
  CfnSecurityGroupIngress,
  Peer,
  Port,
  SecurityGroup,
  type ISecurityGroup,
  type IVpc,
} from "aws-cdk-lib/aws-ec2";
import {
  ApplicationListener,
  ApplicationLoadBalancer,
  ApplicationProtocol,
  ApplicationTargetGroup,
  ListenerAction,
  Protocol,
  SslPolicy,
  TargetType,
} from "aws-cdk-lib/aws-elasticloadbalancingv2";
import { ARecord, RecordTarget } from "aws-cdk-lib/aws-route53";
import { LoadBalancerTarget } from "aws-cdk-lib/aws-route53-targets";
import { CfnProtection } from "aws-cdk-lib/aws-shield";
import { CfnWebACLAssociation } from "aws-cdk-lib/aws-wafv2";
import type { Construct } from "constructs";
import { acknowledge } from "./acknowledge";
import { healthOf, podPortOf } from "../charts/places";
import { edgeTargetOf, resolveGateway } from "../model";
import { balancerIdleMs } from "../targets/front";
import { hostsOf } from "./from-model";
import { hostedZone } from "./hosted-zone";
import { logBucket } from "./log-bucket";
import { SystemStack, type SystemProps } from "./system-stack";
import { addFirewall } from "./waf";

type EdgeProps = SystemProps & { vpc: IVpc; pods: ISecurityGroup };

/** What the internet reaches: certificate, balancer, firewall, names. */
export class EdgeStack extends SystemStack {
  readonly balancer: ApplicationLoadBalancer;
  readonly targets: ApplicationTargetGroup;

  constructor(scope: Construct, id: string, props: EdgeProps) {
    super(scope, id, props);
    const { model, environment, infrastructure, vpc } = props;
    const { edge } = infrastructure;
    const zone = hostedZone(this, edge.hostedZone);
    const hosts = hostsOf(model, environment);
    const [first = "", ...others] = hosts;
    const certificate = new Certificate(this, "Certificate", {
      domainName: first,
      // An empty list is none of AWS's.
      ...(others.length > 0 && { subjectAlternativeNames: others }),
      validation: CertificateValidation.fromDns(zone),
    });
    const clients = new SecurityGroup(this, "Group", {
      vpc,
      description: `Balancer of ${this.systemName}`,
      allowAllOutbound: false,
    });
    this.balancer = new ApplicationLoadBalancer(this, "Balancer", {
      loadBalancerName: this.systemName,
      vpc,
      internetFacing: true,
      securityGroup: clients,
      dropInvalidHeaderFields: true,
      deletionProtection: this.protect,
      idleTimeout: Duration.seconds(Math.ceil(balancerIdleMs(resolveGateway(model, environment)) / 1000)),
    });
    this.balancer.logAccessLogs(logBucket(this, "AccessLogs"));
    acknowledge(clients, "EC23", "It is where the public asks.");
    this.targets = this.#targets(props, clients);
    this.#listeners(certificate);
    const firewall = addFirewall(this, "REGIONAL", this.systemName, props);
    new CfnWebACLAssociation(this, "FirewallOfBalancer", {
      resourceArn: this.balancer.loadBalancerArn,
      webAclArn: firewall.attrArn,
    });
    if (edge.shieldAdvanced) {
      new CfnProtection(this, "Shield", { name: this.systemName, resourceArn: this.balancer.loadBalancerArn });
    }
    for (const host of hosts.filter((name) => name !== edge.website?.host)) {
      const target = RecordTarget.fromAlias(new LoadBalancerTarget(this.balancer));
      new ARecord(this, `Name-${host}`, { zone, recordName: `${host}.`, target });
    }
    this.publish("edge/target-group", this.targets.targetGroupArn);
  }

  /** Pods register by their own addresses; the balancer speaks TLS to them where the model says so. */
  #targets({ model, environment, vpc, pods }: EdgeProps, balancer: SecurityGroup): ApplicationTargetGroup {
    const isTls = model.front.tls === "gateway";
    const target = edgeTargetOf(model, environment);
    const port = podPortOf(model, target);
    const health = healthOf(model, target);
    const protocol = isTls ? ApplicationProtocol.HTTPS : ApplicationProtocol.HTTP;
    for (const open of [port, ...(health.port === undefined ? [] : [health.port])]) {
      balancer.addEgressRule(Peer.securityGroupId(pods.securityGroupId), Port.tcp(open), "Pods");
      new CfnSecurityGroupIngress(this, open === port ? "PodsFromBalancer" : "HealthFromBalancer", {
        groupId: pods.securityGroupId,
        sourceSecurityGroupId: balancer.securityGroupId,
        ipProtocol: "tcp",
        fromPort: open,
        toPort: open,
        description: "Balancer",
      });
    }
    return new ApplicationTargetGroup(this, "Gateway", {
      targetGroupName: this.systemName,
      vpc,
      targetType: TargetType.IP,
      port,
      protocol,
      healthCheck: {
        path: health.path,
        ...(health.port !== undefined && { port: String(health.port), protocol: Protocol.HTTP }),
        interval: Duration.seconds(10),
        healthyThresholdCount: 2,
      },
      deregistrationDelay: Duration.seconds(30),
    });
  }

  #listeners(certificate: Certificate): void {
    new ApplicationListener(this, "Https", {
      loadBalancer: this.balancer,
      port: 443,
      protocol: ApplicationProtocol.HTTPS,
      sslPolicy: SslPolicy.RECOMMENDED_TLS,
      certificates: [certificate],
      defaultTargetGroups: [this.targets],
    });
    new ApplicationListener(this, "Http", {
      loadBalancer: this.balancer,
      port: 80,
      protocol: ApplicationProtocol.HTTP,
      defaultAction: ListenerAction.redirect({ protocol: "HTTPS", port: "443", permanent: true }),
    });
  }
}
