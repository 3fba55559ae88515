import { RemovalPolicy, Duration } from "aws-cdk-lib";
import { ClusterParameterGroup, DatabaseCluster } from "aws-cdk-lib/aws-docdb";
import { InstanceType, Port, SecurityGroup, SubnetType } from "aws-cdk-lib/aws-ec2";
import type { Infrastructure } from "../model/infrastructure";
import { acknowledge } from "./acknowledge";
import type { DataScope } from "./data-scope";

/** Not the port that everybody tries first. */
const PORT = 27_117;

/** DocumentDB, which answers what MongoDB 5.0 is asked, with TLS and its lines of who signed in. */
export function addDocuments(
  { stack, vpc, key, clients }: DataScope,
  wanted: NonNullable<Infrastructure["documents"]>,
): void {
  const { systemName, protect } = stack;
  const securityGroup = new SecurityGroup(stack, "DocumentsGroup", {
    vpc,
    description: `Documents of ${systemName}`,
    allowAllOutbound: false,
  });
  securityGroup.addIngressRule(clients, Port.tcp(PORT), "Pods");
  const cluster = new DatabaseCluster(stack, "Documents", {
    dbClusterName: systemName,
    engineVersion: "5.0.0",
    vpc,
    vpcSubnets: { subnetType: SubnetType.PRIVATE_ISOLATED },
    securityGroup,
    instanceType: new InstanceType(wanted.class),
    instances: wanted.instances,
    port: PORT,
    masterUser: { username: "gateway_admin", secretName: `${systemName}/documents`, kmsKey: key },
    parameterGroup: new ClusterParameterGroup(stack, "DocumentsParameters", {
      family: "docdb5.0",
      parameters: { tls: "enabled", audit_logs: "enabled" },
    }),
    storageEncrypted: true,
    kmsKey: key,
    backup: { retention: Duration.days(wanted.backupDays) },
    exportAuditLogsToCloudWatch: true,
    copyTagsToSnapshot: true,
    deletionProtection: protect,
    removalPolicy: protect ? RemovalPolicy.SNAPSHOT : RemovalPolicy.DESTROY,
  });
  for (const log of ["authenticate", "createIndex", "dropCollection"]) {
    acknowledge(cluster, `DOC5[LogExport::${log}]`, "All three are in the one log that DocumentDB has: audit.");
  }
  acknowledge(cluster, "DOC3", "Both stand in Secrets Manager: the rule cannot read a reference.");
  acknowledge(
    cluster,
    "SMG4",
    "Rotated by an operator: AWS's way to rotate it is a function that would have to be kept.",
  );
  stack.publish("documents/endpoint", cluster.clusterEndpoint.socketAddress);
  const { secret } = cluster;
  // A snapshot that is restored has the password that it had.
  secret?.applyRemovalPolicy(stack.kept);
  if (!secret) throw new Error("DocumentDB has no secret for its master password.");
  stack.publish("documents/secret", secret.secretArn);
}
