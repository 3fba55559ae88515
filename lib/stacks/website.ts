import { Duration } from "aws-cdk-lib";
import { Certificate, CertificateValidation } from "aws-cdk-lib/aws-certificatemanager";
import {
  AllowedMethods,
  CachePolicy,
  Distribution,
  Function as CloudFrontFunction,
  FunctionCode,
  FunctionEventType,
  FunctionRuntime,
  OriginProtocolPolicy,
  OriginRequestPolicy,
  ResponseHeadersPolicy,
  SecurityPolicyProtocol,
  ViewerProtocolPolicy,
} from "aws-cdk-lib/aws-cloudfront";
import { S3BucketOrigin, VpcOrigin } from "aws-cdk-lib/aws-cloudfront-origins";
import type { ApplicationLoadBalancer } from "aws-cdk-lib/aws-elasticloadbalancingv2";
import { AaaaRecord, ARecord, RecordTarget } from "aws-cdk-lib/aws-route53";
import { CloudFrontTarget } from "aws-cdk-lib/aws-route53-targets";
import { BlockPublicAccess, Bucket, BucketEncryption, ObjectOwnership, type IBucket } from "aws-cdk-lib/aws-s3";
import { CfnProtection } from "aws-cdk-lib/aws-shield";
import type { Construct } from "constructs";
import type { Infrastructure } from "../model/infrastructure";
import { acknowledge } from "./acknowledge";
import { idleOf } from "./balancer";
import { hostedZone } from "./hosted-zone";
import { logBucket } from "./log-bucket";
import { SystemStack, type SystemProps } from "./system-stack";
import { addFirewall } from "./waf";

type Website = NonNullable<Infrastructure["edge"]["website"]>;

/** CloudFront takes certificates and firewalls from this region only. */
const GLOBAL_REGION = "us-east-1";

/**
 * A path of the application in the browser is no file. Not by CloudFront's error pages: they hold for the whole
 * distribution, and would make a 200 of the gateway's 403.
 */
const PAGES = `function handler(event) {
  if (!/\\.[a-z0-9]+$/i.test(event.request.uri)) event.request.uri = "/index.html";
  return event.request;
}`;

/** CloudFront waits for an answer for 30 s by default, and for two minutes at most. */
const answerWithin = (props: SystemProps): Duration =>
  Duration.seconds(Math.min(120, Math.max(30, idleOf(props).toSeconds())));

/** Static files from a bucket that nobody reaches directly, and the gateway under the API's path. */
export class WebsiteStack extends SystemStack {
  constructor(
    scope: Construct,
    id: string,
    props: SystemProps & { website: Website; gateway: ApplicationLoadBalancer },
  ) {
    super(scope, id, props, { env: { region: GLOBAL_REGION } });
    const { infrastructure, website, gateway } = props;
    const { edge } = infrastructure;
    const zone = hostedZone(this, edge.hostedZone);
    const files = new Bucket(this, "Files", {
      encryption: BucketEncryption.S3_MANAGED,
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      enforceSSL: true,
      versioned: true,
      lifecycleRules: [{ noncurrentVersionExpiration: Duration.days(30) }],
      removalPolicy: this.kept,
      serverAccessLogsBucket: logBucket(this, "FileLogs"),
    });
    // CloudFront's standard logs are written with an access list.
    const logs = logBucket(this, "Logs", { objectOwnership: ObjectOwnership.BUCKET_OWNER_PREFERRED });
    const firewall = addFirewall(this, "CLOUDFRONT", `${this.systemName}-website`, props);
    const distribution = new Distribution(this, "Distribution", {
      domainNames: [website.host],
      certificate: new Certificate(this, "Certificate", {
        domainName: website.host,
        validation: CertificateValidation.fromDns(zone),
      }),
      minimumProtocolVersion: SecurityPolicyProtocol.TLS_V1_2_2021,
      webAclId: firewall.attrArn,
      logBucket: logs,
      defaultRootObject: "index.html",
      defaultBehavior: {
        origin: S3BucketOrigin.withOriginAccessControl(files as IBucket),
        viewerProtocolPolicy: ViewerProtocolPolicy.REDIRECT_TO_HTTPS,
        cachePolicy: CachePolicy.CACHING_OPTIMIZED,
        responseHeadersPolicy: ResponseHeadersPolicy.SECURITY_HEADERS,
        functionAssociations: [
          {
            eventType: FunctionEventType.VIEWER_REQUEST,
            function: new CloudFrontFunction(this, "Pages", {
              code: FunctionCode.fromInline(PAGES),
              runtime: FunctionRuntime.JS_2_0,
            }),
          },
        ],
      },
      additionalBehaviors: {
        [website.apiPath]: {
          // The Host of the client goes with it: the gateway knows the website's host by its own name.
          origin: VpcOrigin.withApplicationLoadBalancer(gateway, {
            protocolPolicy: OriginProtocolPolicy.HTTPS_ONLY,
            readTimeout: answerWithin(props),
          }),
          viewerProtocolPolicy: ViewerProtocolPolicy.REDIRECT_TO_HTTPS,
          allowedMethods: AllowedMethods.ALLOW_ALL,
          cachePolicy: CachePolicy.CACHING_DISABLED,
          originRequestPolicy: OriginRequestPolicy.ALL_VIEWER,
        },
      },
    });
    acknowledge(distribution, "CFR1", "The model names no countries; who may ask is the gateway's to say.");
    const { distributionArn: resourceArn } = distribution;
    if (edge.shieldAdvanced) new CfnProtection(this, "Shield", { name: `${this.systemName}-website`, resourceArn });
    const target = RecordTarget.fromAlias(new CloudFrontTarget(distribution));
    new ARecord(this, "Name", { zone, recordName: `${website.host}.`, target });
    new AaaaRecord(this, "Name6", { zone, recordName: `${website.host}.`, target });
    this.publish("website/bucket", files.bucketName);
    this.publish("website/distribution", distribution.distributionId);
  }
}
