import { cover } from "../../lib/cost/bill";
import { lineOf } from "../../lib/cost/lines";
import { ANY, beyond, FREE, PRICED, type Resource, type Surroundings } from "../../lib/cost/resources";
import { environmentUsage, trafficOf, type Usage } from "../../lib/cost/usage";

/**
 * What each type costs, by quantities and dollars that are written here by hand: a million requests a day on a month of 730
 * hours, three of ten through CloudFront, two of ten of those for its own files.
 */
const usage: Usage = environmentUsage.parse({
  ...{ requestsPerDay: 1_000_000, websiteShare: 0.3, staticShare: 0.2, messages: 2_000_000, backupGiB: 70 },
});
const around: Surroundings = {
  usage,
  traffic: trafficOf(usage, true),
  pods: [{ name: "service", replicas: 4, cpu: 0.8, memory: 0.5, inMesh: false }],
  count: () => 2,
};

interface Case {
  type: string;
  properties?: Record<string, unknown>;
  id?: string;
  stack?: string;
  beside?: Resource["beside"];
  /** What, how many, US dollars. */
  costs: [string, number, number][];
}

const STANDARD = { UpgradePolicy: { SupportType: "STANDARD" } };
const NODES = {
  AmiType: "AL2023_ARM_64_STANDARD",
  InstanceTypes: ["m7g.large"],
  LaunchTemplate: { Id: { Ref: "Template" } },
  ScalingConfig: { MinSize: 3, DesiredSize: 4, MaxSize: 9 },
};
const TEMPLATE: Resource["beside"] = {
  Template: {
    Type: "AWS::EC2::LaunchTemplate",
    Properties: { LaunchTemplateData: { BlockDeviceMappings: [{ Ebs: { VolumeSize: 50 } }] } },
  },
};
const DATABASE = {
  EngineLifecycleSupport: "open-source-rds-extended-support-disabled",
  Engine: "postgres",
  DBInstanceClass: "db.m7g.large",
  AllocatedStorage: "50",
  MultiAZ: true,
  ManageMasterUserPassword: true,
  StorageType: "gp3",
};
const ACL = { Name: "acl", Rules: [{}, {}, {}].map((_, Priority) => ({ Priority })) };

