import { ArnFormat } from "aws-cdk-lib";
import { EbsDeviceVolumeType, Port, SecurityGroup, SubnetType } from "aws-cdk-lib/aws-ec2";
import { CfnResourcePolicy } from "aws-cdk-lib/aws-logs";
import { type CfnDomain, Domain, EngineVersion, TLSSecurityPolicy } from "aws-cdk-lib/aws-opensearchservice";
import type { Infrastructure } from "../model/infrastructure";
import { acknowledge } from "./acknowledge";
import type { DataScope } from "./data-scope";

/** Where logs can be searched: in three zones, by IAM alone. */
export function addSearch(
  { stack, vpc, key, clients }: DataScope,
  wanted: NonNullable<Infrastructure["search"]>,
): void {
  const { systemName } = stack;
  const securityGroup = new SecurityGroup(stack, "SearchGroup", {
    vpc,
    description: `Search of ${systemName}`,
    allowAllOutbound: false,
  });
  securityGroup.addIngressRule(clients, Port.tcp(443), "Pods");
  const domain = new Domain(stack, "Search", {
    version: EngineVersion.OPENSEARCH_2_19,
    vpc,
    vpcSubnets: [{ subnetType: SubnetType.PRIVATE_ISOLATED }],
    securityGroups: [securityGroup],
    zoneAwareness: { availabilityZoneCount: 3 },
    capacity: {
      dataNodes: wanted.dataNodes,
      dataNodeInstanceType: wanted.instanceType,
      masterNodes: 3,
      masterNodeInstanceType: wanted.masterType,
      multiAzWithStandbyEnabled: false,
    },
    ebs: { volumeSize: wanted.storageGiB, volumeType: EbsDeviceVolumeType.GP3 },
    encryptionAtRest: { enabled: true, kmsKey: key },
    nodeToNodeEncryption: true,
    enforceHttps: true,
    tlsSecurityPolicy: TLSSecurityPolicy.TLS_1_2_PFS,
    logging: { slowSearchLogEnabled: true, slowIndexLogEnabled: true, appLogEnabled: true },
    suppressLogsResourcePolicy: true,
    domainName: systemName,
    removalPolicy: stack.kept,
  });
  // As properties: CDK's construct would set both by functions of its own.
  const resource = domain.node.defaultChild as CfnDomain;
  resource.accessPolicies = {
    Version: "2012-10-17",
    Statement: [
      {
        Effect: "Allow",
        Principal: {
          AWS: stack.formatArn({ service: "iam", region: "", resource: "root", arnFormat: ArnFormat.NO_RESOURCE_NAME }),
        },
        Action: ["es:ESHttpGet", "es:ESHttpHead", "es:ESHttpPost", "es:ESHttpPut"],
        Resource: stack.formatArn({ service: "es", resource: "domain", resourceName: `${systemName}/*` }),
      },
    ],
  };
  const logs = [domain.slowSearchLogGroup, domain.slowIndexLogGroup, domain.appLogGroup];
  resource.addResourceDependency(
    new CfnResourcePolicy(stack, "SearchLogs", {
      policyName: `${systemName}-search`,
      policyDocument: JSON.stringify({
        Version: "2012-10-17",
        Statement: [
          {
            Effect: "Allow",
            Principal: { Service: "es.amazonaws.com" },
            Action: ["logs:CreateLogStream", "logs:PutLogEvents"],
            Resource: logs.flatMap((group) => (group ? [group.logGroupArn] : [])),
          },
        ],
      }),
    }),
  );
  acknowledge(domain, "OS3", "It has addresses of the VPC alone, and a group that lets pods in.");
  stack.publish("search/endpoint", domain.domainEndpoint);
}
