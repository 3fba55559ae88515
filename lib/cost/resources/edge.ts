import { HOURS, standing, used } from "../lines";
import { tiered } from "../prices";
import type { Usage } from "../usage";
import { FIREWALL_GROUPS } from "../../model/infrastructure";
import { GIB, length, MILLION, type Priced, type Pricer } from "./resource";
import { any } from "./priced-properties";

/** What the internet reaches, and the ways out. */

/** The largest of what is new, open and carried: 25 connections a second, or 1 GB an hour, for each unit. */
function capacityUnits(requests: number, { requestBytes, answerBytes, requestsPerConnection }: Usage): number {
  const perSecond = requests / (HOURS * 3_600);
  const carried = (perSecond * 3_600 * (requestBytes + answerBytes)) / 1e9;
  return Math.max(carried, perSecond / requestsPerConnection / 25);
}

/** CloudFront asks one of its own, inside of the network, and fetches from it for nothing. */
const balancer: Pricer = ({ properties }, { usage, traffic }) => {
  const isPublic = properties["Scheme"] !== "internal";
  const asked = isPublic ? traffic.direct : traffic.fetched;
  const sent = (asked * usage.answerBytes) / GIB;
  const own = isPublic ? "" : ", for CloudFront";
  return [
    standing("edge", `Application Load Balancer${own}`, HOURS, "alb.hour"),
    used("edge", `Balancer's capacity units${own}`, capacityUnits(asked, usage) * HOURS, "alb.lcu"),
    ...(isPublic
      ? [
          standing("network", "Balancer's public IPv4", length(properties, "Subnets") * HOURS, "ipv4.public"),
          ...tiered("transfer", sent).map(([price, gib]) => used("network", "Transfer to the internet", gib, price)),
        ]
      : []),
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
  const seen = properties["Scope"] === "CLOUDFRONT" ? traffic.website : traffic.direct;
  return [
    standing("edge", "Web ACL", 1, "waf.acl"),
    standing("edge", "Web ACL's rules", length(properties, "Rules"), "waf.rule"),
    used("edge", "Requests that the ACL sees", seen / MILLION, "waf.requests"),
  ];
};

/** Functions of CloudFront's own alone: Lambda@Edge has prices of its own. */
const BEHAVIOUR = any(
  "AllowedMethods CachePolicyId CachedMethods Compress FunctionAssociations OriginRequestPolicyId PathPattern ResponseHeadersPolicyId TargetOriginId ViewerProtocolPolicy",
);

const endpoint: Pricer = ({ properties }) =>
  properties["VpcEndpointType"] === "Interface"
    ? [standing("network", "Interface endpoint", length(properties, "SubnetIds") * HOURS, "vpce.interface.hour")]
    : "free";

export const EDGE: Readonly<Record<string, Priced>> = {
  "AWS::ElasticLoadBalancingV2::LoadBalancer": {
    price: balancer,
    takes: {
      ...any("LoadBalancerAttributes Name SecurityGroups Subnets Tags"),
      Scheme: ["internet-facing", "internal"],
      Type: ["application"],
    },
  },
  "AWS::CloudFront::Distribution": {
    price: distribution,
    takes: {
      ...any("Tags"),
      DistributionConfig: {
        ...any("Aliases Comment CustomErrorResponses DefaultRootObject Enabled HttpVersion IPV6Enabled Logging"),
        ...any("PriceClass Restrictions WebACLId"),
        CacheBehaviors: BEHAVIOUR,
        DefaultCacheBehavior: BEHAVIOUR,
        Origins: any(
          "CustomOriginConfig DomainName Id OriginAccessControlId OriginPath S3OriginConfig VpcOriginConfig",
        ),
        // An address of its own costs 600 dollars a month.
        ViewerCertificate: { ...any("AcmCertificateArn MinimumProtocolVersion"), SslSupportMethod: ["sni-only"] },
      },
    },
  },
  "AWS::CloudFront::Function": {
    price: (_, { traffic }) => [
      used("edge", "CloudFront function's calls", traffic.files / MILLION, "cloudfront.functions"),
    ],
    takes: any("AutoPublish FunctionCode FunctionConfig Name Tags"),
  },
  "AWS::WAFv2::WebACL": {
    price: firewall,
    takes: {
      ...any("DefaultAction Name Scope Tags VisibilityConfig"),
      Rules: {
        ...any("Name OverrideAction Priority VisibilityConfig"),
        // A puzzle has a price of its own.
        Action: any("Allow Block Count"),
        Statement: {
          ...any("RateBasedStatement"),
          // Not those of AWS's that are paid for by each request.
          ManagedRuleGroupStatement: { VendorName: ["AWS"], Name: FIREWALL_GROUPS },
        },
      },
    },
  },
  "AWS::Shield::Protection": {
    // One subscription, whatever it protects.
    price: (_, { count }) => [
      standing("edge", "Shield Advanced", 1 / count("AWS::Shield::Protection"), "shield.advanced"),
    ],
    takes: any("Name ResourceArn Tags"),
  },
  "AWS::EC2::EIP": {
    price: () => [standing("network", "Public IPv4", HOURS, "ipv4.public")],
    takes: any("Domain Tags"),
  },
  "AWS::EC2::NatGateway": {
    price: (_, { usage, count }) => [
      standing("network", "NAT gateway", HOURS, "nat.hour"),
      used("network", "Through NAT", usage.natGiB / count("AWS::EC2::NatGateway"), "nat.gb"),
    ],
    takes: any("AllocationId SubnetId Tags"),
  },
  "AWS::EC2::VPCEndpoint": {
    price: endpoint,
    takes: {
      ...any("PolicyDocument PrivateDnsEnabled RouteTableIds SecurityGroupIds ServiceName SubnetIds Tags VpcId"),
      VpcEndpointType: ["Gateway", "Interface"],
    },
  },
};
