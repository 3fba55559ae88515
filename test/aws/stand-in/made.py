"""Resources that are made by a call of the service's own API, so that botocore's model of AWS looks at every parameter.

moto's CloudFormation knows neither all types that its services have, nor all properties of those it knows.
"""

import re

import boto3
from botocore.config import Config
from moto.cloudformation.exceptions import ValidationError
from moto.core.common_models import CloudFormationModel

ENDPOINT = {"url": ""}
ONCE = Config(retries={"total_max_attempts": 1})


def aws(service, region):
    return boto3.client(service, region_name=region, endpoint_url=ENDPOINT["url"], config=ONCE)


def refuse(text):
    return ValidationError(message=f"stand-in: {text}")


def plain(value):
    """A Ref to some of moto's types is its own object."""
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    return value if isinstance(value, (str, int, float, bool, type(None))) else getattr(value, "name", str(value))


def members(client, operation):
    return client.meta.service_model.operation_model(operation).input_shape.members


CONVERT = {
    "integer": int,
    "long": int,
    "float": float,
    "double": float,
    "boolean": lambda value: value if isinstance(value, bool) else value == "true",
}


def typed(client, operation, properties):
    """CloudFormation writes numbers and booleans as text, too."""
    shapes = members(client, operation)
    return {
        key: CONVERT.get(shapes[key].type_name, lambda same: same)(value) if key in shapes else value
        for key, value in properties.items()
    }


class Made(CloudFormationModel):
    """A resource of a stack. `make` gives its Ref and attributes; `change` and `remove` are None where nobody can."""

    # moto looks a backend up by the name of the module.
    __module__ = "moto.standin.models"
    kind = service = make = change = remove = None

    def __init__(self, ref, attributes, properties):
        self.ref, self.attributes, self.properties = ref, attributes, properties

    @property
    def physical_resource_id(self):
        return self.ref

    @staticmethod
    def cloudformation_name_type():
        return None

    @classmethod
    def has_cfn_attr(cls, attr):
        return True

    def get_cfn_attribute(self, name):
        if name in self.attributes:
            return self.attributes[name]
        raise refuse(f"{self.kind} has no attribute {name}")

    @classmethod
    def asked(cls, action, region, *args):
        """Runs a call; what the API refuses is a stack that fails, not one that is silent."""
        try:
            return action(aws(cls.service, region) if cls.service else None, *args)
        except ValidationError:
            raise
        except Exception as error:
            raise refuse(f"{cls.kind}: {type(error).__name__}: {error}") from error

    @classmethod
    def create_from_cloudformation_json(cls, resource_name, cloudformation_json, account_id, region_name, **_):
        properties = plain(cloudformation_json["Properties"])
        ref, attributes = cls.asked(cls.make, region_name, dict(properties), resource_name)
        return cls(ref, attributes, properties)

    @classmethod
    def update_from_cloudformation_json(
        cls, original_resource, new_resource_name, cloudformation_json, account_id, region_name
    ):
        now, wanted = original_resource.properties, plain(cloudformation_json["Properties"])
        changed = {key: wanted.get(key) for key in {*now, *wanted} if now.get(key) != wanted.get(key)}
        if changed and cls.change is None:
            raise refuse(f"no update of {cls.kind} ({', '.join(sorted(changed))})")
        if changed:
            cls.asked(cls.change, region_name, original_resource.ref, wanted, changed)
            original_resource.properties = wanted
        return original_resource

    def delete(self, account_id, region_name):
        if self.remove is None:
            raise refuse(f"no delete of {self.kind}")
        self.asked(self.remove, region_name, self.ref)


TYPES = {}


def kind(name, service=None, change=None, remove=None):
    """Says how a type is made, by a function of the client, its properties and its logical id."""

    def add(make):
        own = {"kind": name, "service": service, "make": staticmethod(make)}
        own |= {key: staticmethod(f) for key, f in (("change", change), ("remove", remove)) if f}
        own["cloudformation_type"] = staticmethod(lambda: name)
        TYPES[name] = type("Made" + name.replace(":", ""), (Made,), {"__module__": Made.__module__, **own})
        return make

    return add


def again(make):
    """An API that puts makes and changes alike."""
    return lambda client, ref, properties, changed: make(client, dict(properties), ref)


def modified(operation, key):
    """An API that takes what changes, and the name; what it does not take would be another resource."""
    method = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", operation).lower()

    def change(client, ref, properties, changed):
        takes = members(client, operation)
        others = sorted(set(changed) - set(takes))
        if others:
            raise refuse(f"{', '.join(others)} would replace {ref}")
        at_once = {"ApplyImmediately": True} if "ApplyImmediately" in takes else {}
        getattr(client, method)(**typed(client, operation, {key: ref, **changed, **at_once}))

    return change
