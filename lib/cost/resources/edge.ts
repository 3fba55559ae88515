import { HOURS, standing, used } from "../lines";
import { tiered } from "../prices";
import type { Usage } from "../usage";
import { GIB, length, MILLION, type Pricer } from "./resource";

/** What the internet reaches, and the ways out. */

/** The largest of what is new, open and carried: 25 connections a second, or 1 GB an hour, for each unit. */
function capacityUnits(requests: number, { requestBytes, answerBytes, requestsPerConnection }: Usage): number {
  const perSecond = requests / (HOURS * 3_600);
  const carried = (perSecond * 3_600 * (requestBytes + answerBytes)) / 1e9;
  return Math.max(carried, perSecond / requestsPerConnection / 25);
}

const balancer: Pricer = ({ properties }, { usage, traffic }) => {
  // CloudFront fetches from a balancer for nothing.
  const sent = (traffic.direct * usage.answerBytes) / GIB;
  return [
    standing("edge", "Application Load Balancer", HOURS, "alb.hour"),
    used("edge", "Balancer's capacity units", capacityUnits(traffic.balancer, usage) * HOURS, "alb.lcu"),
    standing("network", "Balancer's public IPv4", length(properties, "Subnets") * HOURS, "ipv4.public"),
    ...tiered("transfer", sent).map(([price, gib]) => used("network", "Transfer to the internet", gib, price)),
  ];
};

const distribution: Pricer = (_, { usage, traffic }) => {
  const sent = (traffic.website * usage.answerBytes) / GIB;
  return [
    used("edge", "CloudFront's requests", traffic.website / 10_000, "cloudfront.https"),
    ...tiered("cloudfront", sent).map(([price, gib]) => used("edge", "CloudFront's transfer", gib, price)),
  ];
};

const firewall: Pricer = ({ properties }, { traffic }) => {
  const seen = properties["Scope"] === "CLOUDFRONT" ? traffic.website : traffic.balancer;
  return [
    standing("edge", "Web ACL", 1, "waf.acl"),
    standing("edge", "Web ACL's rules", length(properties, "Rules"), "waf.rule"),
    used("edge", "Requests that the ACL sees", seen / MILLION, "waf.requests"),
  ];
};

const endpoint: Pricer = ({ properties }) =>
  properties["VpcEndpointType"] === "Interface"
    ? [standing("network", "Interface endpoint", length(properties, "SubnetIds") * HOURS, "vpce.interface.hour")]
    : "free";

export const EDGE: Readonly<Record<string, Pricer>> = {
  "AWS::ElasticLoadBalancingV2::LoadBalancer": balancer,
  "AWS::CloudFront::Distribution": distribution,
  "AWS::CloudFront::Function": (_, { traffic }) => [
    used("edge", "CloudFront function's calls", traffic.files / MILLION, "cloudfront.functions"),
  ],
  "AWS::WAFv2::WebACL": firewall,
  // One subscription, whatever it protects.
  "AWS::Shield::Protection": (_, { count }) => [
    standing("edge", "Shield Advanced", 1 / count("AWS::Shield::Protection"), "shield.advanced"),
  ],
  "AWS::EC2::EIP": () => [standing("network", "Public IPv4", HOURS, "ipv4.public")],
  "AWS::EC2::NatGateway": (_, { usage, count }) => [
    standing("network", "NAT gateway", HOURS, "nat.hour"),
    used("network", "Through NAT", usage.natGiB / count("AWS::EC2::NatGateway"), "nat.gb"),
  ],
  "AWS::EC2::VPCEndpoint": endpoint,
};
