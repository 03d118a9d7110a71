"""A venvstacks.toml whose first line names the schema completes, and is checked, in editors."""

import re
from pathlib import Path

from ocistacks.spec.layer_settings import FIXED_FIELDS
from ocistacks.spec.settings import Settings
from ocistacks.spec.tables import ApplicationTable, FrameworkTable, RuntimeTable

SCHEMA = "#:schema ./venvstacks.schema.json\n"
STACK = (
    SCHEMA
    + """
[[runtimes]]
name = "py"
python_implementation = "cpython@3.13.5"
requirements = []

[[frameworks]]
name = "torch"

[[applications]]
name = "demo"

[tool.ocistacks]

compression = ""

[tool.ocistacks.layers.framework-torch]

[tool.ocistacks.layers.framework-torch.variants.cpu]

"""
)
DOCS = Path(__file__).parents[3] / "docs"


def line_after(text):
    """Return the number of the empty line after the table that begins with ``text``."""
    lines = STACK.splitlines()
    return lines.index("", lines.index(text))


def test_the_fields_of_each_table_are_offered_with_their_meaning(editor):
    editor.open(STACK)
    for header, model in {
        "[[frameworks]]": FrameworkTable,
        "[[applications]]": ApplicationTable,
        "[tool.ocistacks]": Settings,
    }.items():
        offered = editor.completions(line_after(header))
        for name in model.model_fields.keys() - {"name", "compression"}:
            meaning = offered[name]["documentation"]["value"]
            assert model.model_fields[name].description in meaning
        # What the table has already is not offered again.
        assert not {"name", "compression"} & offered.keys()


def test_layers_settings_and_variants_are_offered(editor):
    editor.open(STACK)
    settings = editor.completions(line_after("[tool.ocistacks.layers.framework-torch]"))
    assert {"exclude_platforms", "variants"} <= settings.keys()
    offered = editor.completions(line_after("[tool.ocistacks.layers.framework-torch.variants.cpu]"))
    fields = {*RuntimeTable.model_fields, *ApplicationTable.model_fields} - {*FIXED_FIELDS}
    assert fields | {"exclude_platforms"} == offered.keys()


def test_the_values_of_a_choice_are_offered(editor):
    editor.open(STACK)
    line = STACK.splitlines().index('compression = ""')
    assert editor.completions(line, len('compression = "')).keys() == {'"zstd"', '"gzip"'}


def test_the_linter_takes_the_examples_of_the_docs(lint):
    examples = re.findall(r"```toml\n(.*?)```", (DOCS / "spec.md").read_text(), re.DOTALL)
    assert examples
    for example in examples:
        result = lint(SCHEMA + example)
        assert result.returncode == 0, result.stderr


def test_the_linter_refuses_a_wrong_type_and_an_unknown_field(lint):
    layer = '[[runtimes]]\nname = "py"\npython_implementation = "cpython@3.13.5"\n'
    result = lint(f'{SCHEMA}{layer}requirements = "numpy"\n')
    assert result.returncode == 1
    assert '"numpy" is not of type "array"' in result.stderr
    result = lint(f"{SCHEMA}{layer}requirements = []\nrequirments = []\n")
    assert result.returncode == 1
    assert "'requirments' was unexpected" in result.stderr
