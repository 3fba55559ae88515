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
import { HttpOrigin, S3BucketOrigin } from "aws-cdk-lib/aws-cloudfront-origins";
import { ARecord, RecordTarget } from "aws-cdk-lib/aws-route53";
import { CloudFrontTarget } from "aws-cdk-lib/aws-route53-targets";
import { BlockPublicAccess, Bucket, BucketEncryption, ObjectOwnership, type IBucket } from "aws-cdk-lib/aws-s3";
import { CfnProtection } from "aws-cdk-lib/aws-shield";
import type { Construct } from "constructs";
import type { Infrastructure } from "../model/infrastructure";
import { acknowledge } from "./acknowledge";
import { hostsOf } from "./from-model";
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

/** Static files from a bucket that nobody reaches directly, and the gateway under the API's path. */
export class WebsiteStack extends SystemStack {
  constructor(scope: Construct, id: string, props: SystemProps & { website: Website }) {
    super(scope, id, props, { env: { region: GLOBAL_REGION } });
    const { model, environment, infrastructure, website } = props;
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
    const gateway = hostsOf(model, environment).find((host) => host !== website.host);
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
      ...(gateway !== undefined && {
        additionalBehaviors: {
          [website.apiPath]: {
            // The Host of the client goes with it: the gateway knows the website's host by its own name.
            origin: new HttpOrigin(gateway, { protocolPolicy: OriginProtocolPolicy.HTTPS_ONLY }),
            viewerProtocolPolicy: ViewerProtocolPolicy.REDIRECT_TO_HTTPS,
            allowedMethods: AllowedMethods.ALLOW_ALL,
            cachePolicy: CachePolicy.CACHING_DISABLED,
            originRequestPolicy: OriginRequestPolicy.ALL_VIEWER,
          },
        },
      }),
    });
    acknowledge(distribution, "CFR1", "The model names no countries; who may ask is the gateway's to say.");
    const { distributionArn: resourceArn } = distribution;
    if (edge.shieldAdvanced) new CfnProtection(this, "Shield", { name: `${this.systemName}-website`, resourceArn });
    const target = RecordTarget.fromAlias(new CloudFrontTarget(distribution));
    new ARecord(this, "Name", { zone, recordName: `${website.host}.`, target });
    this.publish("website/bucket", files.bucketName);
    this.publish("website/distribution", distribution.distributionId);
  }
}
