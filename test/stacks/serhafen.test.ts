import { Match, type Template } from "aws-cdk-lib/assertions";
import { loadModel } from "../../lib/model";
import { synthesized, synthesizedAnew } from "./synthesized";

const { value: model } = loadModel("policies/serhafen.ts");
const wanted = model?.infrastructure["production"];
if (!model || !wanted) throw new Error("policies/serhafen.ts says nothing of production.");
const all = synthesized(model, wanted);
const has = (stack: string, type: string, properties: unknown): void => {
  (all.get(stack) as Template).hasResourceProperties(type, properties);
};
const count = (stack: string, type: string, n: number): void => {
  (all.get(stack) as Template).resourceCountIs(type, n);
};

describe("network", () => {
  test("stands in three zones, each with its own way out, and none for data", () => {
    count("Network", "AWS::EC2::Subnet", 9);
    count("Network", "AWS::EC2::NatGateway", 3);
    const subnets = Object.values((all.get("Network") as Template).findResources("AWS::EC2::Subnet"));
    const zones = subnets.map(({ Properties }) => (Properties as { AvailabilityZone: string }).AvailabilityZone);
    expect([...new Set(zones)].sort()).toEqual(["us-east-1a", "us-east-1b", "us-east-1c"]);
    expect(
      subnets.some(({ Properties }) => (Properties as { MapPublicIpOnLaunch?: boolean }).MapPublicIpOnLaunch),
    ).toBe(false);
  });

  test("is logged, keeps its default group closed, and reaches S3 for nothing", () => {
    has("Network", "AWS::EC2::FlowLog", { TrafficType: "ALL" });
    count("Network", "Custom::VpcRestrictDefaultSG", 1);
    has("Network", "AWS::EC2::VPCEndpoint", { VpcEndpointType: "Gateway" });
    count("Network", "AWS::EC2::VPCEndpoint", 1);
  });
});

describe("cluster", () => {
  test("is of a pinned version, in standard support, and deleted by nobody", () => {
    has("Cluster", "AWS::EKS::Cluster", {
      Version: "1.36",
      UpgradePolicy: { SupportType: "STANDARD" },
      DeletionProtection: true,
      ZonalShiftConfig: { Enabled: true },
    });
  });

  test("is reached from inside, by access entries alone", () => {
    has("Cluster", "AWS::EKS::Cluster", {
      AccessConfig: { AuthenticationMode: "API", BootstrapClusterCreatorAdminPermissions: false },
      ResourcesVpcConfig: { EndpointPrivateAccess: true, EndpointPublicAccess: false },
    });
  });

  test("logs all that its control plane does, and encrypts its secrets", () => {
    const kinds = ["api", "audit", "authenticator", "controllerManager", "scheduler"];
    has("Cluster", "AWS::EKS::Cluster", {
      EncryptionConfig: [{ Resources: ["secrets"] }],
      Logging: { ClusterLogging: { EnabledTypes: kinds.map((Type) => ({ Type })) } },
    });
    has("Cluster", "AWS::Logs::LogGroup", {
      LogGroupName: "/aws/eks/serhafen-production/cluster",
      RetentionInDays: 90,
    });
    has("Cluster", "AWS::KMS::Key", { EnableKeyRotation: true });
  });

  test.each(["vpc-cni", "kube-proxy", "coredns", "eks-pod-identity-agent", "aws-ebs-csi-driver"])(
    "has %s in a pinned version",
    (AddonName) => {
      has("Cluster", "AWS::EKS::Addon", { AddonName, AddonVersion: Match.stringLikeRegexp("^v[0-9.]+-eksbuild") });
    },
  );

  test("keeps network policies", () => {
    has("Cluster", "AWS::EKS::Addon", { ConfigurationValues: '{"enableNetworkPolicy":"true"}' });
  });

  test("applies no manifest, so it needs no function of its own", () => {
    count("Cluster", "AWS::Lambda::Function", 0);
    count("Cluster", "AWS::SSM::Parameter", 1);
  });

  test("has nodes of Amazon Linux 2023 on arm64, whose credentials no pod reaches", () => {
    has("Cluster", "AWS::EKS::Nodegroup", {
      AmiType: "AL2023_ARM_64_STANDARD",
      InstanceTypes: ["m7g.large"],
      ScalingConfig: { MinSize: 5, DesiredSize: 5, MaxSize: 9 },
    });
    has("Cluster", "AWS::EC2::LaunchTemplate", {
      LaunchTemplateData: {
        MetadataOptions: { HttpTokens: "required", HttpPutResponseHopLimit: 1 },
        BlockDeviceMappings: [{ Ebs: { Encrypted: true, VolumeType: "gp3", VolumeSize: 50 } }],
      },
    });
  });
});

