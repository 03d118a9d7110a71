"""docs/spec.md says what the code says."""

import re
import tomllib
from pathlib import Path

import pytest

from ocistacks.spec.layer_settings import FIXED_FIELDS
from ocistacks.spec.place import ADDED_LISTS, ADDED_TABLES
from ocistacks.spec.settings import Settings
from ocistacks.spec.settings_sources import environment_variable, flag
from ocistacks.spec.tables import TABLES

DOCS = Path(__file__).parents[3] / "docs" / "spec.md"


@pytest.fixture(scope="module")
def text():
    return DOCS.read_text()


def settings_table():
    rows = []
    for name, field in Settings.model_fields.items():
        default = field.get_default(call_default_factory=True, validated_data={})
        shown = "none" if default is None or default == {} else f"`{str(default).lower()}`"
        rows.append(
            f"| `{name}` | `{flag(name)}` | `{environment_variable(name)}` | {shown} | "
            f"{field.description} |"
        )
    return "\n".join(rows)


def test_the_table_of_settings_is_the_code_s(text):
    assert settings_table() in text


def test_every_field_of_a_layer_is_documented(text):
    for table in TABLES:
        for name in table.model_fields:
            assert f"`{name}" in text


def test_the_examples_are_read(text, parse):
    first, excluding, variants, sources = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    stack = parse(first, modules=("classify.py",))
    assert [layer.environment_name for layer in stack.layers] == [
        "cpython-3.13",
        "framework-sklearn",
        "app-classify",
    ]
    assert stack.warnings == ()
    assert "3.13.5" in parse(sources).settings.python_sources
    several = parse(variants + excluding, modules=("classify.py",))
    assert [layer.environment_name for layer in several.layers] == [
        "cpython-3.13",
        "framework-torch-cpu",
        "framework-torch-cu128",
        "app-classify-cpu",
        "app-classify-cu128",
    ]
    assert {len(layer.platforms) for layer in several.applications} == {4, 2}
    for name in (*ADDED_LISTS, *ADDED_TABLES, *FIXED_FIELDS):
        assert f"`{name}`" in text


def test_the_example_of_a_refusal_is_what_is_told(text, refusal):
    (shown,) = re.findall(r"```text\n(.*?)```", text, re.DOTALL)
    first, *_ = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    wrong = first.replace('requirements = ["scikit-learn"]', 'requirments = ["scikit-learn"]', 1)
    assert tomllib.loads(wrong) != tomllib.loads(first)
    assert refusal(wrong, modules=("classify.py",)) == shown.rstrip()
