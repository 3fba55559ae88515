import { standing, used, type Item } from "../lines";
import { MONTH_DAYS } from "../usage";
import { GIB, number, Unpriced, type Priced, type Pricer } from "./resource";
import { any } from "./priced-properties";

/** Lines of a month, and those of all months that they are kept for. */
export const logsOf = (what: string, gib: number, days = MONTH_DAYS): Item[] => [
  used("logs and alarms", `${what}: taken in`, gib, "cloudwatch.logs.ingest"),
  used("logs and alarms", `${what}: kept`, (gib * days) / MONTH_DAYS, "cloudwatch.logs.storage"),
];

/** What is logged, by the group's name in our stacks. */
const group: Pricer = ({ id, stack, beside, properties }, { usage, traffic }) => {
  // What is slow, or what an engine says of itself, is seldom.
  if (/^(Cache|Search)/.test(id)) return [];
  const days = number(properties, "RetentionInDays");
  if (id.startsWith("ControlPlaneLogs")) return logsOf("Control plane's lines", usage.controlPlaneLogGiB, days);
  if (id.startsWith("FlowLogs"))
    return logsOf("Flow logs", (traffic.balancer * usage.flowLogBytesPerRequest) / GIB, days);
  if (id.startsWith("FirewallLogs")) {
    const seen = stack === "Website" ? traffic.website : traffic.direct;
    const logging = Object.values(beside).find(({ Type }) => Type === "AWS::WAFv2::LoggingConfiguration");
    const share = logging?.Properties?.["LoggingFilter"] === undefined ? 1 : usage.matchedShare;
    return logsOf("Firewall's lines", (seen * share * usage.firewallLogBytesPerRequest) / GIB, days);
  }
  throw new Unpriced("lib/cost does not know how much is logged into it.");
};

export const LOGS: Readonly<Record<string, Priced>> = {
  "AWS::Logs::LogGroup": {
    price: group,
    takes: { ...any("KmsKeyId LogGroupName RetentionInDays Tags"), LogGroupClass: ["STANDARD"] },
  },
  "AWS::CloudWatch::Alarm": {
    price: () => [standing("logs and alarms", "Alarm", 1, "cloudwatch.alarm")],
    // Of one metric, looked at once a minute or less often; `Metrics` has a price for each.
    takes: {
      ...any("AlarmActions AlarmDescription AlarmName ComparisonOperator DatapointsToAlarm Dimensions"),
      ...any("EvaluationPeriods ExtendedStatistic MetricName Namespace OKActions Statistic Tags Threshold"),
      ...any("TreatMissingData"),
      Period: [60, 300],
    },
  },
};
