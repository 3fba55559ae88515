"""What moto's own models of some types leave out, said to the service once the resource is there."""

import json

from made import aws, plain, refuse

AFTERWARDS = {}


def afterwards(type_name, properties):
    """Names the function that says these properties, of those that are there."""

    def add(say):
        AFTERWARDS[type_name] = (say, {*properties.split()})
        return say

    return add


def said_afterwards(type_name):
    return AFTERWARDS.get(type_name, (None, set()))[1]


def finish(resource, type_name, region):
    if type_name not in AFTERWARDS or resource is None:
        return
    say, names = AFTERWARDS[type_name]
    said = plain(getattr(resource, "said", {}))
    try:
        say(region, resource.physical_resource_id, {name: said[name] for name in names if name in said})
    except Exception as error:
        raise refuse(f"{type_name}: {type(error).__name__}: {error}") from error


@afterwards("AWS::EC2::VPC", "EnableDnsHostnames EnableDnsSupport")
def network_names(region, ref, p):
    for name, value in p.items():
        aws("ec2", region).modify_vpc_attribute(VpcId=ref, **{name: {"Value": value in (True, "true")}})


@afterwards("AWS::EC2::Subnet", "MapPublicIpOnLaunch")
def public_addresses(region, ref, p):
    value = {"Value": p.get("MapPublicIpOnLaunch", False) in (True, "true")}
    aws("ec2", region).modify_subnet_attribute(SubnetId=ref, MapPublicIpOnLaunch=value)


def tagged(region, ref, p):
    client = aws("ec2", region)
    if ref[0].isdigit():
        ref = client.describe_addresses(PublicIps=[ref])["Addresses"][0]["AllocationId"]
    client.create_tags(Resources=[ref], Tags=p.get("Tags", []))


for tagged_type in ("EIP", "InternetGateway", "NatGateway", "RouteTable", "VPCEndpoint"):
    afterwards(f"AWS::EC2::{tagged_type}", "Tags")(tagged)


def rule(p):
    """S3's API has its own words for some."""
    days, name = p.pop("ExpirationInDays", None), p.pop("Id", None)
    own = {"Expiration": {"Days": int(days)}} if days else {}
    return {"Filter": {"Prefix": ""}, **own, **({"ID": name} if name else {}), **p}


@afterwards(
    "AWS::S3::Bucket",
    "AccessControl LifecycleConfiguration LoggingConfiguration OwnershipControls PublicAccessBlockConfiguration "
    "VersioningConfiguration",
)
def bucket_settings(region, ref, p):
    client, own = aws("s3", region), {"Bucket": ref}
    if "AccessControl" in p:
        client.put_bucket_acl(**own, ACL="".join(f"-{c.lower()}" if c.isupper() else c for c in p["AccessControl"])[1:])
    if "LifecycleConfiguration" in p:
        rules = [rule(dict(one)) for one in p["LifecycleConfiguration"]["Rules"]]
        client.put_bucket_lifecycle_configuration(**own, LifecycleConfiguration={"Rules": rules})
    if "LoggingConfiguration" in p:
        target = p["LoggingConfiguration"]["DestinationBucketName"]
        # S3 asks for no policy yet, and could not: CDK's names this bucket. moto does; the template's own replaces it.
        logger = {"Effect": "Allow", "Principal": {"Service": "logging.s3.amazonaws.com"}, "Action": "s3:PutObject"}
        policy = {"Version": "2012-10-17", "Statement": [{**logger, "Resource": f"arn:aws:s3:::{target}/*"}]}
        client.put_bucket_policy(Bucket=target, Policy=json.dumps(policy))
        enabled = {"TargetBucket": target, "TargetPrefix": p["LoggingConfiguration"].get("LogFilePrefix", "")}
        client.put_bucket_logging(**own, BucketLoggingStatus={"LoggingEnabled": enabled})
    if "PublicAccessBlockConfiguration" in p:
        block = p["PublicAccessBlockConfiguration"]
        client.put_public_access_block(**own, PublicAccessBlockConfiguration=block)
    if "VersioningConfiguration" in p:
        client.put_bucket_versioning(**own, VersioningConfiguration=p["VersioningConfiguration"])
    if "OwnershipControls" in p:
        client.put_bucket_ownership_controls(**own, OwnershipControls=p["OwnershipControls"])


@afterwards("AWS::ECR::Repository", "LifecyclePolicy RepositoryPolicyText")
def repository(region, ref, p):
    """CDK's own, of its bootstrap."""
    client = aws("ecr", region)
    if "LifecyclePolicy" in p:
        client.put_lifecycle_policy(repositoryName=ref, lifecyclePolicyText=p["LifecyclePolicy"]["LifecyclePolicyText"])
    if "RepositoryPolicyText" in p:
        client.set_repository_policy(repositoryName=ref, policyText=json.dumps(p["RepositoryPolicyText"]))


@afterwards("AWS::IAM::Role", "Policies ManagedPolicyArns")
def role_policies(region, ref, p):
    client = aws("iam", region)
    # moto's own writes them as Python would.
    for own in p.get("Policies", []):
        policy = json.dumps(own["PolicyDocument"])
        client.put_role_policy(RoleName=ref, PolicyName=own["PolicyName"], PolicyDocument=policy)
    now = {one["PolicyArn"] for one in client.list_attached_role_policies(RoleName=ref)["AttachedPolicies"]}
    # moto's list of AWS's policies is older than this one.
    wanted = {*p.get("ManagedPolicyArns", [])} - {"arn:aws:iam::aws:policy/AmazonEBSCSIDriverPolicyV2"}
    for arn in wanted - now:
        client.attach_role_policy(RoleName=ref, PolicyArn=arn)
    for arn in now - wanted:
        client.detach_role_policy(RoleName=ref, PolicyArn=arn)


@afterwards("AWS::ElasticLoadBalancingV2::LoadBalancer", "LoadBalancerAttributes Type")
def balancer_attributes(region, ref, p):
    if p["Type"] != "application":
        raise refuse(f"moto makes no {p['Type']} balancer here")
    attributes = [{"Key": a["Key"], "Value": str(a["Value"])} for a in p["LoadBalancerAttributes"]]
    aws("elbv2", region).modify_load_balancer_attributes(LoadBalancerArn=ref, Attributes=attributes)


@afterwards("AWS::ElasticLoadBalancingV2::TargetGroup", "TargetGroupAttributes")
def target_group_attributes(region, ref, p):
    attributes = p.get("TargetGroupAttributes", [])
    aws("elbv2", region).modify_target_group_attributes(TargetGroupArn=ref, Attributes=attributes)
