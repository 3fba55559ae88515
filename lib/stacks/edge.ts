import { Duration, RemovalPolicy } from "aws-cdk-lib";
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
  SslPolicy,
  TargetType,
} from "aws-cdk-lib/aws-elasticloadbalancingv2";
import { ARecord, HostedZone, RecordTarget, type IHostedZone } from "aws-cdk-lib/aws-route53";
import { LoadBalancerTarget } from "aws-cdk-lib/aws-route53-targets";
import { BlockPublicAccess, Bucket, BucketEncryption, type IBucket } from "aws-cdk-lib/aws-s3";
import { CfnProtection } from "aws-cdk-lib/aws-shield";
import { StringParameter } from "aws-cdk-lib/aws-ssm";
import { CfnWebACLAssociation } from "aws-cdk-lib/aws-wafv2";
import type { Construct } from "constructs";
import { acknowledge } from "./acknowledge";
import { addressLimit, hostsOf, idleMs, podPort, secretHeaders } from "./from-model";
import { publish } from "./parameters";
import { SystemStack, type SystemProps } from "./system-stack";
import { addFirewall } from "./waf";

/** The zone of the hosts, which is older than any environment: its id is read when the stack is deployed. */
export function hostedZone(scope: Construct, zoneName: string): IHostedZone {
  const hostedZoneId = StringParameter.valueForStringParameter(scope, `/gatewright/hosted-zones/${zoneName}`);
  return HostedZone.fromHostedZoneAttributes(scope, "Zone", { hostedZoneId, zoneName });
}

/** A bucket for logs that nobody changes. */
export function logBucket(scope: SystemStack, id: string, protect: boolean, days: number): IBucket {
  const bucket = new Bucket(scope, id, {
    encryption: BucketEncryption.S3_MANAGED,
    blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
    enforceSSL: true,
    lifecycleRules: [{ expiration: Duration.days(days) }],
    removalPolicy: protect ? RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE : RemovalPolicy.DESTROY,
  });
  acknowledge(bucket, "S1", "It is where access logs go; logs of who wrote logs would go nowhere.");
  // CDK's classes are not written for exact optional properties: as its own interfaces they are taken.
  return bucket as IBucket;
}

type EdgeProps = SystemProps & { vpc: IVpc; pods: ISecurityGroup };

/** What the internet reaches: certificate, balancer, firewall, names. */
export class EdgeStack extends SystemStack {
  readonly balancer: ApplicationLoadBalancer;
  readonly targets: ApplicationTargetGroup;

  constructor(scope: Construct, id: string, props: EdgeProps) {
    super(scope, id, props);
    const { model, environment, infrastructure, vpc } = props;
    const { edge, protect } = infrastructure;
    const zone = hostedZone(this, edge.hostedZone);
    const hosts = hostsOf(model, environment);
    const [first = "", ...others] = hosts;
    const certificate = new Certificate(this, "Certificate", {
      domainName: first,
      subjectAlternativeNames: others,
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
      deletionProtection: protect,
      idleTimeout: Duration.seconds(Math.ceil(idleMs(model, environment) / 1000)),
    });
    this.balancer.logAccessLogs(logBucket(this, "AccessLogs", protect, 90));
    acknowledge(clients, "EC23", "It is where the public asks.");
    this.targets = this.#targets(props, clients);
    this.#listeners(certificate);
    const firewall = addFirewall(this, {
      name: this.systemName,
      scope: "REGIONAL",
      addressLimit: addressLimit(model, environment),
      refusing: edge.firewall,
      secretHeaders: secretHeaders(model, environment),
    });
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
    publish(this, this.systemName, "edge/target-group", this.targets.targetGroupArn);
  }

  /** Pods register by their own addresses; the balancer speaks TLS to them where the model says so. */
  #targets({ model, infrastructure, vpc, pods }: EdgeProps, balancer: SecurityGroup): ApplicationTargetGroup {
    const isTls = model.front.tls === "gateway";
    const port = podPort(model, infrastructure.edge.target);
    const protocol = isTls ? ApplicationProtocol.HTTPS : ApplicationProtocol.HTTP;
    balancer.addEgressRule(Peer.securityGroupId(pods.securityGroupId), Port.tcp(port), "Pods");
    new CfnSecurityGroupIngress(this, "PodsFromBalancer", {
      groupId: pods.securityGroupId,
      sourceSecurityGroupId: balancer.securityGroupId,
      ipProtocol: "tcp",
      fromPort: port,
      toPort: port,
      description: "Balancer",
    });
    return new ApplicationTargetGroup(this, "Gateway", {
      targetGroupName: this.systemName,
      vpc,
      targetType: TargetType.IP,
      port,
      protocol,
      healthCheck: { path: model.front.healthPath, interval: Duration.seconds(10), healthyThresholdCount: 2 },
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
