import { ArnFormat } from "aws-cdk-lib";
import type { ICluster } from "aws-cdk-lib/aws-eks-v2";
import { PolicyStatement } from "aws-cdk-lib/aws-iam";
import type { IKey } from "aws-cdk-lib/aws-kms";
import type { ISecret } from "aws-cdk-lib/aws-secretsmanager";
import type { Construct } from "constructs";
import { userOf, workloadOf } from "../model";
import type { Access } from "../model/infrastructure";
import { acknowledge } from "./acknowledge";
import type { DataStack } from "./data";
import type { EdgeStack } from "./edge";
import type { MessagingStack } from "./messaging";
import { podRole } from "./pod-role";
import type { SecretsStack } from "./secrets";
import { SystemStack, type SystemProps } from "./system-stack";

interface Reached {
  cluster: ICluster;
  edge: EdgeStack;
  data: DataStack;
  /** None where the model keeps no secret there. */
  secrets: SecretsStack | undefined;
  /** None where no service publishes. */
  messaging: MessagingStack | undefined;
}

const allow = (actions: string[], resources: string[]): PolicyStatement => new PolicyStatement({ actions, resources });

/** By the role's own policy alone: a grant would change the key's as well, in a stack that this one depends on. */
const readSecrets = (secrets: readonly ISecret[], key: IKey): PolicyStatement[] =>
  secrets.length === 0
    ? []
    : [
        allow(
          ["secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"],
          secrets.map((s) => s.secretArn),
        ),
        allow(["kms:Decrypt"], [key.keyArn]),
      ];

/** What pods may do outside of the cluster, each service account for itself. */
export class AccessStack extends SystemStack {
  constructor(scope: Construct, id: string, props: SystemProps & Reached) {
    super(scope, id, props);
    this.#externalSecrets(props);
    this.#balancerController(props);
    this.#gateways(props);
    this.#services(props);
  }

  #externalSecrets({ cluster, data }: SystemProps & Reached): void {
    const parameters = this.formatArn({ service: "ssm", resource: "parameter", resourceName: `${this.systemName}/*` });
    const { role } = podRole(this, "ExternalSecrets", {
      cluster,
      namespace: "external-secrets",
      serviceAccount: "external-secrets",
      statements: [
        allow(["ssm:GetParameter", "ssm:GetParametersByPath"], [parameters]),
        ...readSecrets(data.secrets, data.key),
      ],
    });
    acknowledge(
      role,
      `IAM5[Resource::arn:${this.partition}:ssm:${this.region}:<AWS::AccountId>:parameter/${this.systemName}/*]`,
      "The parameters of this system and environment, whose names it takes by path.",
    );
  }

  /** Only what binds pods to the target group: the balancer itself is made here, not in the cluster. */
  #balancerController({ cluster, edge }: Reached): void {
    const { role } = podRole(this, "BalancerController", {
      cluster,
      namespace: "kube-system",
      serviceAccount: "aws-load-balancer-controller",
      statements: [
        allow(
          ["elasticloadbalancing:RegisterTargets", "elasticloadbalancing:DeregisterTargets"],
          [edge.front, ...(edge.website ? [edge.website] : [])].map(({ targets }) => targets.targetGroupArn),
        ),
        allow(
          [
            "elasticloadbalancing:DescribeTargetGroups",
            "elasticloadbalancing:DescribeTargetHealth",
            "elasticloadbalancing:DescribeTags",
            "ec2:DescribeAvailabilityZones",
            "ec2:DescribeInstances",
            "ec2:DescribeNetworkInterfaces",
            "ec2:DescribeSecurityGroups",
            "ec2:DescribeSubnets",
            "ec2:DescribeVpcs",
          ],
          ["*"],
        ),
      ],
    });
    acknowledge(role, "IAM5[Resource::*]", "AWS's Describe actions take no resource.");
  }

  /** The filter reads the model's secrets itself, as the gateway too: which of the two runs is the cluster's to say. */
  #gateways({ cluster, secrets, model }: SystemProps & Reached): void {
    if (!secrets) return;
    for (const isGateway of [false, true]) {
      const { name: serviceAccount, namespace } = workloadOf(model, isGateway);
      podRole(this, isGateway ? "Gateway" : "Filter", {
        cluster,
        namespace,
        serviceAccount,
        statements: readSecrets(secrets.secrets, secrets.key),
      });
    }
  }

  #services(props: SystemProps & Reached): void {
    for (const [account, wanted] of Object.entries(props.infrastructure.access)) {
      const [namespace = "", serviceAccount = ""] = account.split("/");
      const { role } = podRole(this, `${namespace}_${serviceAccount}`, {
        cluster: props.cluster,
        namespace,
        serviceAccount,
        statements: [
          ...(wanted.database ? this.#signIn(userOf(account), props) : []),
          ...(wanted.search ? this.#search() : []),
          ...this.#messages(wanted, props),
        ],
      });
      // Its name is the user's in DocumentDB.
      if (wanted.documents) this.publish(`documents/users/${account}`, role.roleArn);
      if (wanted.search) {
        const domain = `arn:${this.partition}:es:${this.region}:<AWS::AccountId>:domain/${this.systemName}/*`;
        acknowledge(
          role,
          `IAM5[Resource::${domain}]`,
          "Indices of this system's own domain, whose names are the pods' to choose.",
        );
      }
    }
  }

  /** The database knows the user, who has the right to sign in by IAM. */
  #signIn(user: string, { data }: Reached): PolicyStatement[] {
    const resourceName = `${data.database?.instanceResourceId ?? ""}/${user}`;
    const arnFormat = ArnFormat.COLON_RESOURCE_NAME;
    return [
      allow(["rds-db:connect"], [this.formatArn({ service: "rds-db", resource: "dbuser", resourceName, arnFormat })]),
    ];
  }

  #search(): PolicyStatement[] {
    const domain = this.formatArn({ service: "es", resource: "domain", resourceName: `${this.systemName}/*` });
    return [allow(["es:ESHttpGet", "es:ESHttpHead", "es:ESHttpPost", "es:ESHttpPut"], [domain])];
  }

  /** Topics have a key of ours; queues are encrypted by SQS, which asks for none. */
  #messages({ publish, consume }: Access, { messaging }: Reached): PolicyStatement[] {
    if (!messaging) return [];
    const topics = publish.flatMap((name) => messaging.topics.get(name)?.topicArn ?? []);
    const queues = consume.flatMap((name) => messaging.queues.get(name)?.queueArn ?? []);
    const take = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility", "sqs:GetQueueAttributes"];
    return [
      ...(topics.length > 0
        ? [allow(["sns:Publish"], topics), allow(["kms:GenerateDataKey", "kms:Decrypt"], [messaging.key.keyArn])]
        : []),
      ...(queues.length > 0 ? [allow(take, queues)] : []),
    ];
  }
}
