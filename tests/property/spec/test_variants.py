"""Variants mean what the same layers mean when each is written out."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from ocistacks.spec.model import lower_layers
from ocistacks.spec.parse import parse_stack

NAMES = ("a", "b")
INDEXES = [{"name": name, "url": f"https://example.org/{name}"} for name in ("one", "two")]
FIELDS = {
    "requirements": st.lists(st.sampled_from(["numpy", "scipy>=1"]), max_size=2),
    "dynlib_exclude": st.lists(st.sampled_from(["*.so", "x/**"]), max_size=2),
    "priority_indexes": st.lists(st.sampled_from(["one", "two"]), max_size=2, unique=True),
    "versioned": st.booleans(),
    "linux_target": st.sampled_from(["glibc@2.28", "glibc@2.34"]),
}
LISTS = ("requirements", "dynlib_exclude", "priority_indexes")


def tables(required):
    return st.fixed_dictionaries(
        {name: FIELDS[name] for name in required},
        optional={name: field for name, field in FIELDS.items() if name not in required},
    )


def parsed(document):
    stack = parse_stack(
        document,
        None,
        path=Path("/stack/venvstacks.toml"),
        environment={},
        overrides={},
        list_folder=lambda _: {"run.py"},
    )
    return [
        {
            "name": layer.environment_name,
            "below": [lower.environment_name for lower in lower_layers(layer)],
            "platforms": layer.platforms,
            **{name: getattr(layer, name) for name in FIELDS},
        }
        for layer in stack.layers
    ]


@given(
    tables(["requirements"]),
    st.fixed_dictionaries({name: tables([]) for name in NAMES}),
    tables(["requirements"]),
    st.booleans(),
)
def test_variants_are_layers_written_once(base, variants, above, through_a_chain):
    runtime = {"name": "py", "python_implementation": "cpython@3.13.5", "requirements": []}
    top = {**above, "launch_module": "run.py"}

    def stack(suffixes, framework):
        chain = [
            {"name": f"chain{end}", "frameworks": [f"f{end}"], "requirements": []}
            for end in suffixes
        ]
        below = "chain" if through_a_chain else "f"
        return {
            "runtimes": [runtime],
            "frameworks": [*framework, *(chain if through_a_chain else [])],
            "applications": [
                {**top, "name": f"x{end}", "frameworks": [f"{below}{end}"]} for end in suffixes
            ],
        }

    tool = {"uv": {"index": INDEXES}}
    once = stack([""], [{**base, "name": "f", "runtime": "py"}])
    once["tool"] = {**tool, "ocistacks": {"layers": {"framework-f": {"variants": variants}}}}
    framework = [
        {
            **base,
            **{
                key: [*base.get(key, []), *value] if key in LISTS else value
                for key, value in fields.items()
            },
            "name": f"f-{name}",
            "runtime": "py",
        }
        for name, fields in variants.items()
    ]
    written_out = {**stack([f"-{name}" for name in variants], framework), "tool": tool}
    assert parsed(once) == parsed(written_out)
