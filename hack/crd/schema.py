# SPDX-License-Identifier: Apache-2.0
"""Small constructors for OpenAPI v3 schemas, as a CustomResourceDefinition uses them."""

from typing import Any

Schema = dict[str, Any]

INT32_MAX = 2**31 - 1

DNS_LABEL = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
DNS_SUBDOMAIN = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
LABEL_VALUE = "^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$"
QUALIFIED_NAME = (
    r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?"
    r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$"
)
QUANTITY = r"^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))))?$"
DURATION = r"^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$"
PERCENT = "^(100|[0-9]{1,2})%$"


def unset_or(pattern: str) -> str:
    """The pattern, or the empty string, which means unset."""
    return f"^$|{pattern}"


def describe(schema: Schema, description: str) -> Schema:
    return {"description": description, **schema} if description else schema


def text(description: str = "", *, max_length: int = 0, pattern: str = "", **more: Any) -> Schema:
    schema: Schema = {"type": "string", **more}
    if max_length:
        schema["maxLength"] = max_length
    if pattern:
        schema["pattern"] = pattern
    return describe(schema, description)


def choice(description: str, *values: str, **more: Any) -> Schema:
    """One of the values; the empty string means unset."""
    return describe({"type": "string", "enum": [*values, ""], **more}, description)


def must_choose(description: str, *values: str, **more: Any) -> Schema:
    return describe({"type": "string", "enum": [*values], **more}, description)


def integer(description: str, minimum: int = 0, maximum: int = INT32_MAX, **more: Any) -> Schema:
    schema: Schema = {"type": "integer", "format": "int32", "minimum": minimum, **more}
    if maximum != INT32_MAX:
        schema["maximum"] = maximum
    return describe(schema, description)


def boolean(description: str, **more: Any) -> Schema:
    return describe({"type": "boolean", **more}, description)


def int_or_string(description: str, **more: Any) -> Schema:
    return describe(
        {"anyOf": [{"type": "integer"}, {"type": "string"}], "x-kubernetes-int-or-string": True, **more},
        description,
    )


def array(description: str, items: Schema, *, max_items: int = 0, list_type: str = "atomic", **more: Any) -> Schema:
    schema: Schema = {"type": "array", "items": items, "x-kubernetes-list-type": list_type, **more}
    if max_items:
        schema["maxItems"] = max_items
    return describe(schema, description)


def list_map(description: str, keys: list[str], items: Schema, **more: Any) -> Schema:
    return array(description, items, list_type="map", **{"x-kubernetes-list-map-keys": keys}, **more)


def mapping(description: str, values: Schema, **more: Any) -> Schema:
    return describe({"type": "object", "additionalProperties": values, **more}, description)


def anything(description: str, **more: Any) -> Schema:
    return describe({"x-kubernetes-preserve-unknown-fields": True, **more}, description)


def record(description: str, properties: dict[str, Schema], *, required: tuple[str, ...] = (), **more: Any) -> Schema:
    schema: Schema = {"type": "object", "properties": properties, **more}
    if required:
        schema["required"] = list(required)
    return describe(schema, description)


def rule(expression: str, message: str, *, path: str = "") -> Schema:
    """A CEL rule (x-kubernetes-validations); `path` is the field to blame, below the rule's own."""
    made: Schema = {"rule": expression, "message": message}
    if path:
        made["fieldPath"] = path
    return made


def with_rules(schema: Schema, *rules: Schema) -> Schema:
    return {**schema, "x-kubernetes-validations": [*schema.get("x-kubernetes-validations", []), *rules]}
