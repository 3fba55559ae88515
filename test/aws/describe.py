"""What AWS, as the stand-in plays it, says of what was deployed: the describe calls of an operator, as JSON."""

import json

import boto3


def tag(resource, name):
    return next((one["Value"] for one in resource.get("Tags", []) if one["Key"] == name), None)


def network():
    ec2 = boto3.client("ec2")
    vpc = next(one for one in ec2.describe_vpcs()["Vpcs"] if not one.get("IsDefault"))
    own = [{"Name": "vpc-id", "Values": [vpc["VpcId"]]}]
    tables = ec2.describe_route_tables(Filters=own)["RouteTables"]
    out = {
        subnet: "nat" if route.get("NatGatewayId") else "internet"
        for table in tables
        for route in table["Routes"]
        if route.get("DestinationCidrBlock") == "0.0.0.0/0"
        for subnet in (a.get("SubnetId") for a in table["Associations"])
    }
    default = ec2.describe_security_groups(Filters=own + [{"Name": "group-name", "Values": ["default"]}])
    group = default["SecurityGroups"][0]
    return {
        "cidr": vpc["CidrBlock"],
        "name": tag(vpc, "Name"),
        "tags": {name: tag(vpc, name) for name in ("system", "environment", "managed-by")},
        "subnets": sorted(
            [s["AvailabilityZone"], s["CidrBlock"], out.get(s["SubnetId"], "none"), s["MapPublicIpOnLaunch"]]
            for s in ec2.describe_subnets(Filters=own)["Subnets"]
        ),
        "natGateways": [n["State"] for n in ec2.describe_nat_gateways()["NatGateways"]],
        "endpoints": [e["VpcEndpointType"] for e in ec2.describe_vpc_endpoints()["VpcEndpoints"]],
        "flowLogs": [f["TrafficType"] for f in ec2.describe_flow_logs()["FlowLogs"]],
        "rulesOfDefaultGroup": len(group["IpPermissions"]) + len(group["IpPermissionsEgress"]),
    }


DATABASE = [
    "DBInstanceClass",
    "Engine",
    "EngineVersion",
    "AllocatedStorage",
    "StorageType",
    "StorageEncrypted",
    "MultiAZ",
    "IAMDatabaseAuthenticationEnabled",
    "BackupRetentionPeriod",
    "DeletionProtection",
    "PubliclyAccessible",
    "EnabledCloudwatchLogsExports",
    "CopyTagsToSnapshot",
]


def database():
    found = boto3.client("rds").describe_db_instances()["DBInstances"]
    return [
        {key: one.get(key) for key in DATABASE} | {"passwordKeptByRds": "MasterUserSecret" in one} for one in found
    ]


def balancers():
    """What the public asks, and what CloudFront asks."""
    elb = boto3.client("elbv2")
    found = elb.describe_load_balancers()["LoadBalancers"]
    return [balancer(elb, one) for one in sorted(found, key=lambda one: one["LoadBalancerName"])]


def balancer(elb, one):
    arn = {"LoadBalancerArn": one["LoadBalancerArn"]}
    group = elb.describe_target_groups(**arn)["TargetGroups"][0]
    attributes = {a["Key"]: a["Value"] for a in elb.describe_load_balancer_attributes(**arn)["Attributes"]}
    firewall = boto3.client("wafv2").get_web_acl_for_resource(ResourceArn=one["LoadBalancerArn"])
    rules = boto3.client("ec2").describe_security_groups(GroupIds=one["SecurityGroups"])["SecurityGroups"][0]
    return {
        "name": one["LoadBalancerName"],
        "scheme": one["Scheme"],
        "zones": sorted(zone["ZoneName"] for zone in one["AvailabilityZones"]),
        "idleTimeout": attributes.get("idle_timeout.timeout_seconds"),
        "accessLogs": attributes.get("access_logs.s3.enabled"),
        "dropsInvalidHeaders": attributes.get("routing.http.drop_invalid_header_fields.enabled"),
        "clientAddress": attributes.get("routing.http.xff_header_processing.mode", "append"),
        "deletionProtection": attributes.get("deletion_protection.enabled"),
        "open": sorted(
            [rule["FromPort"], *[way["CidrIp"] for way in rule["IpRanges"]], *[
                way["PrefixListId"] for way in rule["PrefixListIds"]
            ]]
            for rule in rules["IpPermissions"]
        ),
        "listeners": sorted(
            [
                listener["Port"],
                listener["Protocol"],
                listener.get("SslPolicy"),
                [action["Type"] for action in listener["DefaultActions"]],
            ]
            for listener in elb.describe_listeners(**arn)["Listeners"]
        ),
        "targets": {
            key: group.get(key)
            for key in ("TargetGroupName", "Protocol", "Port", "TargetType", "HealthCheckPath")
        },
        "firewall": firewall.get("WebACL", {}).get("Name"),
    }


def roles():
    iam = boto3.client("iam")
    found = {}
    for role in iam.list_roles()["Roles"]:
        name = role["RoleName"]
        if name.startswith("cdk-"):
            continue
        trusted = role["AssumeRolePolicyDocument"]["Statement"][0]["Principal"].get("Service")
        inline = [
            statement
            for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]
            for statement in iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]["Statement"]
        ]
        actions = {a for s in inline for a in (s["Action"] if isinstance(s["Action"], list) else [s["Action"]])}
        managed = [p["PolicyName"] for p in iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]]
        found[role.get("Description") or name.rsplit("-", 1)[0]] = {
            "trusts": trusted,
            "managed": sorted(managed),
            "actions": sorted(actions),
        }
    return found


