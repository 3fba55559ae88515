import { Duration } from "aws-cdk-lib";
import { Key, type IKey } from "aws-cdk-lib/aws-kms";
import { ServicePrincipal } from "aws-cdk-lib/aws-iam";
import { Topic, type ITopic } from "aws-cdk-lib/aws-sns";
import { SqsSubscription } from "aws-cdk-lib/aws-sns-subscriptions";
import { Queue, QueueEncryption } from "aws-cdk-lib/aws-sqs";
import type { Construct } from "constructs";
import { SystemStack, type SystemProps } from "./system-stack";

/** Topics that services publish to, each with a queue, and a second one for what nobody could work on. */
export class MessagingStack extends SystemStack {
  /** By the model's names. */
  readonly topics = new Map<string, ITopic>();
  readonly queues = new Map<string, Queue>();
  /** What nobody could work on, by topic. */
  readonly failed = new Map<string, Queue>();
  readonly key: IKey;

  constructor(scope: Construct, id: string, props: SystemProps) {
    super(scope, id, props);
    const key = new Key(this, "Key", {
      description: `Messages of ${this.systemName}`,
      enableKeyRotation: true,
      removalPolicy: this.kept,
    });
    key.grantEncryptDecrypt(new ServicePrincipal("sns.amazonaws.com"));
    this.key = key;
    // A key of their own would have to name the topics, and the topics it.
    const encrypted = { encryption: QueueEncryption.SQS_MANAGED, enforceSSL: true };
    for (const name of props.infrastructure.topics) {
      const topic = new Topic(this, `Topic-${name}`, {
        topicName: `${this.systemName}-${name}`,
        masterKey: key,
        enforceSSL: true,
      });
      const failed = new Queue(this, `Failed-${name}`, { ...encrypted, retentionPeriod: Duration.days(14) });
      const queue = new Queue(this, `Queue-${name}`, {
        ...encrypted,
        queueName: `${this.systemName}-${name}`,
        deadLetterQueue: { queue: failed, maxReceiveCount: 5 },
      });
      topic.addSubscription(new SqsSubscription(queue, { rawMessageDelivery: true }));
      this.topics.set(name, topic);
      this.queues.set(name, queue);
      this.failed.set(name, failed);
      this.publish(`topics/${name}`, topic.topicArn);
      this.publish(`queues/${name}`, queue.queueUrl);
      this.publish(`failed/${name}`, failed.queueUrl);
    }
  }
}
