import { Match, type Template } from "aws-cdk-lib/assertions";
import { goodModel, small } from "../support";
import { synthesized } from "./synthesized";

// Each of these is synthesized with cdk-nag's rules, which throws where one does not hold.

const cluster = { admins: ["platform"] };
const base = { cluster, edge: { hostedZone: "shop.test" } };
const model = goodModel(
  small({
    hosts: { "api.shop.test": {}, "www.shop.test": { basePath: "/api" } },
    targets: ["node-gateway"],
    front: { kind: "alb", networks: ["10.0.0.0/16"] },
    secrets: { partner: { awsSecretsManager: "shop/{environment}/partner" }, other: { env: "OTHER" } },
    infrastructure: { production: base },
  }),
);
const stack = (all: ReadonlyMap<string, Template>, name: string): Template => all.get(name) as Template;

test("a system that asks for nothing has no database, no store, no search, no website", () => {
  expect([...synthesized(model, base).keys()]).toEqual([
    "Network",
    "Cluster",
    "Data",
    "Secrets",
    "Edge",
    "Access",
    "Observability",
  ]);
});

test("a secret that the model keeps in Secrets Manager is made, and the filter may read it", () => {
  const all = synthesized(model, base);
  stack(all, "Secrets").hasResourceProperties("AWS::SecretsManager::Secret", { Name: "shop/production/partner" });
  stack(all, "Secrets").resourceCountIs("AWS::SecretsManager::Secret", 1);
  stack(all, "Access").hasResourceProperties("AWS::EKS::PodIdentityAssociation", { ServiceAccount: "gateway-filter" });
});

test("the Node gateway may read them as well: which of the two runs is the cluster's to say", () => {
  const access = stack(synthesized(model, base), "Access");
  access.hasResourceProperties("AWS::EKS::PodIdentityAssociation", { ServiceAccount: "api-gateway" });
});

test("a service account may use what the model says, by its own role", () => {
  const access = {
    "shop/orders": { database: true, documents: true, publish: ["sold"] },
    "shop/mail": { consume: ["sold"] },
    "logging/shipper": { search: true },
  };
  const all = synthesized(model, {
    ...base,
    database: { engine: "postgres" },
    documents: {},
    search: {},
    topics: ["sold", "sent"],
    access,
  });
  const template = stack(all, "Access");
  template.hasResourceProperties("AWS::EKS::PodIdentityAssociation", { Namespace: "shop", ServiceAccount: "orders" });
  const actionsOf = (id: string): unknown =>
    Object.entries(template.findResources("AWS::IAM::Policy"))
      .filter(([name]) => name.startsWith(id))
      .flatMap(
        ([, { Properties }]) =>
          (Properties as { PolicyDocument: { Statement: { Action: unknown }[] } }).PolicyDocument.Statement,
      )
      .flatMap(({ Action }) => Action);
  expect(actionsOf("shoporders")).toEqual(expect.arrayContaining(["rds-db:connect", "sns:Publish"]));
  expect(actionsOf("shoporders")).not.toContain("es:ESHttpPut");
  expect(actionsOf("loggingshipper")).toContain("es:ESHttpPut");
  expect(actionsOf("shopmail")).toEqual([
    "sqs:ChangeMessageVisibility",
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
    "sqs:ReceiveMessage",
  ]);
  // Its own topic, and not the other one.
  const policies = JSON.stringify(template.findResources("AWS::IAM::Policy"));
  expect([policies.includes("Topicsold"), policies.includes("sent")]).toEqual([true, false]);
  // The user's name in DocumentDB, for who makes it.
  template.hasResourceProperties("AWS::SSM::Parameter", {
    Name: "/shop-production/documents/users/shop/orders",
    Value: { "Fn::GetAtt": [Match.stringLikeRegexp("^shoporders"), "Arn"] },
  });
  // As the user of its own name, and nobody else's.
  expect(policies).toContain('/orders"]]}');
  // No service reads a secret.
  expect(actionsOf("shoporders")).not.toContain("secretsmanager:GetSecretValue");
  const messaging = stack(all, "Messaging");
  messaging.hasResourceProperties("AWS::SSM::Parameter", {
    Name: "/shop-production/topics/sold",
    Value: { Ref: Match.stringLikeRegexp("^Topicsold") },
  });
  messaging.hasResourceProperties("AWS::SSM::Parameter", {
    Name: "/shop-production/queues/sold",
    Value: { Ref: Match.stringLikeRegexp("^Queuesold") },
  });
  stack(all, "Observability").hasResourceProperties("AWS::CloudWatch::Alarm", {
    AlarmName: "shop-production-Failed-sold",
    MetricName: "ApproximateNumberOfMessagesVisible",
  });
});

