"""moto as AWS, with a CloudFormation that refuses what it does not make: moto's own leaves it out and says it is done.

    python3 stand_in.py PORT SKIPPED.json

SKIPPED.json names the types that stay in their stack and are made by nobody, and what others read of them.
"""

import json
import sys
import types
from pathlib import Path

# moto's API Gateway wants it at its import, and nobody here asks for that: eighteen packages less.
for part in ("", ".validation", ".validation.exceptions"):
    empty = types.SimpleNamespace(validate=None, OpenAPIValidationError=Exception)
    sys.modules["openapi_spec_validator" + part] = empty

sys.path.insert(0, str(Path(__file__).parent))

import kinds  # noqa: F401  (fills TYPES)
from afterwards import finish, said_afterwards
from made import ENDPOINT, TYPES, kind, refuse
from moto.cloudformation import models, parsing, responses
from moto.core.responses import ActionResult
from moto.elbv2.models import FakeLoadBalancer, FakeTargetGroup
from watched import Watched

PORT, SKIPPED = int(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text())
ENDPOINT["url"] = f"http://127.0.0.1:{PORT}"


def kept(attributes):
    """In its stack alone; what others read of it is what the file says."""
    return lambda client, p, name: (p.get("UserGroupId") or p.get("SecretId") or name, attributes)


def unchanged(client, ref, properties, changed):
    """Nobody has made it."""


for skipped, attributes in SKIPPED.items():
    kind(skipped, None, unchanged)(kept(attributes))

# --- attributes that moto's own models have not


def target_group_attribute(self, name):
    known = {"TargetGroupFullName": self.arn.split(":")[-1], "TargetGroupName": self.name}
    if name not in known:
        raise refuse(f"a target group has no attribute {name}")
    return known[name]


FakeTargetGroup.get_cfn_attribute = target_group_attribute
FakeTargetGroup.has_cfn_attr = classmethod(lambda cls, name: name in ("TargetGroupFullName", "TargetGroupName"))

own_attribute = FakeLoadBalancer.get_cfn_attribute


def balancer_attribute(self, name):
    if name == "LoadBalancerFullName":
        return "/".join(self.arn.split("/")[1:])
    return self.canonical_hosted_zone_id if name == "CanonicalHostedZoneID" else own_attribute(self, name)


FakeLoadBalancer.get_cfn_attribute = balancer_attribute

# --- moto's CloudFormation, made strict

class_of, name_property_of, cleaned = (
    parsing.resource_class_from_type,
    parsing.resource_name_property_from_type,
    parsing.clean_json,
)
created, updated = parsing.parse_and_create_resource, parsing.parse_and_update_resource


def strict_class(type_name):
    if type_name in TYPES:
        return TYPES[type_name]
    if type_name.startswith("Custom::") or type_name not in parsing.get_model_map():
        raise refuse(f"nobody makes {type_name}; write how in kinds.py, or into the list of what is skipped")
    return Watched(class_of(type_name), type_name, said_afterwards(type_name))


def output_of(asked, resources):
    """The output of another stack, which moto has no function for."""
    backends = models.cloudformation_backends[resources._account_id]
    for stack in backends[asked.get("Region", resources._region_name)].stacks.values():
        if stack.name == asked["StackName"] and stack.status in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            if asked["OutputName"] in list(stack.output_map.outputs):
                return stack.output_map[asked["OutputName"]].value
    raise refuse(f"there is no output {asked}")


def strict_clean(value, resources):
    if isinstance(value, dict) and "Fn::GetStackOutput" in value:
        return output_of(cleaned(value["Fn::GetStackOutput"], resources), resources)
    result = cleaned(value, resources)
    if isinstance(result, dict) and "Fn::GetAtt" in result:
        raise refuse(f"moto has no attribute {result['Fn::GetAtt']}")
    return result


def strict_create(name, definition, resources, account_id, region_name):
    resource = created(name, definition, resources, account_id, region_name)
    finish(resource, definition["Type"], region_name)
    return resource


def strict_update(name, definition, resources, account_id, region_name):
    resource = updated(name, definition, resources, account_id, region_name)
    if resource is None:
        raise refuse(f"moto has no update of {definition['Type']} ({name}), and would forget it")
    finish(resource, definition["Type"], region_name)
    return resource


parsing.resource_class_from_type = strict_class
parsing.resource_name_property_from_type = lambda name: None if name in TYPES else name_property_of(name)
parsing.clean_json = strict_clean
parsing.parse_and_create_resource = strict_create
parsing.parse_and_update_resource = strict_update

# --- what the CDK command asks for, and moto has not

Response, Backend = responses.CloudFormationResponse, models.CloudFormationBackend
changed_set, resolved = Response.create_change_set, Backend._resolve_update_parameters


def update_termination_protection(self):
    stack = self.cloudformation_backend.get_stack(self._get_param("StackName"))
    stack.enable_termination_protection = self._get_bool_param("EnableTerminationProtection")
    return ActionResult({"StackId": stack.stack_id})


def only_bootstrap_by_change_set(self):
    """moto calls one done whose resources failed."""
    if self._get_param("StackName") != "CDKToolkit":
        raise refuse("no change sets: deploy with --method=direct")
    return changed_set(self)


def with_known_parameters(self, instance, incoming_params):
    """The command asks for the value before of parameters that have a default only, which moto forgets."""
    known = [p for p in incoming_params if not p.get("UsePreviousValue") or p["ParameterKey"] in instance.parameters]
    return resolved(self, instance=instance, incoming_params=known)


Response.update_termination_protection = update_termination_protection
Response.create_change_set = only_bootstrap_by_change_set
Backend._resolve_update_parameters = with_known_parameters

if __name__ == "__main__":
    from moto.server import main

    sys.argv = sys.argv[:1]
    main(["-H", "127.0.0.1", "-p", str(PORT)])
