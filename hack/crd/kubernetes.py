# SPDX-License-Identifier: Apache-2.0
"""Kubernetes' own types as structural schemas, from an API server's OpenAPI v3 documents."""

from typing import Any

from schema import QUANTITY, Schema, describe, int_or_string, mapping, record, text

# What a structural schema keeps of a built-in type. Descriptions are left out: kubectl stores the
# whole CRD in an annotation of at most 256 KiB, and `kubectl explain pod.spec` tells them anyway.
KEPT = {
    "type",
    "format",
    "enum",
    "required",
    "nullable",
    "x-kubernetes-list-type",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-map-type",
}

QUANTITY_TYPE = "io.k8s.apimachinery.pkg.api.resource.Quantity"
INT_OR_STRING_TYPE = "io.k8s.apimachinery.pkg.util.intstr.IntOrString"
OBJECT_META_TYPE = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
FIELDS_TYPE = "io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1"

# Formats that the built-in types name and that CustomResourceDefinitions check.
FORMATS = {"int32", "int64", "byte", "date-time"}


class Types:
    """Looks types up by name ("io.k8s.api.core.v1.Affinity") in several OpenAPI documents."""

    def __init__(self, documents: list[dict[str, Any]]) -> None:
        self.schemas: dict[str, Schema] = {}
        for document in documents:
            self.schemas.update(document["components"]["schemas"])

    def get(self, name: str, description: str = "", **more: Any) -> Schema:
        return describe({**self._named(name, ()), **more}, description)

    def _named(self, name: str, outer: tuple[str, ...]) -> Schema:
        if name == QUANTITY_TYPE:
            return int_or_string("", pattern=QUANTITY)
        if name == INT_OR_STRING_TYPE:
            return int_or_string("")
        if name == OBJECT_META_TYPE:  # of a template: nothing else may be set there
            return record("", {key: mapping("", text()) for key in ("annotations", "labels")})
        if name in outer:
            raise ValueError(f"{name} contains itself: a structural schema cannot express that")
        return self._convert(self.schemas[name], (*outer, name))

    def _convert(self, source: Schema, outer: tuple[str, ...]) -> Schema:
        if "$ref" in source:
            return self._named(source["$ref"].rsplit("/", 1)[1], outer)
        if "allOf" in source:  # how OpenAPI v3 puts a default beside a reference
            (only,) = source["allOf"]
            return self._convert(only, outer)
        made = {key: value for key, value in source.items() if key in KEPT}
        if made.get("format") not in FORMATS:
            made.pop("format", None)
        if "items" in source:
            made["items"] = self._convert(source["items"], outer)
        if "additionalProperties" in source:
            made["additionalProperties"] = self._convert(source["additionalProperties"], outer)
        if "properties" in source:
            made["properties"] = self._properties(source, outer)
        return made

    def _properties(self, source: Schema, outer: tuple[str, ...]) -> dict[str, Schema]:
        required = source.get("required", [])
        properties = {}
        for name, property_source in source["properties"].items():
            made = self._convert(property_source, outer)
            default = property_source.get("default")
            # {} and a required field's zero are how Go's zero values look, not defaults.
            if name not in required and default not in (None, {}):
                made["default"] = default
            # A Go client reads "" as unset, and so does the API server for the built-in types.
            if name not in required and "enum" in made and "" not in made["enum"]:
                made["enum"] = [*made["enum"], ""]
            properties[name] = made
        return properties


