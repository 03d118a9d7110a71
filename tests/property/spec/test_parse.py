"""Whatever a TOML file holds, it is read or refused with a message; nothing else happens."""

import tomllib
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from ocistacks.errors import SpecError
from ocistacks.spec.faults import shown
from ocistacks.spec.names import LayerKind
from ocistacks.spec.parse import parse_stack
from ocistacks.spec.settings import Settings
from ocistacks.spec.tables import TABLES, ApplicationTable

NAMES = ["py", "f", "g", "app-f", "é", "a.b", "cpu", "a/b"]
FIELDS = sorted({name for table in TABLES for name in table.model_fields})
WORDS = st.sampled_from([*NAMES, "linux_x86_64", "cpython@3.13.5", "glibc@2.30", "13", "a>=1", ""])
SCALARS = st.one_of(
    WORDS, st.text("a/\0\n@é", max_size=5), st.integers(), st.booleans(), st.floats(), st.dates()
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(NAMES), inner, max_size=2)
    ),
    max_leaves=4,
)
GOOD = {
    "name": st.sampled_from(NAMES),
    "requirements": st.lists(st.sampled_from(["numpy", "a>=1; os_name == 'nt'"]), max_size=2),
    "python_implementation": st.just("cpython@3.13.5"),
    "runtime": st.sampled_from(NAMES),
    "frameworks": st.lists(st.sampled_from(NAMES), max_size=3),
    "launch_module": st.just("run.py"),
    "platforms": st.lists(st.sampled_from(["linux_x86_64", "win_amd64"]), max_size=2),
}


@st.composite
def layers(draw):
    fields = draw(st.lists(st.sampled_from(FIELDS), unique=True, max_size=8))
    return {
        field: draw(st.one_of(GOOD[field], GOOD[field], VALUES) if field in GOOD else VALUES)
        for field in fields
    }


def mostly(strategy):
    return st.one_of(strategy, strategy, strategy, VALUES)


LAYER_SETTINGS = st.dictionaries(
    st.sampled_from([kind.environment_name(name) for kind in LayerKind for name in NAMES]),
    mostly(
        st.fixed_dictionaries(
            {},
            optional={
                "exclude_platforms": mostly(GOOD["platforms"]),
                "variants": mostly(
                    st.dictionaries(
                        st.sampled_from(["cpu", "gpu", "a/b"]),
                        mostly(st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=2)),
                        max_size=2,
                    )
                ),
            },
        )
    ),
    max_size=3,
)
DOCUMENTS = st.fixed_dictionaries(
    {},
    optional={
        **{table.kind.plural: mostly(st.lists(layers(), max_size=4)) for table in TABLES},
        "tool": mostly(
            st.fixed_dictionaries(
                {},
                optional={
                    "uv": mostly(
                        st.dictionaries(
                            st.sampled_from(["index", "sources", "exclude-newer"]), VALUES
                        )
                    ),
                    "ocistacks": mostly(
                        st.dictionaries(
                            st.sampled_from(sorted([*Settings.model_fields, "layers"])),
                            st.one_of(VALUES, LAYER_SETTINGS),
                        )
                    ),
                },
            )
        ),
    },
)


@settings(max_examples=300)
@given(DOCUMENTS)
def test_a_document_is_read_or_refused(document):
    try:
        stack = parse_stack(
            document,
            None,
            path=Path("/stack/venvstacks.toml"),
            environment={},
            overrides={},
            list_folder=lambda _: {"run.py"},
        )
    except SpecError as error:
        assert error.what.startswith("venvstacks.toml has ")
        return
    names = [layer.environment_name for layer in stack.layers]
    assert len(set(names)) == len(names)
    assert all(layer.platforms for layer in stack.layers)


@given(st.dictionaries(st.sampled_from(sorted(ApplicationTable.model_fields)), VALUES))
def test_each_fault_names_a_field_that_is_there_or_missing(table):
    try:
        parse_stack(
            {"applications": [table]},
            None,
            path=Path("/stack/venvstacks.toml"),
            environment={},
            overrides={},
            list_folder=lambda _: (),
        )
    except SpecError as error:
        told = [line for line in error.what.splitlines() if line.startswith("  applications[0]")]
        assert told
    else:
        assert table["platforms"] == []


@given(st.text("ab/@: '\"", max_size=30), st.text("xyz", min_size=1), st.text("pqr", min_size=6))
def test_a_password_in_a_url_is_never_shown(before, user, password):
    assert password not in shown(f"{before} https://{user}:{password}@example.org/simple")


@given(st.text("abc.\"' é", max_size=10))
def test_a_key_path_is_a_key_of_toml(key):
    from ocistacks.spec.faults import key_path_text

    assert tomllib.loads(f"{key_path_text((key,))} = 1") == {key: 1}
