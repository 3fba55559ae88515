import { Duration, RemovalPolicy } from "aws-cdk-lib";
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
import { hostedZone, logBucket } from "./edge";
import { addressLimit, hostsOf, secretHeaders } from "./from-model";
import { publish } from "./parameters";
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
    const { edge, protect } = infrastructure;
    const zone = hostedZone(this, edge.hostedZone);
    const files = new Bucket(this, "Files", {
      encryption: BucketEncryption.S3_MANAGED,
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      enforceSSL: true,
      versioned: true,
      lifecycleRules: [{ noncurrentVersionExpiration: Duration.days(30) }],
      removalPolicy: protect ? RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE : RemovalPolicy.DESTROY,
      serverAccessLogsBucket: logBucket(this, "FileLogs", protect, 90),
    });
    const logs = new Bucket(this, "Logs", {
      encryption: BucketEncryption.S3_MANAGED,
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      enforceSSL: true,
      // CloudFront's standard logs are written with an access list.
      objectOwnership: ObjectOwnership.BUCKET_OWNER_PREFERRED,
      lifecycleRules: [{ expiration: Duration.days(90) }],
      removalPolicy: protect ? RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE : RemovalPolicy.DESTROY,
    });
    acknowledge(logs, "S1", "It is where access logs go; logs of who wrote logs would go nowhere.");
    const firewall = addFirewall(this, {
      name: `${this.systemName}-website`,
      scope: "CLOUDFRONT",
      addressLimit: addressLimit(model, environment),
      refusing: edge.firewall,
      secretHeaders: secretHeaders(model, environment),
    });
    const gateway = hostsOf(model, environment).find((host) => host !== website.host);
    const distribution = new Distribution(this, "Distribution", {
      domainNames: [website.host],
      certificate: new Certificate(this, "Certificate", {
        domainName: website.host,
        validation: CertificateValidation.fromDns(zone),
      }),
      minimumProtocolVersion: SecurityPolicyProtocol.TLS_V1_2_2021,
      webAclId: firewall.attrArn,
      logBucket: logs as IBucket,
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
    publish(this, this.systemName, "website/bucket", files.bucketName);
    publish(this, this.systemName, "website/distribution", distribution.distributionId);
  }
}