test("service accounts whose letters are the same have roles of their own", () => {
  const accounts = ["shop/a-b", "shop/ab", "shop-a/b", "s/hop-a-b"];
  const access = Object.fromEntries(accounts.map((account) => [account, { database: true, documents: true }]));
  const all = synthesized(model, { ...base, database: { engine: "postgres" }, documents: {}, access });
  const found = stack(all, "Access").findResources("AWS::EKS::PodIdentityAssociation");
  const named = Object.values(found).map(({ Properties }) => {
    const { Namespace, ServiceAccount } = Properties as { Namespace: string; ServiceAccount: string };
    return `${Namespace}/${ServiceAccount}`;
  });
  expect(named).toEqual(expect.arrayContaining(accounts));
});

test("a database that has no insights is asked for none", () => {
  const data = stack(synthesized(model, { ...base, database: { engine: "mysql", class: "t4g.micro" } }), "Data");
  data.hasResourceProperties("AWS::RDS::DBInstance", {
    EnablePerformanceInsights: Match.absent(),
    DatabaseInsightsMode: Match.absent(),
    EngineLifecycleSupport: "open-source-rds-extended-support-disabled",
  });
});

describe("another gateway", () => {
  const groupOf = (change: Partial<typeof model>): Record<string, unknown> => {
    const template = stack(synthesized({ ...model, ...change }, base), "Edge");
    const [group] = Object.values(template.findResources("AWS::ElasticLoadBalancingV2::TargetGroup"));
    return (group as { Properties: Record<string, unknown> }).Properties;
  };
  const groups = [groupOf({}), groupOf({ targets: ["istio"] }), groupOf({ front: { ...model.front, tls: "front" } })];

  test("has a group of another name, since port and protocol of one stay what they are", () => {
    expect(groups.map(({ Port, Protocol }) => [Port, Protocol])).toEqual([
      [3443, "HTTPS"],
      [8443, "HTTPS"],
      [3000, "HTTP"],
    ]);
    expect(new Set(groups.map(({ Name }) => Name)).size).toBe(3);
  });
});

describe("a website", () => {
  const all = synthesized(model, { ...base, edge: { ...base.edge, website: { host: "www.shop.test" } } });
  const edge = stack(all, "Edge");

  test("has the pods let its balancer in as they do the public's", () => {
    const groups = Object.values(edge.findResources("AWS::EC2::SecurityGroupIngress"))
      .map(({ Properties }) => Properties as { FromPort: number; SourceSecurityGroupId?: { "Fn::GetAtt": string[] } })
      .filter(({ FromPort }) => FromPort === 3443)
      .map(({ SourceSecurityGroupId }) => SourceSecurityGroupId?.["Fn::GetAtt"][0]);
    expect(groups.map((id) => id?.replace(/[0-9A-F]{8}$/, "")).sort()).toEqual(["Group", "WebsiteGroup"]);
  });

  test("has its pods put into both groups by the controller", () => {
    const policies = JSON.stringify(stack(all, "Access").findResources("AWS::IAM::Policy"));
    expect(policies).toMatch(/RefGateway/);
    expect(policies).toMatch(/RefWebsiteGateway/);
  });

  test("is watched by what its own balancer sees", () => {
    const alarms = stack(all, "Observability").findResources("AWS::CloudWatch::Alarm");
    const dimensions = (name: string): string =>
      JSON.stringify(
        Object.values(alarms).find(({ Properties }) => (Properties as { AlarmName: string }).AlarmName === name),
      );
    expect(dimensions("shop-production-WebsiteErrors")).toContain("WebsiteBalancer");
    expect(dimensions("shop-production-Errors")).not.toContain("WebsiteBalancer");
  });

  test("keeps no answer of the gateway, and sends it all of a request", () => {
    stack(all, "Website").hasResourceProperties("AWS::CloudFront::Distribution", {
      DistributionConfig: {
        CacheBehaviors: [
          // CloudFront's own policies: CachingDisabled and AllViewer.
          {
            CachePolicyId: "4135ea2d-6df8-44a3-9df3-4b5a84be39ad",
            OriginRequestPolicyId: "216adef6-5c7f-47e4-b989-5492eafa07d3",
          },
        ],
        Origins: Match.arrayWith([Match.objectLike({ VpcOriginConfig: { OriginReadTimeout: 60 } })]),
      },
    });
    for (const Type of ["A", "AAAA"]) {
      stack(all, "Website").hasResourceProperties("AWS::Route53::RecordSet", { Name: "www.shop.test.", Type });
    }
  });
});

