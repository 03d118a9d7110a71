"""Plain dicts as YAML that Kubernetes' parser reads as what they are."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import yaml

if TYPE_CHECKING:
    from ocistacks.kubernetes.pods import Object

# What no version of YAML takes for a number, date or truth; "1e3" is a text to PyYAML alone.
_PLAIN = re.compile(r"[A-Za-z/][A-Za-z0-9/._@:-]*[A-Za-z0-9]")


class _Dumper(yaml.SafeDumper):
    """Writes lists indented, in quotes what might be misread, and what comes twice in full."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: FBT001, FBT002 - PyYAML's signature
        super().increase_indent(flow, False)  # noqa: FBT003

    def ignore_aliases(self, data: object) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = None if _PLAIN.fullmatch(text) else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def yaml_text(document: Object) -> str:
    """Return a document as YAML, its keys in their order."""
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10_000)
