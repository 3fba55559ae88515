import { standing, used, type Item } from "../lines";
import { requestsOf } from "../usage";
import { GIB, Unpriced, type Pricer } from "./resource";

export const logsOf = (what: string, gib: number): Item[] => [
  used("logs and alarms", `${what}: taken in`, gib, "cloudwatch.logs.ingest"),
  used("logs and alarms", `${what}: a month kept`, gib, "cloudwatch.logs.storage"),
];

/** What is logged, by the group's name in our stacks. */
const group: Pricer = ({ id, stack, beside }, { usage }) => {
  const requests = requestsOf(usage);
  if (id.startsWith("ControlPlaneLogs")) return logsOf("Control plane's lines", usage.controlPlaneLogGiB);
  if (id.startsWith("FlowLogs")) return logsOf("Flow logs", (requests * usage.flowLogBytesPerRequest) / GIB);
  if (id.startsWith("FirewallLogs")) {
    const seen = stack === "Website" ? requests * usage.websiteShare : requests;
    const logging = Object.values(beside).find(({ Type }) => Type === "AWS::WAFv2::LoggingConfiguration");
    const share = logging?.Properties?.["LoggingFilter"] === undefined ? 1 : usage.matchedShare;
    return logsOf("Firewall's lines", (seen * share * usage.firewallLogBytesPerRequest) / GIB);
  }
  // What is slow, or what an engine says of itself, is seldom.
  if (/^(Cache|Search)/.test(id)) return [];
  throw new Unpriced("lib/cost does not know how much is logged into it.");
};

export const LOGS: Readonly<Record<string, Pricer>> = {
  "AWS::Logs::LogGroup": group,
  "AWS::CloudWatch::Alarm": () => [standing("logs and alarms", "Alarm", 1, "cloudwatch.alarm")],
};
