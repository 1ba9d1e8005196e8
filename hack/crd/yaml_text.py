# SPDX-License-Identifier: Apache-2.0
"""Writes JSON values as YAML text: block style, keys sorted, one way only."""

import json
import re
from typing import Any

PLAIN = re.compile(r"[A-Za-z/][A-Za-z0-9_./()-]*( [A-Za-z0-9_./(][A-Za-z0-9_./()%+=,-]*)*[.]?")
RESERVED = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}


def scalar(value: Any) -> str:
    if isinstance(value, str) and PLAIN.fullmatch(value) and value.lower() not in RESERVED:
        return value
    return json.dumps(value, ensure_ascii=False)  # JSON's scalars are YAML's, quoted


def lines(value: Any, indent: str) -> list[str]:
    if isinstance(value, dict) and value:
        made = []
        for key in sorted(value):
            made += entry(f"{indent}{scalar(key)}:", value[key], indent)
        return made
    if isinstance(value, list) and value:
        made = []
        for item in value:
            first, *rest = lines(item, indent + "  ")
            made += [f"{indent}- {first.strip()}", *rest]
        return made
    return [indent + scalar(value)]


def entry(head: str, value: Any, indent: str) -> list[str]:
    if isinstance(value, dict) and value:
        return [head, *lines(value, indent + "  ")]
    if isinstance(value, list) and value:
        return [head, *lines(value, indent)]
    return [f"{head} {scalar(value)}"]


def dump(value: Any) -> str:
    return "\n".join(lines(value, "")) + "\n"