describe("data", () => {
  test("a database in two zones, encrypted, whose password RDS keeps", () => {
    has("Data", "AWS::RDS::DBInstance", {
      Engine: "postgres",
      DBInstanceClass: "db.t4g.medium",
      MultiAZ: true,
      StorageEncrypted: true,
      StorageType: "gp3",
      EnableIAMDatabaseAuthentication: true,
      ManageMasterUserPassword: true,
      DeletionProtection: true,
      BackupRetentionPeriod: 14,
      DatabaseInsightsMode: "standard",
      EnableCloudwatchLogsExports: ["postgresql", "upgrade"],
      Port: "15432",
      PubliclyAccessible: Match.not(true),
    });
    has("Data", "AWS::RDS::DBParameterGroup", { Parameters: { "rds.force_ssl": "1" } });
    (all.get("Data") as Template).hasResource("AWS::RDS::DBInstance", { DeletionPolicy: "Snapshot" });
  });

  test("a shared store with TLS, a user of its own, and a copy in another zone", () => {
    has("Data", "AWS::ElastiCache::ReplicationGroup", {
      Engine: "valkey",
      TransitEncryptionEnabled: true,
      TransitEncryptionMode: "required",
      AtRestEncryptionEnabled: true,
      KmsKeyId: Match.anyValue(),
      MultiAZEnabled: true,
      AutomaticFailoverEnabled: true,
      ReplicasPerNodeGroup: 1,
      SnapshotRetentionLimit: 7,
      UserGroupIds: Match.anyValue(),
      AuthToken: Match.absent(),
    });
    has("Data", "AWS::ElastiCache::User", { UserName: "gateway", NoPasswordRequired: Match.absent() });
  });

  test("search in three zones, encrypted between its nodes", () => {
    has("Data", "AWS::OpenSearchService::Domain", {
      ClusterConfig: {
        DedicatedMasterEnabled: true,
        DedicatedMasterCount: 3,
        InstanceCount: 3,
        ZoneAwarenessConfig: { AvailabilityZoneCount: 3 },
      },
      NodeToNodeEncryptionOptions: { Enabled: true },
      EncryptionAtRestOptions: { Enabled: true },
      DomainEndpointOptions: { EnforceHTTPS: true },
    });
  });
});

describe("edge", () => {
  test("a balancer that logs, takes TLS 1.2 and 1.3, and drops broken headers", () => {
    has("Edge", "AWS::ElasticLoadBalancingV2::LoadBalancer", {
      Scheme: "internet-facing",
      LoadBalancerAttributes: Match.arrayWith([
        { Key: "deletion_protection.enabled", Value: "true" },
        { Key: "routing.http.drop_invalid_header_fields.enabled", Value: "true" },
        { Key: "access_logs.s3.enabled", Value: "true" },
      ]),
    });
    has("Edge", "AWS::ElasticLoadBalancingV2::Listener", {
      Port: 443,
      SslPolicy: "ELBSecurityPolicy-TLS13-1-2-2021-06",
    });
    has("Edge", "AWS::ElasticLoadBalancingV2::Listener", {
      Port: 80,
      DefaultActions: [{ Type: "redirect", RedirectConfig: { Protocol: "HTTPS", StatusCode: "HTTP_301" } }],
    });
  });

  test("asks Istio's gateway for its health at the port that it has for it, and speaks TLS to its container's", () => {
    has("Edge", "AWS::ElasticLoadBalancingV2::TargetGroup", {
      TargetType: "ip",
      Protocol: "HTTPS",
      Port: model.listeners.https.containerPort,
      HealthCheckPath: "/healthz/ready",
      HealthCheckPort: "15021",
      HealthCheckProtocol: "HTTP",
    });
    has("Edge", "AWS::EC2::SecurityGroupIngress", { FromPort: 15_021, ToPort: 15_021 });
  });

  test("waits as long as the longest WebSocket may say nothing", () => {
    has("Edge", "AWS::ElasticLoadBalancingV2::LoadBalancer", {
      LoadBalancerAttributes: Match.arrayWith([{ Key: "idle_timeout.timeout_seconds", Value: "3600" }]),
    });
  });

  test("the certificate names the model's hosts", () => {
    has("Edge", "AWS::CertificateManager::Certificate", {
      DomainName: "api.serhafen.com",
      SubjectAlternativeNames: ["portal.serhafen.com"],
      ValidationMethod: "DNS",
    });
  });

  test("the firewall counts what the model has not allowed it to refuse", () => {
    const group = (Name: string, action: object): object => ({
      OverrideAction: action,
      Statement: { ManagedRuleGroupStatement: { VendorName: "AWS", Name } },
    });
    has("Edge", "AWS::WAFv2::WebACL", {
      Scope: "REGIONAL",
      Rules: Match.arrayWith([
        Match.objectLike(group("AWSManagedRulesAmazonIpReputationList", { None: {} })),
        Match.objectLike(group("AWSManagedRulesCommonRuleSet", { Count: {} })),
        Match.objectLike(group("AWSManagedRulesKnownBadInputsRuleSet", { None: {} })),
        Match.objectLike(group("AWSManagedRulesSQLiRuleSet", { Count: {} })),
      ]),
    });
  });

  test("an address may do in front what all flood guards allow it behind", () => {
    // Two hosts, 200 a second and 401 at once, ten replicas.
    has("Edge", "AWS::WAFv2::WebACL", {
      Rules: Match.arrayWith([
        Match.objectLike({ Statement: { RateBasedStatement: { Limit: 2 * (200 * 60 + 401) * 10 } } }),
      ]),
    });
  });

  test("Shield Advanced is nobody's default", () => {
    for (const template of all.values()) template.resourceCountIs("AWS::Shield::Protection", 0);
  });
});