const CASES: Case[] = [
  { type: "AWS::EKS::Cluster", properties: STANDARD, costs: [["EKS control plane", 730, 73]] },
  {
    type: "AWS::EKS::Cluster",
    properties: { ...STANDARD, ComputeConfig: { Enabled: "true" } },
    // Four pods of 0.8 CPU, two on each node of which 1.75 are free: two nodes.
    costs: [
      ["EKS control plane", 730, 73],
      ["2 × m7g.large", 1_460, 119.14],
      ["Auto Mode for 2 × m7g.large", 1_460, 14.29],
      ["Nodes' disks", 160, 12.8],
    ],
  },
  {
    type: "AWS::EKS::Nodegroup",
    properties: NODES,
    beside: TEMPLATE,
    costs: [
      ["3 × m7g.large", 2_190, 178.7],
      ["Nodes' disks", 150, 12],
    ],
  },
  {
    type: "AWS::EKS::Nodegroup",
    properties: { ...NODES, CapacityType: "SPOT" },
    beside: TEMPLATE,
    costs: [
      ["3 × m7g.large, spot", 2_190, 66.12],
      ["Nodes' disks", 150, 12],
    ],
  },
  {
    type: "AWS::RDS::DBInstance",
    properties: DATABASE,
    costs: [
      ["db.m7g.large, postgres, in two zones", 730, 246.01],
      ["Database's storage", 100, 11.5],
      ["Backups beyond the storage", 20, 1.9],
      ["Database's password", 1, 0.4],
    ],
  },
  {
    type: "AWS::RDS::DBInstance",
    properties: { ...DATABASE, Engine: "mysql", MultiAZ: false, ManageMasterUserPassword: false, AllocatedStorage: 80 },
    costs: [
      ["db.m7g.large, mysql, in one zone", 730, 122.64],
      ["Database's storage", 80, 9.2],
      ["Backups beyond the storage", 0, 0],
    ],
  },
  {
    type: "AWS::DocDB::DBCluster",
    // Two of five requests ask it.
    costs: [
      ["Documents' storage", 20, 2],
      ["Documents' reads and writes", 12.1667, 2.43],
    ],
  },
  {
    type: "AWS::DocDB::DBInstance",
    properties: { DBInstanceClass: "db.t4g.medium" },
    costs: [["db.t4g.medium, documents", 730, 55.23]],
  },
  {
    type: "AWS::ElastiCache::ReplicationGroup",
    properties: { CacheNodeType: "cache.t4g.small", Engine: "valkey", NumNodeGroups: 2, ReplicasPerNodeGroup: 2 },
    costs: [["6 × cache.t4g.small, valkey", 4_380, 112.13]],
  },
  {
    type: "AWS::OpenSearchService::Domain",
    properties: {
      ClusterConfig: {
        ...{ InstanceType: "t3.medium.search", InstanceCount: 2 },
        ...{ DedicatedMasterEnabled: true, DedicatedMasterType: "t3.small.search", DedicatedMasterCount: 3 },
      },
      EBSOptions: { EBSEnabled: true, VolumeType: "gp3", VolumeSize: 20 },
    },
    costs: [
      ["2 × t3.medium.search, data", 1_460, 106.58],
      ["3 × t3.small.search, masters", 2_190, 78.84],
      ["Search's storage", 40, 4.88],
    ],
  },
  { type: "AWS::S3::Bucket", id: "FilesAB12", costs: [["Static files", 1, 0.02]] },
  { type: "AWS::S3::Bucket", id: "FileLogsAB12", costs: [] },
  {
    type: "AWS::S3::Bucket",
    id: "AccessLogsAB12",
    properties: { LifecycleConfiguration: { Rules: [{ ExpirationInDays: 365, Status: "Enabled" }] } },
    // Twelve months of 28.6 million lines of 600 bytes.
    costs: [["Balancer's access logs", 191.7221, 4.41]],
  },
  {
    type: "AWS::S3::Bucket",
    stack: "Website",
    id: "LogsAB12",
    properties: { LifecycleConfiguration: { Rules: [{ ExpirationInDays: 365, Status: "Enabled" }] } },
    costs: [["CloudFront's logs", 61.1879, 1.41]],
  },
  { type: "AWS::KMS::Key", costs: [["Key", 1, 1]] },
  { type: "AWS::SecretsManager::Secret", costs: [["Secret", 1, 0.4]] },
  { type: "AWS::SNS::Topic", stack: "Observability", costs: [] },
  { type: "AWS::SNS::Topic", stack: "Messaging", costs: [["Messages published", 2, 1]] },
  { type: "AWS::SQS::Queue", costs: [] },
  { type: "AWS::SQS::Queue", properties: { RedrivePolicy: {} }, costs: [["Queue's requests", 6, 2.4]] },
  {
    type: "AWS::ElasticLoadBalancingV2::LoadBalancer",
    properties: { Subnets: ["a", "b", "c"], Scheme: "internet-facing", Type: "application" },
    // 8.1 requests a second of 5,000 bytes: 146 MB an hour, where a unit carries 1 GB.
    costs: [
      ["Application Load Balancer", 730, 16.43],
      ["Balancer's capacity units", 106.4583, 0.85],
      ["Balancer's public IPv4", 2_190, 10.95],
      ["Transfer to the internet", 65.4371, 5.89],
    ],
  },
  {
    type: "AWS::ElasticLoadBalancingV2::LoadBalancer",
    properties: { Subnets: ["a", "b", "c"], Scheme: "internal", Type: "application" },
    costs: [
      ["Application Load Balancer, for CloudFront", 730, 16.43],
      ["Balancer's capacity units, for CloudFront", 36.5, 0.29],
    ],
  },
  {
    type: "AWS::CloudFront::Distribution",
    costs: [
      ["CloudFront's requests", 912.5, 9.13],
      ["CloudFront's transfer", 28.0445, 2.38],
    ],
  },
  { type: "AWS::CloudFront::Function", costs: [["CloudFront function's calls", 1.825, 0.18]] },
  {
    type: "AWS::WAFv2::WebACL",
    properties: { ...ACL, Scope: "REGIONAL" },
    costs: [
      ["Web ACL", 1, 5],
      ["Web ACL's rules", 3, 3],
      ["Requests that the ACL sees", 21.2917, 12.78],
    ],
  },
  {
    type: "AWS::WAFv2::WebACL",
    properties: { ...ACL, Scope: "CLOUDFRONT" },
    costs: [
      ["Web ACL", 1, 5],
      ["Web ACL's rules", 3, 3],
      ["Requests that the ACL sees", 9.125, 5.48],
    ],
  },
  { type: "AWS::Shield::Protection", costs: [["Shield Advanced", 0.5, 1_500]] },
  { type: "AWS::EC2::EIP", costs: [["Public IPv4", 730, 3.65]] },
  {
    type: "AWS::EC2::NatGateway",
    costs: [
      ["NAT gateway", 730, 32.85],
      ["Through NAT", 15, 0.68],
    ],
  },
  {
    type: "AWS::EC2::VPCEndpoint",
    properties: { VpcEndpointType: "Interface", SubnetIds: ["a", "b"] },
    costs: [["Interface endpoint", 1_460, 14.6]],
  },
  {
    type: "AWS::Logs::LogGroup",
    id: "ControlPlaneLogsAB12",
    properties: { RetentionInDays: 365 },
    costs: [
      ["Control plane's lines: taken in", 5, 2.5],
      ["Control plane's lines: kept", 60, 1.8],
    ],
  },
  {
    type: "AWS::Logs::LogGroup",
    id: "FlowLogsAB12",
    properties: { RetentionInDays: 365 },
    costs: [
      ["Flow logs: taken in", 3.9942, 2],
      ["Flow logs: kept", 47.9305, 1.44],
    ],
  },
  {
    type: "AWS::Logs::LogGroup",
    id: "FirewallLogsAB12",
    properties: { RetentionInDays: 365 },
    beside: { Logging: { Type: "AWS::WAFv2::LoggingConfiguration", Properties: {} } },
    costs: [
      ["Firewall's lines: taken in", 23.7953, 11.9],
      ["Firewall's lines: kept", 285.5435, 8.57],
    ],
  },
  {
    type: "AWS::Logs::LogGroup",
    id: "FirewallLogsAB12",
    stack: "Website",
    properties: { RetentionInDays: 365 },
    beside: { Logging: { Type: "AWS::WAFv2::LoggingConfiguration", Properties: { LoggingFilter: {} } } },
    // Two of a hundred.
    costs: [
      ["Firewall's lines: taken in", 0.204, 0.1],
      ["Firewall's lines: kept", 2.4475, 0.07],
    ],
  },
  { type: "AWS::Logs::LogGroup", id: "CacheSlowLog", properties: { RetentionInDays: 30 }, costs: [] },
  { type: "AWS::CloudWatch::Alarm", costs: [["Alarm", 1, 0.1]] },
];

