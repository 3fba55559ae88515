import { CfnLoggingConfiguration, CfnWebACL } from "aws-cdk-lib/aws-wafv2";
import { LogGroup, RetentionDays } from "aws-cdk-lib/aws-logs";
import { ArnFormat, RemovalPolicy, Stack } from "aws-cdk-lib";
import type { Construct } from "constructs";
import { FIREWALL_GROUPS, type FirewallGroup } from "../model/infrastructure";

interface Firewall {
  name: string;
  scope: "REGIONAL" | "CLOUDFRONT";
  /** Requests of one address in a minute, above which it is refused. */
  addressLimit: number;
  /** Headers that carry keys in this model. */
  secretHeaders: readonly string[];
  /** Groups whose refusals the model has accepted; the others count what they would refuse. */
  refusing: readonly FirewallGroup[];
}

const visible = (metricName: string): CfnWebACL.VisibilityConfigProperty => ({
  metricName,
  cloudWatchMetricsEnabled: true,
  sampledRequestsEnabled: true,
});

function managed(name: FirewallGroup, priority: number, refuses: boolean): CfnWebACL.RuleProperty {
  return {
    name,
    priority,
    overrideAction: refuses ? { none: {} } : { count: {} },
    statement: { managedRuleGroupStatement: { vendorName: "AWS", name } },
    visibilityConfig: visible(name),
  };
}

/**
 * A firewall that refuses floods, and what groups refuse that the model names: one that refuses by itself what the gateway
 * allows is a second, unwritten policy. What it sees is logged.
 */
export function addFirewall(
  scope: Construct,
  { name, scope: where, addressLimit, refusing, secretHeaders }: Firewall,
): CfnWebACL {
  const groups = FIREWALL_GROUPS.map((group, index) => managed(group, index + 1, refusing.includes(group)));
  const acl = new CfnWebACL(scope, "Firewall", {
    name,
    scope: where,
    defaultAction: { allow: {} },
    rules: [
      {
        name: "AddressRate",
        priority: 0,
        action: { block: { customResponse: { responseCode: 429 } } },
        statement: {
          rateBasedStatement: { limit: addressLimit, aggregateKeyType: "IP", evaluationWindowSec: 60 },
        },
        visibilityConfig: visible("AddressRate"),
      },
      ...groups,
    ],
    visibilityConfig: visible(name),
  });
  // The name must begin so.
  const logs = new LogGroup(scope, "FirewallLogs", {
    logGroupName: `aws-waf-logs-${name}`,
    retention: RetentionDays.ONE_MONTH,
    removalPolicy: RemovalPolicy.DESTROY,
  });
  new CfnLoggingConfiguration(scope, "FirewallLogging", {
    resourceArn: acl.attrArn,
    logDestinationConfigs: [
      Stack.of(scope).formatArn({
        service: "logs",
        resource: "log-group",
        resourceName: logs.logGroupName,
        arnFormat: ArnFormat.COLON_RESOURCE_NAME,
      }),
    ],
    // Tokens and keys stand in full in no log.
    redactedFields: [
      { queryString: {} },
      ...["authorization", "cookie", "sec-websocket-protocol", ...secretHeaders].map((header) => ({
        singleHeader: { Name: header },
      })),
    ],
  });
  return acl;
}