describe("website", () => {
  test("stands in the region that CloudFront takes certificates from", () => {
    has("Website", "AWS::CloudFront::Distribution", {
      DistributionConfig: {
        Aliases: ["portal.serhafen.com"],
        ViewerCertificate: { MinimumProtocolVersion: "TLSv1.2_2021" },
        WebACLId: Match.anyValue(),
        // They would make a 200 of the gateway's 403.
        CustomErrorResponses: Match.absent(),
        CacheBehaviors: [{ PathPattern: "/api/*", AllowedMethods: Match.arrayWith(["POST", "DELETE"]) }],
      },
    });
    has("Website", "AWS::CloudFront::OriginAccessControl", {});
  });

  test("asks the gateway by a balancer that nobody else reaches, and that keeps the address CloudFront wrote", () => {
    has("Edge", "AWS::ElasticLoadBalancingV2::LoadBalancer", {
      Name: "serhafen-production-web",
      Scheme: "internal",
      LoadBalancerAttributes: Match.arrayWith([
        { Key: "access_logs.s3.enabled", Value: "true" },
        { Key: "routing.http.xff_header_processing.mode", Value: "preserve" },
      ]),
    });
    has("Edge", "AWS::EC2::SecurityGroupIngress", { SourcePrefixListId: "pl-3b927c52", FromPort: 443, ToPort: 443 });
    has("Website", "AWS::CloudFront::VpcOrigin", {
      VpcOriginEndpointConfig: { OriginProtocolPolicy: "https-only", OriginSSLProtocols: ["TLSv1.2"] },
    });
    has("Website", "AWS::CloudFront::Distribution", {
      DistributionConfig: {
        Origins: Match.arrayWith([Match.objectLike({ VpcOriginConfig: { OriginReadTimeout: 120 } })]),
      },
    });
  });

  test("the balancer of the public adds the client's address itself", () => {
    const balancers = (all.get("Edge") as Template).findResources("AWS::ElasticLoadBalancingV2::LoadBalancer", {
      Properties: { Scheme: "internet-facing" },
    });
    expect(Object.keys(balancers)).toHaveLength(1);
    expect(JSON.stringify(balancers)).not.toContain("xff_header_processing");
  });
});

describe("alarms", () => {
  const alarm = (MetricName: string, more: object): void => {
    has("Observability", "AWS::CloudWatch::Alarm", { MetricName, ...more });
  };

  test("are those that were asked for, by metrics that exist, in their own units", () => {
    alarm("HTTPCode_Target_5XX_Count", { Threshold: 10, EvaluationPeriods: 2, Period: 60, Statistic: "Sum" });
    alarm("HTTPCode_ELB_5XX_Count", { Threshold: 10, EvaluationPeriods: 2 });
    alarm("TargetResponseTime", { Threshold: 0.5, ExtendedStatistic: "p95" });
    alarm("UnHealthyHostCount", { Threshold: 0 });
  });

  test("look at both balancers", () => {
    for (const AlarmName of ["serhafen-production-Errors", "serhafen-production-WebsiteErrors"]) {
      has("Observability", "AWS::CloudWatch::Alarm", { AlarmName });
    }
  });
});

