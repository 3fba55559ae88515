import { HOURS, standing, used, type Item } from "../lines";
import { MONTH_DAYS } from "../usage";
import {
  GIB,
  isOn,
  listed,
  MILLION,
  number,
  text,
  Unpriced,
  type Priced,
  type Pricer,
  type Surroundings,
} from "./resource";
import { any, must, type PricedProperties } from "./priced-properties";

/** What outlives a pod: databases, the shared store, search, files, messages, secrets. */

const secret = (what: string): Item => standing("secrets and keys", what, 1, "secrets.secret");

const database: Pricer = ({ properties }, { usage }) => {
  const engine = text(properties, "Engine");
  const type = text(properties, "DBInstanceClass").replace(/^db\./, "");
  const [zones, placed] = isOn(properties, "MultiAZ") ? [2, ".multi-az"] : [1, ""];
  const stored = number(properties, "AllocatedStorage");
  const what = `db.${type}, ${engine}, ${zones === 2 ? "in two zones" : "in one zone"}`;
  return [
    standing("database", what, HOURS, listed(`rds.${engine}${placed}.${type}`)),
    standing("database", "Database's storage", zones * stored, "rds.gp3"),
    used("database", "Backups beyond the storage", Math.max(0, usage.backupGiB - stored), "rds.backup"),
    ...(isOn(properties, "ManageMasterUserPassword") ? [secret("Database's password")] : []),
  ];
};

const documents: Pricer = (_, { usage, traffic }) => {
  const asked = (traffic.all * usage.databaseShare) / MILLION;
  return [
    used("database", "Documents' storage", usage.documentsGiB, "docdb.storage"),
    used("database", "Documents' reads and writes", asked, "docdb.io"),
  ];
};

const document: Pricer = ({ properties }) => {
  const type = text(properties, "DBInstanceClass").replace(/^db\./, "");
  return [standing("database", `db.${type}, documents`, HOURS, listed(`docdb.${type}`))];
};

const sharedStore: Pricer = ({ properties }) => {
  const type = text(properties, "CacheNodeType").replace(/^cache\./, "");
  const count = number(properties, "NumNodeGroups") * (1 + number(properties, "ReplicasPerNodeGroup"));
  const engine = text(properties, "Engine");
  const what = `${String(count)} × cache.${type}, ${engine}`;
  return [standing("shared store", what, count * HOURS, listed(`${engine}.${type}`))];
};

const search: Pricer = ({ properties }) => {
  const config = properties["ClusterConfig"];
  const instances = (what: string, type: string, count: number): Item =>
    standing(
      "search",
      `${String(count)} × ${type}, ${what}`,
      count * HOURS,
      listed(`search.${type.replace(/\.search$/, "")}`),
    );
  const count = number(config, "InstanceCount");
  const stored = count * number(properties, "EBSOptions", "VolumeSize");
  return [
    instances("data", text(config, "InstanceType"), count),
    ...(isOn(config, "DedicatedMasterEnabled")
      ? [instances("masters", text(config, "DedicatedMasterType"), number(config, "DedicatedMasterCount"))]
      : []),
    standing("search", "Search's storage", stored, "search.gp3"),
  ];
};

/** What a bucket holds, by its name in our stacks. */
const bucket: Pricer = ({ id, stack, properties }, { usage, traffic }) => {
  const held = (what: string, gib: number): Item[] => [used("storage", what, gib, "s3.storage")];
  if (id.startsWith("FileLogs")) return [];
  if (id.startsWith("Files")) return held("Static files", usage.staticGiB);
  const months = number(properties, "LifecycleConfiguration", "Rules", 0, "ExpirationInDays") / MONTH_DAYS;
  const linesOf = (requests: number): number => (months * requests * usage.accessLogBytesPerRequest) / GIB;
  if (id.startsWith("AccessLogs")) return held("Balancer's access logs", linesOf(traffic.balancer));
  if (stack === "Website" && id.startsWith("Logs")) return held("CloudFront's logs", linesOf(traffic.website));
  throw new Unpriced("lib/cost does not know what is kept in it.");
};

/** A message is sent, received and taken out. */
const CALLS_A_MESSAGE = 3;

/** Millions in each topic, which has a queue, and a second one for what nobody could work on. */
const messagesOfEach = ({ usage, count }: Surroundings): number =>
  usage.messages / MILLION / (count("AWS::SQS::Queue") / 2);

const BUCKET: PricedProperties = {
  ...any("BucketEncryption LoggingConfiguration OwnershipControls PublicAccessBlockConfiguration Tags"),
  ...any("VersioningConfiguration"),
  // No other class of storage.
  LifecycleConfiguration: {
    Rules: any("AbortIncompleteMultipartUpload ExpirationInDays Id NoncurrentVersionExpiration Status"),
  },
};

