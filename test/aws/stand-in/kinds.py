"""How each type is made that moto's CloudFormation does not make, or makes without half of its properties."""

import json

from made import again, aws, kind, modified, refuse, typed


def lower(value):
    """EKS's API has CloudFormation's names with a small first letter."""
    if isinstance(value, dict):
        return {key[0].lower() + key[1:]: lower(inner) for key, inner in value.items()}
    return [lower(inner) for inner in value] if isinstance(value, list) else value


def tags_of(value):
    return {tag["Key"]: tag["Value"] for tag in value} if isinstance(value, list) else value


# --- keys, parameters, secrets


def change_key(client, ref, properties, changed):
    if set(changed) - {"KeyPolicy"}:
        raise refuse(f"no update of a key's {', '.join(sorted(changed))}")
    client.put_key_policy(KeyId=ref, PolicyName="default", Policy=json.dumps(properties["KeyPolicy"]))


@kind("AWS::KMS::Key", "kms", change_key)
def key(client, p, name):
    p.pop("PendingWindowInDays", None)
    rotated = p.pop("EnableKeyRotation", False)
    p["Tags"] = [{"TagKey": tag["Key"], "TagValue": tag["Value"]} for tag in p.get("Tags", [])]
    made = client.create_key(Policy=json.dumps(p.pop("KeyPolicy")), **p)["KeyMetadata"]
    if rotated:
        client.enable_key_rotation(KeyId=made["KeyId"])
    return made["KeyId"], {"Arn": made["Arn"]}


def change_parameter(client, ref, p, changed):
    client.put_parameter(Name=ref, Value=p["Value"], Type=p["Type"], Overwrite=True)


@kind("AWS::SSM::Parameter", "ssm", change_parameter, lambda client, ref: client.delete_parameter(Name=ref))
def parameter(client, p, name):
    p["Tags"] = [{"Key": key, "Value": value} for key, value in p.get("Tags", {}).items()]
    client.put_parameter(**p)
    return p["Name"], {"Type": p["Type"], "Value": p["Value"]}


@kind("AWS::SecretsManager::Secret", "secretsmanager")
def secret(client, p, name):
    wanted = p.pop("GenerateSecretString")
    template, place = wanted.pop("SecretStringTemplate", None), wanted.pop("GenerateStringKey", None)
    password = client.get_random_password(**wanted)["RandomPassword"]
    p["SecretString"] = json.dumps({**json.loads(template), place: password}) if template else password
    return client.create_secret(**p)["ARN"], {}


def role_policy(client, p, name):
    # moto's own writes it as Python would.
    for role in p["Roles"]:
        client.put_role_policy(
            RoleName=role, PolicyName=p["PolicyName"], PolicyDocument=json.dumps(p["PolicyDocument"])
        )
    return p["PolicyName"], {}


kind("AWS::IAM::Policy", "iam", again(role_policy))(role_policy)

# --- network


@kind("AWS::EC2::SubnetRouteTableAssociation", "ec2")
def association(client, p, name):
    return client.associate_route_table(**p)["AssociationId"], {}


def permissions(rules):
    for rule in rules:
        said = {"Description": rule["Description"]} if "Description" in rule else {}
        made = {"IpProtocol": str(rule["IpProtocol"])}
        made |= {port: int(rule[port]) for port in ("FromPort", "ToPort") if port in rule}
        group = rule.get("SourceSecurityGroupId") or rule.get("DestinationSecurityGroupId")
        if "CidrIp" in rule:
            made["IpRanges"] = [{"CidrIp": rule["CidrIp"], **said}]
        if "SourcePrefixListId" in rule:
            made["PrefixListIds"] = [{"PrefixListId": rule["SourcePrefixListId"], **said}]
        if group:
            made["UserIdGroupPairs"] = [{"GroupId": group, **said}]
        yield made


def close(client, group):
    """Takes away the rules that a group has from the start."""
    now = client.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]
    if now["IpPermissions"]:
        client.revoke_security_group_ingress(GroupId=group, IpPermissions=now["IpPermissions"])
    if now["IpPermissionsEgress"]:
        client.revoke_security_group_egress(GroupId=group, IpPermissions=now["IpPermissionsEgress"])


@kind("AWS::EC2::SecurityGroup", "ec2")
def security_group(client, p, name):
    own = {"GroupName": name, "Description": p["GroupDescription"], "VpcId": p["VpcId"]}
    group = client.create_security_group(**own)["GroupId"]
    ways_in, ways_out = (list(permissions(p.get(f"SecurityGroup{way}", []))) for way in ("Ingress", "Egress"))
    if ways_out:
        close(client, group)
        client.authorize_security_group_egress(GroupId=group, IpPermissions=ways_out)
    if ways_in:
        client.authorize_security_group_ingress(GroupId=group, IpPermissions=ways_in)
    return group, {"GroupId": group, "Id": group, "VpcId": p["VpcId"]}