const resourceOf = ({ type, properties = {}, id = "Id", stack = "Stack", beside = {} }: Case): Resource => ({
  ...{ type, properties, id, stack, beside },
});

describe("what a type costs", () => {
  test.each(CASES.map((one) => [`${one.type}${one.id ? ` ${one.id}` : ""}`, one] as const))("%s", (_, one) => {
    const items = PRICED[one.type]?.price(resourceOf(one), around);
    const lines = items === "free" ? "free" : items?.map((item) => lineOf("here", item));
    expect(lines).not.toBe("free");
    const said = (lines as ReturnType<typeof lineOf>[]).map(({ what, quantity, usd }) => [what, quantity, usd]);
    expect(said).toEqual(one.costs);
  });

  test("a gateway endpoint is free", () => {
    const properties = { VpcEndpointType: "Gateway" };
    expect(
      PRICED["AWS::EC2::VPCEndpoint"]?.price(
        resourceOf({ type: "AWS::EC2::VPCEndpoint", properties, costs: [] }),
        around,
      ),
    ).toBe("free");
  });

  test("is written here for each that has a price, and takes what is written", () => {
    expect([...new Set(CASES.map(({ type }) => type))].sort()).toEqual(Object.keys(PRICED).sort());
    expect(CASES.map(({ type, properties }) => beyond(properties ?? {}, PRICED[type]?.takes ?? {}))).toEqual(
      CASES.map(() => undefined),
    );
  });
});

