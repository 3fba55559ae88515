import { ANY, any, type PricedProperties } from "./priced-properties";

/** Add-ons of EKS's own; those of its marketplace are sold. */
const ADDONS = [
  ...["aws-ebs-csi-driver", "coredns", "eks-node-monitoring-agent", "eks-pod-identity-agent", "kube-proxy"],
  ...["metrics-server", "vpc-cni"],
];

/**
 * What AWS takes no money for, and what costs only as a part of something that has a price; with properties where others
 * would have a price.
 */
export const FREE: Readonly<Record<string, typeof ANY | PricedProperties>> = {
  // One that may be taken out of AWS, or is of an authority of one's own, is sold.
  "AWS::CertificateManager::Certificate": any(
    "DomainName DomainValidationOptions SubjectAlternativeNames Tags ValidationMethod",
  ),
  "AWS::CloudFront::OriginAccessControl": ANY,
  "AWS::CloudFront::VpcOrigin": ANY,
  "AWS::DocDB::DBClusterParameterGroup": ANY,
  "AWS::DocDB::DBSubnetGroup": ANY,
  "AWS::EC2::FlowLog": {
    ...any("DeliverLogsPermissionArn LogGroupName ResourceId ResourceType Tags TrafficType"),
    LogDestinationType: ["cloud-watch-logs"],
  },
  "AWS::EC2::InternetGateway": ANY,
  "AWS::EC2::LaunchTemplate": {
    ...any("TagSpecifications"),
    LaunchTemplateData: {
      ...any("MetadataOptions TagSpecifications"),
      BlockDeviceMappings: {
        ...any("DeviceName"),
        Ebs: { ...any("DeleteOnTermination Encrypted VolumeSize"), VolumeType: ["gp3"] },
      },
    },
  },
  "AWS::EC2::Route": any("DestinationCidrBlock GatewayId NatGatewayId RouteTableId"),
  "AWS::EC2::RouteTable": ANY,
  "AWS::EC2::SecurityGroup": ANY,
  "AWS::EC2::SecurityGroupEgress": ANY,
  "AWS::EC2::SecurityGroupIngress": ANY,
  "AWS::EC2::Subnet": ANY,
  "AWS::EC2::SubnetRouteTableAssociation": ANY,
  "AWS::EC2::VPC": {
    ...any("CidrBlock EnableDnsHostnames EnableDnsSupport Tags"),
    InstanceTenancy: ["default"],
  },
  "AWS::EC2::VPCGatewayAttachment": ANY,
  "AWS::EKS::AccessEntry": ANY,
  "AWS::EKS::Addon": {
    ...any("AddonVersion ClusterName ConfigurationValues PodIdentityAssociations ResolveConflicts Tags"),
    AddonName: ADDONS,
  },
  "AWS::EKS::PodIdentityAssociation": ANY,
  "AWS::ElastiCache::SubnetGroup": ANY,
  "AWS::ElastiCache::User": ANY,
  "AWS::ElastiCache::UserGroup": ANY,
  // A trust store for clients' certificates is sold.
  "AWS::ElasticLoadBalancingV2::Listener": any(
    "Certificates DefaultActions LoadBalancerArn Port Protocol SslPolicy Tags",
  ),
  "AWS::ElasticLoadBalancingV2::TargetGroup": ANY,
  "AWS::IAM::Policy": ANY,
  "AWS::IAM::Role": ANY,
  // CDK's own runs for some seconds of a deployment.
  "AWS::Lambda::Function": {
    ...any("Code Description MemorySize Role Runtime Tags Timeout"),
    Handler: ["__entrypoint__.handler"],
  },
  "AWS::Logs::ResourcePolicy": ANY,
  "AWS::RDS::DBParameterGroup": ANY,
  "AWS::RDS::DBSubnetGroup": ANY,
  // A name that leads to something of AWS's own is answered for nothing.
  "AWS::Route53::RecordSet": any("AliasTarget HostedZoneId Name Type"),
  "AWS::S3::BucketPolicy": ANY,
  "AWS::SecretsManager::SecretTargetAttachment": ANY,
  "AWS::SNS::Subscription": { ...any("Endpoint RawMessageDelivery TopicArn"), Protocol: ["sqs"] },
  "AWS::SNS::TopicPolicy": ANY,
  "AWS::SQS::QueuePolicy": ANY,
  "AWS::SSM::Parameter": { ...any("Description Name Tags Value"), Type: ["String"] },
  "AWS::WAFv2::LoggingConfiguration": ANY,
  "AWS::WAFv2::WebACLAssociation": ANY,
  "Custom::VpcRestrictDefaultSG": ANY,
};
