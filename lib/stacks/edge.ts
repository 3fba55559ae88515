import { Certificate, CertificateValidation } from "aws-cdk-lib/aws-certificatemanager";
import { Peer, Port, SecurityGroup } from "aws-cdk-lib/aws-ec2";
import {
  ApplicationListener,
  ApplicationProtocol,
  ListenerAction,
  type ApplicationLoadBalancer,
} from "aws-cdk-lib/aws-elasticloadbalancingv2";
import { ARecord, RecordTarget } from "aws-cdk-lib/aws-route53";
import { LoadBalancerTarget } from "aws-cdk-lib/aws-route53-targets";
import type { IBucket } from "aws-cdk-lib/aws-s3";
import { CfnProtection } from "aws-cdk-lib/aws-shield";
import { CfnWebACLAssociation } from "aws-cdk-lib/aws-wafv2";
import type { Construct } from "constructs";
import { CLOUDFRONT_ADDRESSES } from "../model/infrastructure";
import { acknowledge } from "./acknowledge";
import { addBalancer, type Balanced, type EdgeProps } from "./balancer";
import { hostsOf } from "./from-model";
import { hostedZone } from "./hosted-zone";
import { logBucket } from "./log-bucket";
import { SystemStack } from "./system-stack";
import { addFirewall } from "./waf";

/** What the internet reaches: certificate, balancer, firewall, names. */
export class EdgeStack extends SystemStack {
  /** What the public asks. */
  readonly front: Balanced;
  /** What CloudFront asks for the website's users; none without a website. */
  readonly website: Balanced | undefined;

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
    const group = new SecurityGroup(this, "Group", {
      vpc,
      description: `Balancer of ${this.systemName}`,
      allowAllOutbound: false,
    });
    acknowledge(group, "EC23", "It is where the public asks.");
    const logs = logBucket(this, "AccessLogs");
    this.front = addBalancer(this, props, { prefix: "", name: this.systemName, group, certificate, logs });
    const { balancer } = this.front;
    this.#redirect(balancer);
    this.website = edge.website && this.#website(props, certificate, logs);
    const firewall = addFirewall(this, "REGIONAL", this.systemName, props);
    new CfnWebACLAssociation(this, "FirewallOfBalancer", {
      resourceArn: balancer.loadBalancerArn,
      webAclArn: firewall.attrArn,
    });
    if (edge.shieldAdvanced) {
      new CfnProtection(this, "Shield", { name: this.systemName, resourceArn: balancer.loadBalancerArn });
    }
    for (const host of hosts.filter((name) => name !== edge.website?.host)) {
      const target = RecordTarget.fromAlias(new LoadBalancerTarget(balancer));
      new ARecord(this, `Name-${host}`, { zone, recordName: `${host}.`, target });
    }
    this.publish("edge/target-group", this.front.targets.targetGroupArn);
  }

  /**
   * CloudFront's own way in, by a VPC origin. It writes the client's address last; a balancer that added CloudFront's would make
   * the gateway count all users of an edge location as one.
   */
  #website(props: EdgeProps, certificate: Certificate, logs: IBucket): Balanced {
    const { region } = props.infrastructure;
    const group = new SecurityGroup(this, "WebsiteGroup", {
      vpc: props.vpc,
      description: `Balancer of ${this.systemName} for CloudFront`,
      allowAllOutbound: false,
    });
    group.addIngressRule(Peer.prefixList(CLOUDFRONT_ADDRESSES[region] ?? ""), Port.tcp(443), "CloudFront");
    const name = `${this.systemName}-web`;
    const made = addBalancer(this, props, { prefix: "Website", name, group, certificate, logs });
    made.balancer.setAttribute("routing.http.xff_header_processing.mode", "preserve");
    return made;
  }

  #redirect(loadBalancer: ApplicationLoadBalancer): void {
    new ApplicationListener(this, "Http", {
      loadBalancer,
      port: 80,
      protocol: ApplicationProtocol.HTTP,
      defaultAction: ListenerAction.redirect({ protocol: "HTTPS", port: "443", permanent: true }),
    });
  }
}
