import { CfnLoggingConfiguration, CfnWebACL } from "aws-cdk-lib/aws-wafv2";
import { LogGroup, RetentionDays } from "aws-cdk-lib/aws-logs";
import { ArnFormat, RemovalPolicy } from "aws-cdk-lib";
import { FIREWALL_GROUPS, type FirewallGroup } from "../model/infrastructure";
import { addressLimit, secretHeaders } from "./from-model";
import type { SystemProps, SystemStack } from "./system-stack";

const visible = (metricName: string): CfnWebACL.VisibilityConfigProperty => ({
  metricName,
  cloudWatchMetricsEnabled: true,
  // A sample has all headers as they came, tokens with them; the log has what a rule matched.
  sampledRequestsEnabled: false,
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

const actionIs = (action: string): object => ({ ActionCondition: { Action: action } });

/** What a rule has something against. */
const MATCHED = {
  DefaultBehavior: "DROP",
  Filters: [
    {
      Behavior: "KEEP",
      Requirement: "MEETS_ANY",
      Conditions: ["BLOCK", "COUNT", "EXCLUDED_AS_COUNT"].map(actionIs),
    },
  ],
};

/**
 * A firewall that refuses floods, and what groups refuse that the model names: one that refuses by itself what the gateway
 * allows is a second, unwritten policy. What it sees is logged.
 */
export function addFirewall(
  stack: SystemStack,
  where: "REGIONAL" | "CLOUDFRONT",
  name: string,
  { model, environment, infrastructure }: SystemProps,
): CfnWebACL {
  const { firewall, firewallLogs } = infrastructure.edge;
  const groups = FIREWALL_GROUPS.map((group, index) => managed(group, index + 1, firewall.includes(group)));
  const acl = new CfnWebACL(stack, "Firewall", {
    name,
    scope: where,
    defaultAction: { allow: {} },
    rules: [
      {
        name: "AddressRate",
        priority: 0,
        action: { block: { customResponse: { responseCode: 429 } } },
        statement: {
          rateBasedStatement: {
            limit: addressLimit(model, environment),
            aggregateKeyType: "IP",
            evaluationWindowSec: 60,
          },
        },
        visibilityConfig: visible("AddressRate"),
      },
      ...groups,
    ],
    visibilityConfig: visible(name),
  });
  // The name must begin so.
  const logs = new LogGroup(stack, "FirewallLogs", {
    logGroupName: `aws-waf-logs-${name}`,
    retention: RetentionDays.ONE_MONTH,
    removalPolicy: RemovalPolicy.DESTROY,
  });
  new CfnLoggingConfiguration(stack, "FirewallLogging", {
    resourceArn: acl.attrArn,
    logDestinationConfigs: [
      stack.formatArn({
        service: "logs",
        resource: "log-group",
        resourceName: logs.logGroupName,
        arnFormat: ArnFormat.COLON_RESOURCE_NAME,
      }),
    ],
    ...(firewallLogs === "matched" && { loggingFilter: MATCHED }),
    // Tokens and keys stand in full in no log.
    redactedFields: [
      { queryString: {} },
      ...["authorization", "cookie", "sec-websocket-protocol", ...secretHeaders(model, environment)].map((header) => ({
        singleHeader: { Name: header },
      })),
    ],
  });
  return acl;
}
