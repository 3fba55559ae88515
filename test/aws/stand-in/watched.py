"""What moto's own models read of a template: a property that one never looked at would be dropped in silence."""

from made import refuse


class Reading(dict):
    """Properties, and which of them somebody took."""

    def __init__(self, properties):
        super().__init__(properties)
        self.read = set()

    def __getitem__(self, name):
        self.read.add(name)
        return super().__getitem__(name)

    def get(self, name, default=None):
        return self[name] if name in self else default

    def pop(self, name, *default):
        self.read.add(name)
        return super().pop(name, *default)

    def __iter__(self):
        self.read.update(super().keys())
        return super().__iter__()

    def keys(self):
        return list(self)

    def values(self):
        return [self[name] for name in self]

    def items(self):
        return [(name, self[name]) for name in self]

    def copy(self):
        return {name: self[name] for name in self}


class Watched:
    """A class of moto's, which must read what it is given, but for what is said to the service afterwards."""

    def __init__(self, cls, type_name, afterwards):
        self.__dict__.update(cls=cls, type_name=type_name, afterwards=afterwards)

    def __getattr__(self, name):
        return getattr(self.cls, name)

    def _told(self, changed, read):
        # A name is taken before a model is asked.
        left_out = sorted(changed - read - self.afterwards - {self.cls.cloudformation_name_type()})
        if left_out:
            raise refuse(f"moto leaves out {', '.join(left_out)} of {self.type_name}")

    def create_from_cloudformation_json(self, name, definition, *args, **others):
        properties = Reading(definition.get("Properties", {}))
        made = self.cls.create_from_cloudformation_json(name, {**definition, "Properties": properties}, *args, **others)
        before = definition.get("Properties", {})
        self._told(set(before), properties.read)
        made.said = before
        return made

    def update_from_cloudformation_json(self, original_resource, new_resource_name, cloudformation_json, **where):
        now = cloudformation_json.get("Properties", {})
        before = original_resource.said
        changed = {key for key in {*now, *before} if now.get(key) != before.get(key)}
        if not changed:
            return original_resource
        properties = Reading(now)
        made = self.cls.update_from_cloudformation_json(
            original_resource=original_resource,
            new_resource_name=new_resource_name,
            cloudformation_json={**cloudformation_json, "Properties": properties},
            **where,
        )
        self._told(changed, properties.read)
        made.said = now
        return made