test("alarms may be published, and are", () => {
  has("Observability", "AWS::SNS::TopicPolicy", {
    PolicyDocument: {
      Statement: Match.arrayWith([
        Match.objectLike({
          Effect: "Allow",
          Action: "sns:Publish",
          Principal: { Service: "cloudwatch.amazonaws.com" },
        }),
      ]),
    },
  });
});

test("the store's alarms name nodes, which have metrics", () => {
  has("Observability", "AWS::CloudWatch::Alarm", {
    MetricName: "EngineCPUUtilization",
    Dimensions: [{ Name: "CacheClusterId", Value: "serhafen-production-002" }],
  });
});

test("the password of the database is encrypted by our own key", () => {
  has("Data", "AWS::RDS::DBInstance", { MasterUserSecret: { KmsKeyId: Match.anyValue() } });
});

test("the firewall writes no token and no key into its log", () => {
  has("Edge", "AWS::WAFv2::LoggingConfiguration", {
    RedactedFields: Match.arrayWith([
      { QueryString: {} },
      { SingleHeader: { Name: "authorization" } },
      { SingleHeader: { Name: "sec-websocket-protocol" } },
    ]),
  });
});

test("no template holds a secret, and no certificate or key", () => {
  for (const [name, template] of all) {
    const text = JSON.stringify(template.toJSON());
    expect(
      `${name}: ${/-----BEGIN|AKIA[0-9A-Z]{16}|"MasterUserPassword"|"SecretString":/.exec(text)?.[0] ?? "none"}`,
    ).toBe(`${name}: none`);
  }
});

test("twice the same bytes", () => {
  const text = (templates: ReadonlyMap<string, Template>): string =>
    JSON.stringify([...templates].map(([name, template]) => [name, template.toJSON()]));
  expect(text(synthesizedAnew(model, wanted))).toBe(text(all));
});

/** Whoever changes one of these replaces what holds data or what everybody is connected to. */
test("what holds data keeps its logical id", () => {
  const kept = [
    "AWS::EC2::VPC",
    "AWS::EKS::Cluster",
    "AWS::RDS::DBInstance",
    "AWS::ElastiCache::ReplicationGroup",
    "AWS::OpenSearchService::Domain",
    "AWS::S3::Bucket",
    "AWS::KMS::Key",
    "AWS::SecretsManager::Secret",
    "AWS::ElasticLoadBalancingV2::LoadBalancer",
    "AWS::SQS::Queue",
  ];
  const ids = [...all].flatMap(([name, template]) => {
    const { Resources = {} } = template.toJSON() as { Resources?: Record<string, { Type: string }> };
    return Object.entries(Resources)
      .filter(([, { Type }]) => kept.includes(Type))
      .map(([id, { Type }]) => `${name} ${Type} ${id}`);
  });
  expect(ids.sort()).toEqual([
    "Cluster AWS::EKS::Cluster ClusterEB0386A7",
    "Cluster AWS::KMS::Key SecretsA3BCC2E9",
    "Data AWS::ElastiCache::ReplicationGroup Cache",
    "Data AWS::KMS::Key Key961B73FD",
    "Data AWS::OpenSearchService::Domain Search14E54FC3",
    "Data AWS::RDS::DBInstance DatabaseB269D8BB",
    "Data AWS::SecretsManager::Secret CachePassword1BAF19B5",
    "Edge AWS::ElasticLoadBalancingV2::LoadBalancer Balancer71DDC9D9",
    "Edge AWS::ElasticLoadBalancingV2::LoadBalancer WebsiteBalancer7D25B4F9",
    "Edge AWS::S3::Bucket AccessLogs8B620ECA",
    "Messaging AWS::KMS::Key Key961B73FD",
    "Messaging AWS::SQS::Queue Failediamevents608CD4CB",
    "Messaging AWS::SQS::Queue Queueiamevents3D7B469F",
    "Network AWS::EC2::VPC Vpc8378EB38",
    "Observability AWS::KMS::Key Key961B73FD",
    "Website AWS::S3::Bucket FileLogs2EFCA805",
    "Website AWS::S3::Bucket Files8E6940B8",
    "Website AWS::S3::Bucket Logs6819BB44",
  ]);
});

test.each([...all])("the template of %s is the one that was reviewed", (_name, template) => {
  // Assets are named by their hash, which says nothing to a reviewer.
  expect(JSON.parse(JSON.stringify(template.toJSON()).replaceAll(/[0-9a-f]{64}/g, "HASH"))).toMatchSnapshot();
});
