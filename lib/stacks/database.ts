import { Duration, RemovalPolicy } from "aws-cdk-lib";
import { InstanceType, Port, SecurityGroup, SubnetType } from "aws-cdk-lib/aws-ec2";
import {
  Credentials,
  DatabaseInsightsMode,
  DatabaseInstance,
  DatabaseInstanceEngine,
  EngineLifecycleSupport,
  MysqlEngineVersion,
  ParameterGroup,
  PostgresEngineVersion,
  StorageType,
  type IInstanceEngine,
} from "aws-cdk-lib/aws-rds";
import type { Infrastructure } from "../model/infrastructure";
import { acknowledge } from "./acknowledge";
import type { DataScope } from "./data-scope";

type Wanted = NonNullable<Infrastructure["database"]>;

interface Engine {
  engine: IInstanceEngine;
  /** Refuses connections without TLS. */
  parameters: Record<string, string>;
  logs: string[];
  port: number;
}

/** Not the ports that everybody tries first. */
const ENGINES: Readonly<Record<Wanted["engine"], Engine>> = {
  postgres: {
    engine: DatabaseInstanceEngine.postgres({ version: PostgresEngineVersion.VER_17_9 }),
    parameters: { "rds.force_ssl": "1" },
    logs: ["postgresql", "upgrade"],
    port: 15_432,
  },
  mysql: {
    engine: DatabaseInstanceEngine.mysql({ version: MysqlEngineVersion.VER_8_4_10 }),
    parameters: { require_secure_transport: "ON" },
    logs: ["error", "slowquery"],
    port: 13_306,
  },
};

/** RDS has none for MySQL's smallest classes. */
const hasInsights = ({ engine, class: type }: Wanted): boolean =>
  !(engine === "mysql" && /^t[34]g?\.(micro|small)$/.test(type));

/** A database that RDS keeps the master password of, and that takes who signs in with IAM. */
export function addDatabase({ stack, vpc, key, clients }: DataScope, wanted: Wanted): DatabaseInstance {
  const { systemName, protect } = stack;
  const { engine, parameters, logs, port } = ENGINES[wanted.engine];
  const securityGroup = new SecurityGroup(stack, "DatabaseGroup", {
    vpc,
    description: `Database of ${systemName}`,
    allowAllOutbound: false,
  });
  securityGroup.addIngressRule(clients, Port.tcp(port), "Pods");
  const database = new DatabaseInstance(stack, "Database", {
    engine,
    vpc,
    vpcSubnets: { subnetType: SubnetType.PRIVATE_ISOLATED },
    instanceType: new InstanceType(wanted.class),
    securityGroups: [securityGroup],
    parameterGroup: new ParameterGroup(stack, "DatabaseParameters", { engine, parameters }),
    port,
    storageType: StorageType.GP3,
    // When its version leaves standard support, AWS moves it on; else the price doubles.
    engineLifecycleSupport: EngineLifecycleSupport.OPEN_SOURCE_RDS_EXTENDED_SUPPORT_DISABLED,
    iamAuthentication: true,
    ...(hasInsights(wanted) && {
      databaseInsightsMode: DatabaseInsightsMode.STANDARD,
      performanceInsightEncryptionKey: key,
      enablePerformanceInsights: true,
    }),
    monitoringInterval: Duration.minutes(1),
    cloudwatchLogsExports: logs,
    deletionProtection: protect,
    removalPolicy: protect ? RemovalPolicy.SNAPSHOT : RemovalPolicy.DESTROY,
    storageEncryptionKey: key,
    multiAz: wanted.multiAz,
    allocatedStorage: wanted.storageGiB,
    maxAllocatedStorage: 4 * wanted.storageGiB,
    storageEncrypted: true,
    manageMasterUserPassword: true,
    credentials: Credentials.fromUsername("gateway_admin", { encryptionKey: key }),
    backupRetention: Duration.days(wanted.backupDays),
    copyTagsToSnapshot: true,
  });
  acknowledge(
    database,
    "IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole]",
    "RDS asks for this policy of its monitoring.",
  );
  if (!wanted.multiAz) {
    acknowledge(database, "RDS3", "The model says that this environment may be away while its zone is.");
  }
  if (!protect) acknowledge(database, "RDS10", "The model says that this environment's data may go with it.");
  stack.publish("database/endpoint", `${database.dbInstanceEndpointAddress}:${String(port)}`);
  const { secret } = database;
  if (!secret) throw new Error("RDS has made no secret for the master password.");
  stack.publish("database/secret", secret.secretArn);
  return database;
}