def cluster():
    eks = boto3.client("eks")
    one = eks.describe_cluster(name=eks.list_clusters()["clusters"][0])["cluster"]
    return {
        "name": one["name"],
        "version": one["version"],
        "public": one["resourcesVpcConfig"].get("endpointPublicAccess"),
        "encrypts": one.get("encryptionConfig", [{}])[0].get("resources"),
        "logs": one["logging"]["clusterLogging"][0]["types"],
    }


def store():
    found = boto3.client("elasticache").describe_replication_groups()["ReplicationGroups"]
    return [
        {key: one.get(key) for key in ("ReplicationGroupId", "CacheNodeType", "MultiAZ", "TransitEncryptionEnabled")}
        for one in found
    ]


def alarms():
    found = boto3.client("cloudwatch").describe_alarms()["MetricAlarms"]
    return {one["AlarmName"]: [one["MetricName"], one["Threshold"], one["EvaluationPeriods"]] for one in found}


def messages():
    topics = boto3.client("sns").list_topics()["Topics"]
    queues = boto3.client("sqs").list_queues().get("QueueUrls", [])
    return {
        "topics": sorted(topic["TopicArn"].rsplit(":", 1)[-1] for topic in topics),
        "queues": len(queues),
    }


def parameters():
    ssm = boto3.client("ssm")
    pages = ssm.get_paginator("describe_parameters").paginate()
    names = [one["Name"] for page in pages for one in page["Parameters"]]
    return sorted(name for name in names if not name.startswith(("/cdk", "/aws", "/gatewright")))


def keys():
    kms = boto3.client("kms")
    found = [kms.describe_key(KeyId=one["KeyId"])["KeyMetadata"] for one in kms.list_keys()["Keys"]]
    return [kms.get_key_rotation_status(KeyId=k["KeyId"])["KeyRotationEnabled"] for k in found if k["KeyManager"] == "CUSTOMER"]


def doors():
    """Ports that are open to everybody."""
    rules = boto3.client("ec2").describe_security_groups()["SecurityGroups"]
    return sorted(
        [rule["FromPort"], rule["ToPort"]]
        for group in rules
        for rule in group["IpPermissions"]
        if any(way["CidrIp"] == "0.0.0.0/0" for way in rule["IpRanges"])
    )


def buckets():
    s3 = boto3.client("s3")
    found = []
    for name in (bucket["Name"] for bucket in s3.list_buckets()["Buckets"]):
        if name.startswith("cdk-"):
            continue
        block = s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"]
        rules = s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"]
        statements = json.loads(s3.get_bucket_policy(Bucket=name)["Policy"])["Statement"]
        cycle = s3.get_bucket_lifecycle_configuration(Bucket=name)["Rules"]
        found.append(
            {
                "public": not all(block.values()),
                "encrypted": rules[0]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"],
                "plainRefused": any(
                    one["Effect"] == "Deny" and one.get("Condition") == {"Bool": {"aws:SecureTransport": "false"}}
                    for one in statements
                ),
                "versioned": s3.get_bucket_versioning(Bucket=name).get("Status") == "Enabled",
                "ends": cycle[0].get("Expiration") or cycle[0]["NoncurrentVersionExpiration"],
                "logged": "LoggingEnabled" in s3.get_bucket_logging(Bucket=name),
            }
        )
    return sorted(found, key=json.dumps)


def queues():
    sqs = boto3.client("sqs")
    urls = sqs.list_queues().get("QueueUrls", [])
    found = [sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"] for url in urls]
    return {
        "plain": sum(one.get("SqsManagedSseEnabled") != "true" for one in found),
        "retried": sorted(json.loads(one["RedrivePolicy"])["maxReceiveCount"] for one in found if "RedrivePolicy" in one),
        "encryptedTopics": [
            bool(boto3.client("sns").get_topic_attributes(TopicArn=topic["TopicArn"])["Attributes"].get("KmsMasterKeyId"))
            for topic in boto3.client("sns").list_topics()["Topics"]
        ],
    }


def logs():
    """Groups whose lines are kept for ever."""
    pages = boto3.client("logs").get_paginator("describe_log_groups").paginate()
    return [one["logGroupName"] for page in pages for one in page["logGroups"] if "retentionInDays" not in one]


def firewall():
    waf = boto3.client("wafv2")
    acl = waf.list_web_acls(Scope="REGIONAL")["WebACLs"][0]
    rules = waf.get_web_acl(Name=acl["Name"], Id=acl["Id"], Scope="REGIONAL")["WebACL"]["Rules"]
    return [
        [one["Name"], *(one.get("Action") or one["OverrideAction"]).keys()] for one in sorted(rules, key=lambda r: r["Priority"])
    ]


def website():
    items = boto3.client("cloudfront").list_distributions()["DistributionList"].get("Items", [])
    return [
        {
            "hosts": one["Aliases"]["Items"],
            "tls": one["ViewerCertificate"]["MinimumProtocolVersion"],
            "plain": one["DefaultCacheBehavior"]["ViewerProtocolPolicy"],
            "gateway": [[way["PathPattern"], way["ViewerProtocolPolicy"]] for way in one["CacheBehaviors"]["Items"]],
        }
        for one in items
    ]


PARTS = [network, database, balancers, roles, cluster, store, alarms, messages, parameters, keys]
PARTS += [doors, buckets, queues, logs, firewall, website]
print(json.dumps({part.__name__: part() for part in PARTS}, indent=2))