@kind("AWS::EC2::SecurityGroupIngress", "ec2")
def way_in(client, p, name):
    group = p.pop("GroupId")
    made = client.authorize_security_group_ingress(GroupId=group, IpPermissions=list(permissions([p])))
    return made["SecurityGroupRules"][0]["SecurityGroupRuleId"], {}


@kind("Custom::VpcRestrictDefaultSG", "ec2")
def closed_default_group(client, p, name):
    """What the function of CDK does, without a function."""
    close(client, p["DefaultSecurityGroupId"])
    return name, {}


# --- data


@kind("AWS::RDS::DBInstance", "rds", modified("ModifyDBInstance", "DBInstanceIdentifier"))
def database(client, p, name):
    p.setdefault("DBInstanceIdentifier", name.lower())
    p["VpcSecurityGroupIds"] = p.pop("VPCSecurityGroups")
    p["MasterUserSecretKmsKeyId"] = p.pop("MasterUserSecret")["KmsKeyId"]
    ref = client.create_db_instance(**typed(client, "CreateDBInstance", p))["DBInstance"]["DBInstanceIdentifier"]
    made = client.describe_db_instances(DBInstanceIdentifier=ref)["DBInstances"][0]
    return ref, {
        "DBInstanceArn": made["DBInstanceArn"],
        "DbiResourceId": made.get("DbiResourceId", "db-STANDIN"),
        "Endpoint.Address": made["Endpoint"]["Address"],
        "Endpoint.Port": str(made["Endpoint"]["Port"]),
        "MasterUserSecret.SecretArn": made["MasterUserSecret"]["SecretArn"],
    }


@kind("AWS::ElastiCache::User", "elasticache")
def store_user(client, p, name):
    return client.create_user(**p)["UserId"], {}


@kind("AWS::ElastiCache::SubnetGroup", "elasticache")
def store_subnets(client, p, name):
    p["CacheSubnetGroupDescription"] = p.pop("Description")
    return client.create_cache_subnet_group(CacheSubnetGroupName=name.lower(), **p)["CacheSubnetGroup"]["CacheSubnetGroupName"], {}


@kind("AWS::ElastiCache::ReplicationGroup", "elasticache", modified("ModifyReplicationGroup", "ReplicationGroupId"))
def store(client, p, name):
    made = client.create_replication_group(**typed(client, "CreateReplicationGroup", p))["ReplicationGroup"]
    endpoint = (made.get("NodeGroups") or [{}])[0].get("PrimaryEndpoint") or {}
    return made["ReplicationGroupId"], {"PrimaryEndPoint.Address": endpoint.get("Address", "store.test")}


@kind("AWS::OpenSearchService::Domain", "opensearch")
def search(client, p, name):
    p["TagList"] = p.pop("Tags", [])
    p["AccessPolicies"] = json.dumps(p["AccessPolicies"])
    made = client.create_domain(**p)["DomainStatus"]
    return made["DomainName"], {"Arn": made["ARN"], "DomainEndpoint": made.get("Endpoint", "search.test")}


def bucket_policy(client, p, name):
    # moto weighs no conditions: it would take CDK's own bucket for closed to everybody who comes without TLS.
    if not p["Bucket"].startswith("cdk-"):
        client.put_bucket_policy(Bucket=p["Bucket"], Policy=json.dumps(p["PolicyDocument"]))
    return p["Bucket"], {}


kind("AWS::S3::BucketPolicy", "s3", again(bucket_policy))(bucket_policy)

# --- cluster


@kind("AWS::EKS::Cluster", "eks")
def cluster(client, p, name):
    log, tags = p.pop("Logging"), p.pop("Tags", {})
    types = [one["Type"] for one in log["ClusterLogging"]["EnabledTypes"]]
    logging = {"clusterLogging": [{"enabled": True, "types": types}]}
    made = client.create_cluster(**lower(p), tags=tags_of(tags), logging=logging)["cluster"]
    # AWS makes a group of the cluster's own; moto does not.
    ec2 = aws("ec2", client.meta.region_name)
    subnet = ec2.describe_subnets(SubnetIds=p["ResourcesVpcConfig"]["SubnetIds"])["Subnets"][0]
    own = {"GroupName": f"eks-cluster-sg-{made['name']}", "Description": "made by EKS", "VpcId": subnet["VpcId"]}
    group = ec2.create_security_group(**own)["GroupId"]
    return made["name"], {"Arn": made["arn"], "ClusterSecurityGroupId": group, "Endpoint": made.get("endpoint")}


@kind("AWS::EKS::Nodegroup", "eks")
def nodes(client, p, name):
    p.pop("ForceUpdateEnabled", None)
    tags = tags_of(p.pop("Tags", {}))
    made = client.create_nodegroup(**{"nodegroupName": name[-60:], **lower(p)}, tags=tags)["nodegroup"]
    return f"{made['clusterName']}/{made['nodegroupName']}", {"Arn": made["nodegroupArn"]}