test("documents in two zones, with TLS, encrypted, whose password nobody has seen", () => {
  const data = stack(synthesized(model, { ...base, documents: {} }), "Data");
  data.hasResourceProperties("AWS::DocDB::DBCluster", {
    StorageEncrypted: true,
    DeletionProtection: true,
    Port: 27_117,
    BackupRetentionPeriod: 14,
    EnableCloudwatchLogsExports: ["audit"],
  });
  data.hasResourceProperties("AWS::DocDB::DBClusterParameterGroup", {
    Parameters: { tls: "enabled", audit_logs: "enabled" },
  });
  data.resourceCountIs("AWS::DocDB::DBInstance", 2);
});

test("the Node gateway is asked for its health by the model's path, where it listens", () => {
  const template = stack(synthesized({ ...model, targets: ["node-gateway"] }, base), "Edge");
  template.hasResourceProperties("AWS::ElasticLoadBalancingV2::TargetGroup", {
    HealthCheckPath: model.front.healthPath,
    HealthCheckPort: Match.absent(),
  });
});

test("Auto Mode has no nodes and no add-ons of its own", () => {
  const template = stack(synthesized(model, { ...base, cluster: { ...cluster, compute: "auto" } }), "Cluster");
  template.hasResourceProperties("AWS::EKS::Cluster", { ComputeConfig: { Enabled: true } });
  template.resourceCountIs("AWS::EKS::Nodegroup", 0);
  template.resourceCountIs("AWS::EKS::Addon", 0);
});

test("nodes by spot", () => {
  const nodes = { capacity: "spot" as const };
  const template = stack(synthesized(model, { ...base, cluster: { ...cluster, nodes } }), "Cluster");
  template.hasResourceProperties("AWS::EKS::Nodegroup", { CapacityType: "SPOT" });
});

test("a firewall that logs what a rule matched drops the rest", () => {
  const template = stack(synthesized(model, { ...base, edge: { ...base.edge, firewallLogs: "matched" } }), "Edge");
  template.hasResourceProperties("AWS::WAFv2::LoggingConfiguration", {
    LoggingFilter: Match.objectLike({ DefaultBehavior: "DROP" }),
  });
});

test("nodes of another architecture have another image", () => {
  const nodes = { instanceType: "m7i.large" };
  const template = stack(synthesized(model, { ...base, cluster: { ...cluster, nodes } }), "Cluster");
  template.hasResourceProperties("AWS::EKS::Nodegroup", { AmiType: "AL2023_x86_64_STANDARD" });
});

test("an environment that may go is deleted with what it holds", () => {
  const database = { engine: "mysql" as const, multiAz: false, class: "t4g.medium" };
  const all = synthesized(model, { ...base, protect: false, database, cache: { nodeType: "cache.t4g.micro" } });
  const data = stack(all, "Data");
  data.allResources("AWS::RDS::DBInstance", { DeletionPolicy: "Delete" });
  data.resourceCountIs("AWS::RDS::DBInstance", 1);
  data.hasResourceProperties("AWS::RDS::DBParameterGroup", { Parameters: { require_secure_transport: "ON" } });
  stack(all, "Edge").hasResourceProperties("AWS::ElasticLoadBalancingV2::LoadBalancer", {
    LoadBalancerAttributes: Match.arrayWith([{ Key: "deletion_protection.enabled", Value: "false" }]),
  });
});

test("another region, two zones, one way out, endpoints, Shield Advanced and an admin", () => {
  const all = synthesized(model, {
    region: "eu-west-1",
    zones: ["a", "b"],
    network: { natGateways: 1, interfaceEndpoints: ["ecr.api"] },
    cluster,
    edge: { hostedZone: "shop.test", shieldAdvanced: true, website: { host: "www.shop.test" } },
  });
  stack(all, "Network").resourceCountIs("AWS::EC2::NatGateway", 1);
  stack(all, "Network").resourceCountIs("AWS::EC2::Subnet", 6);
  stack(all, "Network").hasResourceProperties("AWS::EC2::VPCEndpoint", { VpcEndpointType: "Interface" });
  stack(all, "Cluster").hasResourceProperties("AWS::EKS::AccessEntry", {
    PrincipalArn: { "Fn::Join": ["", ["arn:aws:iam::", { Ref: "AWS::AccountId" }, ":role/platform"]] },
  });
  stack(all, "Edge").resourceCountIs("AWS::Shield::Protection", 1);
  stack(all, "Website").resourceCountIs("AWS::Shield::Protection", 1);
});