export const DATA: Readonly<Record<string, Priced>> = {
  "AWS::RDS::DBInstance": {
    price: database,
    takes: {
      ...any("AllocatedStorage BackupRetentionPeriod CopyTagsToSnapshot DBInstanceClass DBParameterGroupName"),
      ...any("DBSubnetGroupName DeletionProtection EnableCloudwatchLogsExports EnableIAMDatabaseAuthentication"),
      ...any("EnablePerformanceInsights Engine EngineVersion KmsKeyId ManageMasterUserPassword MasterUserSecret"),
      ...any("MasterUsername MaxAllocatedStorage MonitoringInterval MonitoringRoleArn MultiAZ"),
      ...any("PerformanceInsightsKMSKeyId Port PubliclyAccessible StorageEncrypted Tags VPCSecurityGroups"),
      DatabaseInsightsMode: ["standard"],
      // A week is kept for nothing.
      PerformanceInsightsRetentionPeriod: [7],
      EngineLifecycleSupport: must("open-source-rds-extended-support-disabled"),
      StorageType: must("gp3"),
    },
  },
  "AWS::DocDB::DBCluster": {
    price: documents,
    takes: {
      ...any(
        "BackupRetentionPeriod CopyTagsToSnapshot DBClusterParameterGroupName DBSubnetGroupName DeletionProtection",
      ),
      ...any(
        "DBClusterIdentifier EnableCloudwatchLogsExports EngineVersion KmsKeyId MasterUserPassword MasterUsername Port",
      ),
      ...any("StorageEncrypted Tags VpcSecurityGroupIds"),
      StorageType: ["standard"],
    },
  },
  "AWS::DocDB::DBInstance": {
    price: document,
    takes: any("DBClusterIdentifier DBInstanceClass DBInstanceIdentifier Tags"),
  },
  "AWS::ElastiCache::ReplicationGroup": {
    price: sharedStore,
    takes: {
      ...any("AtRestEncryptionEnabled AutoMinorVersionUpgrade AutomaticFailoverEnabled CacheNodeType"),
      ...any("CacheSubnetGroupName Engine EngineVersion KmsKeyId LogDeliveryConfigurations MultiAZEnabled"),
      ...any("NumNodeGroups Port ReplicasPerNodeGroup ReplicationGroupDescription ReplicationGroupId"),
      ...any(
        "SecurityGroupIds SnapshotRetentionLimit Tags TransitEncryptionEnabled TransitEncryptionMode UserGroupIds",
      ),
    },
  },
  "AWS::OpenSearchService::Domain": {
    price: search,
    takes: {
      ...any("AccessPolicies DomainEndpointOptions DomainName EncryptionAtRestOptions EngineVersion"),
      ...any("LogPublishingOptions NodeToNodeEncryptionOptions Tags VPCOptions"),
      ClusterConfig: {
        ...any("DedicatedMasterCount DedicatedMasterEnabled DedicatedMasterType InstanceCount InstanceType"),
        ...any("MultiAZWithStandbyEnabled ZoneAwarenessConfig ZoneAwarenessEnabled"),
      },
      EBSOptions: { ...any("VolumeSize"), EBSEnabled: [true], VolumeType: must("gp3") },
    },
  },
  "AWS::S3::Bucket": { price: bucket, takes: BUCKET },
  "AWS::KMS::Key": {
    price: () => [standing("secrets and keys", "Key", 1, "kms.key")],
    takes: any("Description EnableKeyRotation KeyPolicy PendingWindowInDays Tags"),
  },
  "AWS::SecretsManager::Secret": {
    price: () => [secret("Secret")],
    takes: any("Description GenerateSecretString KmsKeyId Name Tags"),
  },
  "AWS::SNS::Topic": {
    // Alarms are seldom.
    price: ({ stack }, around) =>
      stack === "Messaging" ? [used("messaging", "Messages published", messagesOfEach(around), "sns.publish")] : [],
    takes: any("KmsMasterKeyId Tags TopicName"),
  },
  "AWS::SQS::Queue": {
    // The second queue takes what nobody could work on.
    price: ({ properties }, around) =>
      "RedrivePolicy" in properties
        ? [used("messaging", "Queue's requests", CALLS_A_MESSAGE * messagesOfEach(around), "sqs.standard")]
        : [],
    takes: any(
      "KmsMasterKeyId MessageRetentionPeriod QueueName RedrivePolicy SqsManagedSseEnabled Tags VisibilityTimeout",
    ),
  },
};
