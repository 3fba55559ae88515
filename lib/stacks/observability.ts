import { Duration } from "aws-cdk-lib";
import { Alarm, ComparisonOperator, Metric, TreatMissingData, type IMetric } from "aws-cdk-lib/aws-cloudwatch";
import { SnsAction } from "aws-cdk-lib/aws-cloudwatch-actions";
import { PolicyStatement, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import { Key } from "aws-cdk-lib/aws-kms";
import { Topic } from "aws-cdk-lib/aws-sns";
import type { DatabaseInstance } from "aws-cdk-lib/aws-rds";
import type { Construct } from "constructs";
import type { Balanced } from "./balancer";
import type { DataStack } from "./data";
import type { EdgeStack } from "./edge";
import type { Infrastructure } from "../model/infrastructure";
import type { MessagingStack } from "./messaging";
import { SystemStack, type SystemProps } from "./system-stack";

interface Watched {
  data: DataStack;
  edge: EdgeStack;
  /** None where no service publishes. */
  messaging: MessagingStack | undefined;
}

interface Watching {
  metric: IMetric;
  /** How many of its periods in a row. */
  periods: number;
}

const GIB = 1024 ** 3;
const MINUTE = Duration.minutes(1);

/** Alarms on what the balancer sees, which holds when everything behind it is away; the rest is Prometheus' to tell. */
export class ObservabilityStack extends SystemStack {
  readonly #topic: Topic;

  constructor(scope: Construct, id: string, props: SystemProps & Watched) {
    super(scope, id, props);
    const { data, edge, infrastructure, messaging } = props;
    const key = new Key(this, "Key", {
      description: `Alarms of ${this.systemName}`,
      enableKeyRotation: true,
      removalPolicy: this.kept,
    });
    key.grantEncryptDecrypt(new ServicePrincipal("cloudwatch.amazonaws.com"));
    this.#topic = new Topic(this, "Alarms", {
      topicName: `${this.systemName}-alarms`,
      masterKey: key,
      enforceSSL: true,
    });
    // A topic with a policy of its own has no other: nobody could publish to it.
    this.#topic.addToResourcePolicy(
      new PolicyStatement({
        principals: [new ServicePrincipal("cloudwatch.amazonaws.com")],
        actions: ["sns:Publish"],
        resources: [this.#topic.topicArn],
        conditions: { StringEquals: { "aws:SourceAccount": this.account } },
      }),
    );
    this.publish("alarms/topic", this.#topic.topicArn);
    this.#balancer("", edge.front, infrastructure.alarms);
    if (edge.website) this.#balancer("Website", edge.website, infrastructure.alarms);
    if (data.database) this.#database(data.database);
    if (data.cache) this.#cache(data.cache);
    if (infrastructure.documents) this.#documents();
    if (infrastructure.search) this.#search();
    for (const [name, queue] of messaging?.failed ?? []) {
      this.#above(`Failed-${name}`, 0, `messages of ${name} that nobody could work on`, {
        metric: queue.metricApproximateNumberOfMessagesVisible({ period: Duration.minutes(5), statistic: "Maximum" }),
        periods: 1,
      });
    }
  }

  /** By the balancer's own name: what CDK reads it from is the listener's, which would be taken apart at deployment. */
  #balancer(
    prefix: string,
    { balancer, targets }: Balanced,
    { errorsPerMinute, p95Ms }: Infrastructure["alarms"],
  ): void {
    const own = { LoadBalancer: balancer.loadBalancerFullName };
    const gateways = { ...own, TargetGroup: targets.targetGroupFullName };
    const metric = (metricName: string, statistic: string, dimensionsMap: Record<string, string>): Metric =>
      new Metric({ namespace: "AWS/ApplicationELB", metricName, statistic, period: MINUTE, dimensionsMap });
    this.#above(`${prefix}Errors`, errorsPerMinute, "answers 5xx of the gateway in a minute", {
      metric: metric("HTTPCode_Target_5XX_Count", "Sum", gateways),
      periods: 2,
    });
    this.#above(`${prefix}BalancerErrors`, errorsPerMinute, "answers 5xx of the balancer itself in a minute", {
      metric: metric("HTTPCode_ELB_5XX_Count", "Sum", own),
      periods: 2,
    });
    // In seconds, as the metric is.
    this.#above(`${prefix}Latency`, p95Ms / 1000, "seconds for 95 % of the answers", {
      metric: metric("TargetResponseTime", "p95", gateways),
      periods: 3,
    });
    this.#above(`${prefix}Unhealthy`, 0, "gateways that the balancer finds unhealthy", {
      metric: metric("UnHealthyHostCount", "Maximum", gateways),
      periods: 3,
    });
  }

  #database(database: DatabaseInstance): void {
    const period = Duration.minutes(5);
    this.#above("DatabaseCpu", 80, "percent of the database's CPU", {
      metric: database.metricCPUUtilization({ period }),
      periods: 3,
    });
    this.#below("DatabaseStorage", 5 * GIB, "bytes of the database's storage left", {
      metric: database.metricFreeStorageSpace({ period }),
      periods: 1,
    });
  }

  /** By the names that they have in this environment, so that its stack needs no other. */
  #documents(): void {
    const dimensionsMap = { DBClusterIdentifier: this.systemName };
    const period = Duration.minutes(5);
    this.#above("DocumentsCpu", 80, "percent of the documents' CPU", {
      metric: new Metric({
        namespace: "AWS/DocDB",
        metricName: "CPUUtilization",
        statistic: "Maximum",
        period,
        dimensionsMap,
      }),
      periods: 3,
    });
  }

  #search(): void {
    const dimensionsMap = { DomainName: this.systemName, ClientId: this.account };
    const of = (metricName: string, statistic: string): IMetric =>
      new Metric({ namespace: "AWS/ES", metricName, statistic, period: MINUTE, dimensionsMap });
    this.#above("SearchRed", 0, "parts of the search without any copy", {
      metric: of("ClusterStatus.red", "Maximum"),
      periods: 1,
    });
    // In MiB, as the metric is.
    this.#below("SearchStorage", 2_048, "MiB of a search node's storage left", {
      metric: of("FreeStorageSpace", "Minimum"),
      periods: 1,
    });
  }

  /** By node: the store has no metrics of the whole group. */
  #cache({ group, nodes }: { group: string; nodes: number }): void {
    for (let n = 1; n <= nodes; n++) {
      const metric = (metricName: string): Metric =>
        new Metric({
          namespace: "AWS/ElastiCache",
          metricName,
          statistic: "Maximum",
          period: Duration.minutes(5),
          dimensionsMap: { CacheClusterId: `${group}-${String(n).padStart(3, "0")}` },
        });
      this.#above(`CacheCpu${String(n)}`, 80, "percent of the store's engine CPU", {
        metric: metric("EngineCPUUtilization"),
        periods: 3,
      });
      this.#above(`CacheMemory${String(n)}`, 80, "percent of the store's memory", {
        metric: metric("DatabaseMemoryUsagePercentage"),
        periods: 3,
      });
    }
  }

  #above(id: string, threshold: number, what: string, watched: Watching): void {
    this.#alarm(id, `More than ${String(threshold)} ${what}.`, ComparisonOperator.GREATER_THAN_THRESHOLD, {
      ...watched,
      threshold,
    });
  }

  #below(id: string, threshold: number, what: string, watched: Watching): void {
    this.#alarm(id, `Less than ${String(threshold)} ${what}.`, ComparisonOperator.LESS_THAN_THRESHOLD, {
      ...watched,
      threshold,
    });
  }

  #alarm(
    id: string,
    alarmDescription: string,
    comparisonOperator: ComparisonOperator,
    { metric, periods, threshold }: Watching & { threshold: number },
  ): void {
    const alarm = new Alarm(this, id, {
      alarmName: `${this.systemName}-${id}`,
      alarmDescription,
      metric,
      threshold,
      comparisonOperator,
      evaluationPeriods: periods,
      datapointsToAlarm: periods,
      treatMissingData: TreatMissingData.NOT_BREACHING,
    });
    alarm.addAlarmAction(new SnsAction(this.#topic));
    alarm.addOkAction(new SnsAction(this.#topic));
  }
}
