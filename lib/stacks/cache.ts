import { CfnReplicationGroup, CfnSubnetGroup, CfnUser, CfnUserGroup } from "aws-cdk-lib/aws-elasticache";
import { Port, SecurityGroup } from "aws-cdk-lib/aws-ec2";
import { LogGroup, RetentionDays } from "aws-cdk-lib/aws-logs";
import { Secret, type ISecret } from "aws-cdk-lib/aws-secretsmanager";
import { CfnDeletionPolicy, RemovalPolicy } from "aws-cdk-lib";
import { STORE_USER } from "../charts/places";
import type { Infrastructure } from "../model/infrastructure";
import { acknowledge } from "./acknowledge";
import type { DataScope } from "./data-scope";

/** Not the port that everybody tries first. */
const PORT = 16_379;

/** The shared store of counters, caches and revocations: Valkey with TLS and a user of its own. */
export function addCache(
  { stack, vpc, key, clients }: DataScope,
  wanted: NonNullable<Infrastructure["cache"]>,
): { group: string; nodes: number; secret: ISecret } {
  const { systemName, protect } = stack;
  const securityGroup = new SecurityGroup(stack, "CacheGroup", {
    vpc,
    description: `Shared store of ${systemName}`,
    allowAllOutbound: false,
  });
  securityGroup.addIngressRule(clients, Port.tcp(PORT), "Pods");
  const password = new Secret(stack, "CachePassword", {
    secretName: `${systemName}/cache`,
    encryptionKey: key,
    generateSecretString: { passwordLength: 64, excludePunctuation: true },
    removalPolicy: stack.kept,
  });
  acknowledge(
    password,
    "SMG4",
    "A user of the store has two passwords: a new one is added, then the old one taken away.",
  );
  const user = new CfnUser(stack, "CacheUser", {
    userId: `${systemName}-${STORE_USER}`,
    userName: STORE_USER,
    engine: "valkey",
    // All keys, and no command that stops or empties the store; INFO says whether it is still loading.
    accessString: "on ~* &* +@all -@admin -@dangerous +info",
    passwords: [password.secretValue.unsafeUnwrap()],
  });
  const users = new CfnUserGroup(stack, "CacheUsers", {
    userGroupId: systemName,
    engine: "valkey",
    userIds: [user.ref],
  });
  const subnets = new CfnSubnetGroup(stack, "CacheSubnets", {
    description: `Shared store of ${systemName}`,
    subnetIds: vpc.isolatedSubnets.map(({ subnetId }) => subnetId),
  });
  const log = (kind: string): CfnReplicationGroup.LogDeliveryConfigurationRequestProperty => ({
    logType: kind,
    logFormat: "json",
    destinationType: "cloudwatch-logs",
    destinationDetails: {
      cloudWatchLogsDetails: {
        logGroup: new LogGroup(stack, `Cache-${kind}`, {
          retention: RetentionDays.ONE_MONTH,
          removalPolicy: RemovalPolicy.DESTROY,
        }).logGroupName,
      },
    },
  });
  const group = new CfnReplicationGroup(stack, "Cache", {
    replicationGroupDescription: `Shared store of ${systemName}`,
    replicationGroupId: systemName,
    engine: "valkey",
    engineVersion: "8.0",
    cacheNodeType: wanted.nodeType,
    numNodeGroups: 1,
    replicasPerNodeGroup: wanted.replicas,
    automaticFailoverEnabled: true,
    multiAzEnabled: true,
    port: PORT,
    transitEncryptionEnabled: true,
    transitEncryptionMode: "required",
    atRestEncryptionEnabled: true,
    kmsKeyId: key.keyArn,
    userGroupIds: [users.ref],
    securityGroupIds: [securityGroup.securityGroupId],
    cacheSubnetGroupName: subnets.ref,
    snapshotRetentionLimit: wanted.snapshotDays,
    autoMinorVersionUpgrade: true,
    logDeliveryConfigurations: [log("slow-log"), log("engine-log")],
  });
  if (protect) {
    group.cfnOptions.deletionPolicy = CfnDeletionPolicy.SNAPSHOT;
    group.cfnOptions.updateReplacePolicy = CfnDeletionPolicy.SNAPSHOT;
  }
  acknowledge(group, "AEC6", "Users with passwords of their own stand in for one token for all.");
  stack.publish("cache/endpoint", `${group.attrPrimaryEndPointAddress}:${String(PORT)}`);
  stack.publish("cache/secret", password.secretArn);
  return { group: systemName, nodes: 1 + wanted.replicas, secret: password as ISecret };
}
