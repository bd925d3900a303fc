"""docs/openapi.yaml as tests use it: which operations there are, and whether a reply keeps it.

The validator knows the part of JSON Schema that the document uses, and stops at any other word:
what is not understood is not silently right.
"""

import json
import re

import yaml

from door import ROOT

# Words that say nothing about a value.
SILENT = {"description", "example", "title", "format", "default", "deprecated"}

TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "number": (int, float),
         "integer": int}

METHODS = ("get", "head", "post", "put", "patch", "delete", "options")


class Broken(AssertionError):
    """What does not keep the contract, with its place."""


def fail(where, message):
    raise Broken(f"{where or 'the document'}: {message}")


def is_a(value, name):
    # True is an int to Python, not to JSON.
    return isinstance(value, TYPES[name]) and (name == "boolean" or not isinstance(value, bool))


def size_limits(value, schema, where, least, most):
    if len(value) < schema.get(least, 0):
        fail(where, f"has {len(value)}, {least} is {schema[least]}")
    if len(value) > schema.get(most, len(value)):
        fail(where, f"has {len(value)}, {most} is {schema[most]}")


class Contract:
    def __init__(self, path=ROOT / "docs" / "openapi.yaml"):
        self.document = yaml.safe_load(path.read_text(encoding="utf-8"))

    def resolve(self, node):
        """Follows "$ref": "#/..."."""
        while "$ref" in node:
            target = self.document
            for name in node["$ref"].removeprefix("#/").split("/"):
                target = target[name]
            node = target
        return node

    def operations(self):
        """(endpoint, METHOD, path): the operation, for each endpoint it is at."""
        return {(endpoint, method.upper(), path): operation
                for path, item in self.document["paths"].items()
                for method, operation in item.items() if method in METHODS
                for endpoint in operation["x-endpoints"]}

    # ---- values ----

    def check(self, value, schema, where=""):
        """Raises Broken when the value does not match the schema."""
        schema = self.resolve(schema)
        for word, operand in schema.items():
            if word in SILENT:
                continue
            rule = getattr(self, f"_{word}", None)
            if rule is None:
                fail(where, f"the validator does not know '{word}'")
            if not (value is None and schema.get("nullable")):
                rule(value, operand, schema, where)

    def _nullable(self, *_):
        pass

    def _type(self, value, name, _schema, where):
        if not is_a(value, name):
            fail(where, f"{value!r} is no {name}")

    def _enum(self, value, values, _schema, where):
        if value not in values:
            fail(where, f"{value!r} is not one of {values}")

    def _pattern(self, value, pattern, _schema, where):
        if isinstance(value, str) and not re.search(pattern, value):
            fail(where, f"{value!r} does not match {pattern}")

    def _minLength(self, value, _least, schema, where):
        if isinstance(value, str):
            size_limits(value, schema, where, "minLength", "maxLength")

    _maxLength = _minLength

    def _minItems(self, value, _least, schema, where):
        if isinstance(value, list):
            size_limits(value, schema, where, "minItems", "maxItems")

    _maxItems = _minItems

    def _minimum(self, value, least, _schema, where):
        if is_a(value, "number") and value < least:
            fail(where, f"{value} is less than {least}")

    def _maximum(self, value, most, _schema, where):
        if is_a(value, "number") and value > most:
            fail(where, f"{value} is more than {most}")

    def _required(self, value, names, _schema, where):
        for name in names:
            if isinstance(value, dict) and name not in value:
                fail(where, f"'{name}' is missing")

    def _properties(self, value, properties, _schema, where):
        for name, schema in properties.items():
            if isinstance(value, dict) and name in value:
                self.check(value[name], schema, f"{where}.{name}")

    def _additionalProperties(self, value, allowed, schema, where):
        names = set(value) if isinstance(value, dict) else set()
        for name in names - set(schema.get("properties", ())):
            if allowed is False:
                fail(where, f"'{name}' is not in the contract")
            if isinstance(allowed, dict):
                self.check(value[name], allowed, f"{where}.{name}")

    def _items(self, value, schema, _schema, where):
        for i, item in enumerate(value if isinstance(value, list) else ()):
            self.check(item, schema, f"{where}[{i}]")

    def _allOf(self, value, schemas, _schema, where):
        for schema in schemas:
            self.check(value, schema, where)

    def _oneOf(self, value, schemas, _schema, where):
        matching = 0
        for schema in schemas:
            try:
                self.check(value, schema, where)
                matching += 1
            except Broken:
                continue
        if matching != 1:
            fail(where, f"matches {matching} of {len(schemas)} schemas, not one")

    # ---- replies ----

    def check_reply(self, operation, reply):
        """A door.Reply to an operation: its status is described, its headers and body match."""
        responses = operation["responses"]
        response = responses.get(str(reply.status), responses.get("default"))
        if response is None:
            fail("", f"status {reply.status} is not in the contract")
        response = self.resolve(response)
        for name, header in response.get("headers", {}).items():
            header = self.resolve(header)
            value = reply.get(name.lower())
            if value is None and header.get("required"):
                fail(name, "is missing")
            if value is not None:
                number = self.resolve(header["schema"])["type"] == "integer"
                self.check(int(value) if number else value, header["schema"], name)
        content = response.get("content")
        if content is None:
            if reply.body:
                fail("body", "there is one")
            return
        media = reply.get("content-type").partition(";")[0]
        if media not in content:
            fail("content-type", f"{media} is not in the contract")
        body = reply.body.decode("utf-8")
        self.check(json.loads(body) if media == "application/json" else body,
                   content[media]["schema"], "body")