describe("what a template says and nobody has a price for is told", () => {
  const limited = Object.entries(FREE).flatMap(([type, takes]) => (takes === ANY ? [] : [[type, takes] as const]));

  test.each([...Object.entries(PRICED).map(([type, { takes }]) => [type, takes] as const), ...limited])(
    "%s with a property that we have not heard of",
    (_, takes) => {
      expect(beyond({ Unheard: 1 }, takes)).toBe("Unheard: 1");
    },
  );

  test("and what we have heard of is what was reviewed", () => {
    expect({
      ...Object.fromEntries(Object.entries(PRICED).map(([type, { takes }]) => [type, takes])),
      ...FREE,
    }).toMatchSnapshot();
  });

  test.each<[string, Record<string, unknown>]>([
    ["AWS::EKS::Nodegroup", { ...NODES, LaunchTemplate: { Id: { Ref: "Two" } } }],
    ["AWS::RDS::DBInstance", { ...DATABASE, MultiAZ: { Ref: "Maybe" } }],
    ["constructor", {}],
    ["toString", {}],
  ])("%s with %j has no price", (type, properties) => {
    const Two = { Type: "x", Properties: { LaunchTemplateData: { BlockDeviceMappings: [{ Ebs: {} }, { Ebs: {} }] } } };
    const { covered } = cover(resourceOf({ type, properties, beside: { Two }, costs: [] }), around);
    expect(covered.state).toBe("unpriced");
  });

  test("a balancer that says no scheme is the public's", () => {
    const resource = resourceOf({
      type: "AWS::ElasticLoadBalancingV2::LoadBalancer",
      properties: { Subnets: ["a"] },
      costs: [],
    });
    expect(cover(resource, around).items.map(({ what }) => what)).toContain("Balancer's public IPv4");
  });

  test("a balancer whose clients connect for each request has units by connections", () => {
    const busy = { ...around, usage: { ...usage, requestsPerConnection: 1 } };
    const resource = resourceOf({
      type: "AWS::ElasticLoadBalancingV2::LoadBalancer",
      properties: { Subnets: ["a"] },
      costs: [],
    });
    // 8.1 a second of 25.
    const units = cover(resource, busy).items.find(({ what }) => what === "Balancer's capacity units");
    expect(units?.quantity).toBeCloseTo(236.574, 2);
  });

  test.each<[string, Record<string, unknown>, string]>([
    ["AWS::RDS::DBInstance", { StorageType: "io2" }, 'StorageType: "io2"'],
    ["AWS::RDS::DBInstance", { Iops: 12_000 }, "Iops: 12000"],
    ["AWS::RDS::DBInstance", { DatabaseInsightsMode: "advanced" }, 'DatabaseInsightsMode: "advanced"'],
    ["AWS::EKS::Cluster", { UpgradePolicy: { SupportType: "EXTENDED" } }, 'UpgradePolicy.SupportType: "EXTENDED"'],
    ["AWS::OpenSearchService::Domain", { ClusterConfig: { WarmEnabled: true } }, "ClusterConfig.WarmEnabled: true"],
    ["AWS::OpenSearchService::Domain", { EBSOptions: { Iops: 9_000 } }, "EBSOptions.Iops: 9000"],
    ["AWS::ElasticLoadBalancingV2::LoadBalancer", { Type: "network" }, 'Type: "network"'],
    [
      "AWS::CloudFront::Distribution",
      { DistributionConfig: { ViewerCertificate: { SslSupportMethod: "vip" } } },
      'DistributionConfig.ViewerCertificate.SslSupportMethod: "vip"',
    ],
    [
      "AWS::CloudFront::Distribution",
      { DistributionConfig: { Origins: [{ Id: "a" }, { Id: "b", OriginShield: { Enabled: true } }] } },
      'DistributionConfig.Origins.OriginShield: {"Enabled":true}',
    ],
    [
      "AWS::WAFv2::WebACL",
      { Rules: [{ Statement: { ManagedRuleGroupStatement: { Name: "AWSManagedRulesBotControlRuleSet" } } }] },
      'Rules.Statement.ManagedRuleGroupStatement.Name: "AWSManagedRulesBotControlRuleSet"',
    ],
    ["AWS::CloudWatch::Alarm", { Period: 10 }, "Period: 10"],
    // What AWS takes where nothing is said is dearer, or another thing.
    ["AWS::EKS::Cluster", {}, "UpgradePolicy.SupportType: what AWS takes by default"],
    ["AWS::RDS::DBInstance", { StorageType: "gp3" }, "EngineLifecycleSupport: what AWS takes by default"],
    ["AWS::RDS::DBInstance", { ...DATABASE, StorageType: null }, "StorageType: null"],
    ["AWS::OpenSearchService::Domain", {}, "EBSOptions.VolumeType: what AWS takes by default"],
    ["AWS::SQS::Queue", { FifoQueue: true }, "FifoQueue: true"],
    ["AWS::SNS::Subscription", { Protocol: "sms" }, 'Protocol: "sms"'],
    ["AWS::EC2::Route", { TransitGatewayId: "tgw" }, 'TransitGatewayId: "tgw"'],
    ["AWS::WAFv2::WebACL", { Rules: [{ Action: { Captcha: {} } }] }, "Rules.Action.Captcha: {}"],
    ["AWS::EKS::Nodegroup", { AmiType: "WINDOWS_CORE_2022_x86_64" }, 'AmiType: "WINDOWS_CORE_2022_x86_64"'],
    ["AWS::SSM::Parameter", { Tier: "Advanced" }, 'Tier: "Advanced"'],
    ["AWS::Lambda::Function", { Handler: "index.handler" }, 'Handler: "index.handler"'],
    ["AWS::EC2::LaunchTemplate", { LaunchTemplateData: { Monitoring: {} } }, "LaunchTemplateData.Monitoring: {}"],
    ["AWS::EKS::Addon", { AddonName: "datadog_operator" }, 'AddonName: "datadog_operator"'],
    // What deployment alone decides is no value of the list.
    ["AWS::RDS::DBInstance", { StorageType: { Ref: "Kind" } }, 'StorageType: {"Ref":"Kind"}'],
  ])("%s with %j", (type, properties, said) => {
    const { covered, items } = cover(resourceOf({ type, properties, costs: [] }), around);
    const why = `lib/cost/resources does not know what it costs with ${said}.`;
    expect({ covered, items }).toEqual({
      covered: { type, id: "Id", stack: "Stack", state: "unpriced", why },
      items: [],
    });
  });
});