# --- messages and alarms


def topic_policy(client, p, name):
    for topic in p["Topics"]:
        client.set_topic_attributes(
            TopicArn=topic, AttributeName="Policy", AttributeValue=json.dumps(p["PolicyDocument"])
        )
    return name, {}


def queue_policy(client, p, name):
    for queue in p["Queues"]:
        client.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": json.dumps(p["PolicyDocument"])})
    return name, {}


def alarm(client, p, name):
    client.put_metric_alarm(**p)
    made = client.describe_alarms(AlarmNames=[p["AlarmName"]])["MetricAlarms"][0]
    return made["AlarmName"], {"Arn": made["AlarmArn"]}


def left(client, ref):
    """It goes with what it belongs to."""


kind("AWS::SNS::TopicPolicy", "sns", again(topic_policy), left)(topic_policy)
kind("AWS::SQS::QueuePolicy", "sqs", again(queue_policy), left)(queue_policy)
kind("AWS::CloudWatch::Alarm", "cloudwatch", again(alarm), lambda client, ref: client.delete_alarms(AlarmNames=[ref]))(
    alarm
)


@kind("AWS::SNS::Subscription", "sns", None, lambda client, ref: client.unsubscribe(SubscriptionArn=ref))
def subscription(client, p, name):
    own = {key: p.pop(key) for key in ("TopicArn", "Protocol", "Endpoint")}
    attributes = {key: json.dumps(value) if isinstance(value, (dict, bool)) else value for key, value in p.items()}
    return client.subscribe(**own, Attributes=attributes, ReturnSubscriptionArn=True)["SubscriptionArn"], {}


# --- edge


@kind("AWS::CertificateManager::Certificate", "acm")
def certificate(client, p, name):
    options = [{"DomainName": o["DomainName"], "ValidationDomain": o["DomainName"]} for o in p["DomainValidationOptions"]]
    return client.request_certificate(**{**p, "DomainValidationOptions": options})["CertificateArn"], {}


@kind("AWS::WAFv2::WebACL", "wafv2")
def firewall(client, p, name):
    made = client.create_web_acl(**p)["Summary"]
    return f"{made['Name']}|{made['Id']}|{p['Scope']}", {"Arn": made["ARN"], "Id": made["Id"]}


@kind("AWS::WAFv2::LoggingConfiguration", "wafv2")
def firewall_log(client, p, name):
    return client.put_logging_configuration(LoggingConfiguration=p)["LoggingConfiguration"]["ResourceArn"], {}


@kind("AWS::WAFv2::WebACLAssociation", "wafv2")
def firewall_association(client, p, name):
    client.associate_web_acl(**p)
    return name, {}


@kind("AWS::CloudFront::OriginAccessControl", "cloudfront")
def origin_access(client, p, name):
    ref = client.create_origin_access_control(**p)["OriginAccessControl"]["Id"]
    return ref, {"Id": ref}


@kind("AWS::CloudFront::Function", "cloudfront")
def edge_function(client, p, name):
    code = p["FunctionCode"].encode()
    made = client.create_function(Name=p["Name"], FunctionConfig=p["FunctionConfig"], FunctionCode=code)
    arn = made["FunctionSummary"]["FunctionMetadata"]["FunctionARN"]
    return arn, {"FunctionARN": arn}


def counted(value, shape):
    """CloudFront's API has a quantity beside each list, and its own capitals."""
    if shape.type_name != "structure":
        return value
    if isinstance(value, list) and "Items" in shape.members:
        items = [counted(item, shape.members["Items"].member) for item in value]
        return {"Quantity": len(items), "Items": items}
    names = {member.lower(): member for member in shape.members} | {"ipv6enabled": "IsIPV6Enabled"}
    return {
        names.get(key.lower(), key): counted(inner, shape.members[names[key.lower()]]) if key.lower() in names else inner
        for key, inner in value.items()
    }


@kind("AWS::CloudFront::Distribution", "cloudfront")
def distribution(client, p, name):
    shape = client.meta.service_model.operation_model("CreateDistribution").input_shape.members["DistributionConfig"]
    config = counted(p["DistributionConfig"], shape)
    # What CloudFormation has by default and the API wants said.
    for origin in config["Origins"]["Items"]:
        if "CustomOriginConfig" in origin:
            origin["CustomOriginConfig"] = {"HTTPPort": 80, "HTTPSPort": 443, **origin["CustomOriginConfig"]}
    config["Logging"] = {"Enabled": True, "IncludeCookies": False, "Prefix": "", **config["Logging"]}
    config |= {"CallerReference": name, "Comment": config.get("Comment", "")}
    made = client.create_distribution(DistributionConfig=config)["Distribution"]
    return made["Id"], {"DomainName": made["DomainName"], "Id": made["Id"]}
