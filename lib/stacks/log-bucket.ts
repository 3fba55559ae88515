import { Duration } from "aws-cdk-lib";
import { BlockPublicAccess, Bucket, BucketEncryption, type BucketProps, type IBucket } from "aws-cdk-lib/aws-s3";
import { acknowledge } from "./acknowledge";
import type { SystemStack } from "./system-stack";

/** A bucket for access logs, which are kept for 90 days. */
export function logBucket(stack: SystemStack, id: string, more: BucketProps = {}): IBucket {
  const bucket = new Bucket(stack, id, {
    encryption: BucketEncryption.S3_MANAGED,
    blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
    enforceSSL: true,
    lifecycleRules: [{ expiration: Duration.days(90) }],
    removalPolicy: stack.kept,
    ...more,
  });
  acknowledge(bucket, "S1", "It is where access logs go; logs of who wrote logs would go nowhere.");
  // CDK's classes are not written for exact optional properties: as its own interfaces they are taken.
  return bucket as IBucket;
}
