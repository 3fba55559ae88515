import type { ISecurityGroup, IVpc } from "aws-cdk-lib/aws-ec2";
import { Key, type IKey } from "aws-cdk-lib/aws-kms";
import type { DatabaseInstance } from "aws-cdk-lib/aws-rds";
import type { ISecret } from "aws-cdk-lib/aws-secretsmanager";
import type { Construct } from "constructs";
import { addCache } from "./cache";
import { addDatabase } from "./database";
import { addDocuments } from "./documents";
import { addSearch } from "./search";
import type { DataScope } from "./data-scope";
import { SystemStack, type SystemProps } from "./system-stack";

/** Everything that outlives a pod: database, shared store, search. In a stack of its own, which nothing else changes. */
export class DataStack extends SystemStack {
  readonly key: IKey;
  readonly database: DatabaseInstance | undefined;
  /** The shared store's replication group, and how many nodes it has. */
  readonly cache: { group: string; nodes: number } | undefined;
  /** Passwords that the cluster's manifests ask for: the shared store's. Administrators' own stay where they are. */
  readonly secrets: ISecret[];

  constructor(scope: Construct, id: string, props: SystemProps & { vpc: IVpc; clients: ISecurityGroup }) {
    super(scope, id, props);
    const { database, documents, cache, search } = props.infrastructure;
    const { vpc, clients } = props;
    const key = new Key(this, "Key", {
      description: `Data at rest of ${this.systemName}`,
      enableKeyRotation: true,
      removalPolicy: this.kept,
    });
    this.key = key;
    const shared: DataScope = { stack: this, vpc, key, clients };
    if (documents) addDocuments(shared, documents);
    const madeCache = cache && addCache(shared, cache);
    this.database = database && addDatabase(shared, database);
    this.cache = madeCache;
    this.secrets = madeCache ? [madeCache.secret] : [];
    if (search) addSearch(shared, search);
  }
}
