"""The JSON schema says what the reader says, as far as a schema can."""

import json
import tomllib
from pathlib import Path

import pytest
from jsonschema import Draft7Validator
from typer.testing import CliRunner

from ocistacks.cli.main import app
from ocistacks.spec.layer_settings import LayerSettings, VariantSettings
from ocistacks.spec.schema import json_schema
from ocistacks.spec.settings import Settings
from ocistacks.spec.tables import TABLES

PUBLISHED = Path(__file__).parents[3] / "docs" / "venvstacks.schema.json"
LAYERS = """
[[runtimes]]
name = "py"
python_implementation = "cpython@3.13.5"
requirements = ["numpy"]
platforms = ["linux_x86_64"]
linux_target = "glibc@2.34"
[[runtimes]]
name = "old"
fully_versioned_name = "cpython@3.12.9"
requirements = []
build_requirements = []
[[frameworks]]
name = "f"
runtime = "py"
requirements = []
package_indexes = { torch = "cpu" }
[[applications]]
name = "x"
frameworks = ["f"]
requirements = []
launch_module = "run.py"
[tool.uv]
index = [{ name = "cpu", url = "https://example.org/cpu", explicit = true }]
sources = { torch = { index = "cpu" } }
[tool.ocistacks]
repository = "example.org/x"
platforms = ["linux_x86_64"]
[tool.ocistacks.python_sources."3.13.5".linux_x86_64]
url = "https://example.org/x"
sha256 = "00"
[tool.ocistacks.layers.framework-f]
exclude_platforms = ["win_arm64"]
[tool.ocistacks.layers.framework-f.variants.cpu]
package_indexes = { numpy = "cpu" }
exclude_platforms = ["win_amd64"]
launch_module = "run.py"
[tool.ocistacks.layers.framework-f.variants.plain]
[tool.other]
anything = 3
"""


@pytest.fixture(scope="module")
def validator():
    schema = json.loads(json.dumps(json_schema()))
    Draft7Validator.check_schema(schema)
    return Draft7Validator(schema)


def test_a_stack_with_every_kind_of_field_is_valid(validator):
    assert [error.message for error in validator.iter_errors(tomllib.loads(LAYERS))] == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('name = "f"', 'nam = "f"'),
        ('"linux_x86_64"]\nlinux', '"linux_x86"]\nlinux'),
        ('runtime = "py"', ""),
        ('runtime = "py"', 'runtime = "py"\nframeworks = ["a"]'),
        ('frameworks = ["f"]', "frameworks = []"),
        ("cpython@3.13.5", "cpython@3.13"),
        ("glibc@2.34", "musl"),
        ('launch_module = "run.py"', ""),
        ("cpython@3.12.9", 'cpython@3.12.9"\npython_implementation = "cpython@3.12.9'),
        ("repository", "repo"),
        ("sha256", "sha"),
        ('{ index = "cpu" }', "3"),
        ('["win_arm64"]', '["win_arm46"]'),
        ('["win_amd64"]', '"win_amd64"'),
        ('{ numpy = "cpu" }', "3"),
        ('launch_module = "run.py"\n[tool', 'runtime = "py"\n[tool'),
        ('launch_module = "run.py"\n[tool', 'launch = "run.py"\n[tool'),
        ("variants.plain", "variant.plain"),
    ],
)
def test_a_fault_is_seen(validator, old, new):
    text = LAYERS.replace(old, new, 1)
    assert text != LAYERS
    assert not validator.is_valid(tomllib.loads(text))


def test_the_published_schema_is_what_the_command_prints():
    result = CliRunner().invoke(app, ["schema"])
    assert result.exit_code == 0
    assert PUBLISHED.read_text() == result.stdout, (
        "renew it: ocistacks schema > docs/venvstacks.schema.json"
    )


def test_every_field_is_described_and_none_is_null():
    schema = json_schema()
    assert "null" not in json.dumps(schema)
    for model in (*TABLES, Settings, LayerSettings, VariantSettings):
        properties = schema["definitions"][model.__name__]["properties"]
        assert set(model.model_fields) <= set(properties)
        assert all(properties[name].get("description") for name in model.model_fields)
