"""Which layers an operation reaches; the rules are venvstacks 0.8's."""

import tomllib
from pathlib import Path

import pytest

from ocistacks.errors import UsageError
from ocistacks.platforms import Platform
from ocistacks.selection.model import When, Wish
from ocistacks.selection.select import select_layers
from ocistacks.spec.parse import parse_stack

# python <- numbers <- (plots, models) <- report; other has a runtime of its own
STACK = """
[[runtimes]]
name = "python"
python_implementation = "cpython@3.13.5"
requirements = []

[[runtimes]]
name = "windows"
python_implementation = "cpython@3.13.5"
requirements = []
platforms = ["win_amd64"]

[[frameworks]]
name = "numbers"
runtime = "python"
requirements = []

[[frameworks]]
name = "plots"
frameworks = ["numbers"]
requirements = []

[[applications]]
name = "report"
frameworks = ["plots"]
launch_module = "run.py"
requirements = []

[[applications]]
name = "off"
frameworks = ["plots"]
launch_module = "run.py"
requirements = []
platforms = []
"""


@pytest.fixture(scope="module")
def stack():
    return parse_stack(
        tomllib.loads(STACK),
        None,
        path=Path("/stack/venvstacks.toml"),
        environment={},
        overrides={},
        list_folder=lambda _folder: {"run.py"},
    )


@pytest.fixture
def chosen(stack):
    """A function from a wish to the names of the operations on each layer."""

    def chosen(**wish):
        selection = select_layers(stack, Wish(**wish), [Platform.LINUX_X86_64])
        return {name: layer.names for name, layer in selection.operations.items()}

    return chosen


def test_without_patterns_all_layers_are_meant(chosen):
    everything = ("lock", "build", "publish")
    assert chosen(lock=When.ALWAYS, build=True, publish=True) == {
        "python": everything,
        "windows": ("lock",),  # locks are for all platforms, builds for those asked for
        "framework-numbers": everything,
        "framework-plots": everything,
        "app-report": everything,
    }


def test_what_an_included_layer_stands_on_is_locked_and_built_if_needed(chosen):
    assert chosen(build=True, publish=True, include=("app-*",)) == {
        "python": ("lock-if-needed", "build-if-needed"),
        "framework-numbers": ("lock-if-needed", "build-if-needed"),
        "framework-plots": ("lock-if-needed", "build-if-needed"),
        "app-report": ("build", "publish"),
    }


def test_what_stands_on_a_layer_that_is_locked_is_locked_too(chosen):
    assert chosen(lock=When.ALWAYS, include=("framework-numbers",)) == {
        "python": ("lock-if-needed", "build-if-needed"),
        "framework-numbers": ("lock",),
        "framework-plots": ("lock",),
        "app-report": ("lock",),
    }


def test_what_stands_on_an_included_layer_is_built_on_request_only(chosen):
    included = {"build": True, "publish": True, "include": ("framework-numbers",)}
    assert "app-report" not in chosen(**included)
    assert chosen(**included, build_derived=True)["app-report"] == ("build",)
    both = chosen(**included, build_derived=True, publish_derived=True)
    assert both["app-report"] == ("build", "publish")


def test_what_is_not_built_is_not_published(chosen):
    derived = chosen(build=True, publish=True, include=("python",), publish_derived=True)
    assert derived == {"python": ("build", "publish")}
    below = chosen(build=True, publish=True, include=("app-report",), publish_dependencies=True)
    assert below["framework-plots"] == ("lock-if-needed", "build-if-needed")


def test_what_is_not_locked_with_the_others_is_not_built_or_published_with_them(chosen):
    layers = chosen(
        lock=When.ALWAYS,
        build=True,
        publish=True,
        include=("app-report",),
        build_dependencies=True,
        publish_dependencies=True,
    )
    assert layers["framework-plots"] == ("lock-if-needed", "build-if-needed")


def test_dependencies_take_part_in_full_on_request(chosen):
    layers = chosen(
        lock=When.ALWAYS,
        build=True,
        publish=True,
        include=("app-report",),
        lock_dependencies=True,
        build_dependencies=True,
        publish_dependencies=True,
    )
    assert set(layers.values()) == {("lock", "build", "publish")}
    assert "windows" not in layers


def test_publishing_alone_may_take_dependencies_with_it(chosen):
    layers = chosen(publish=True, include=("app-report",), publish_dependencies=True)
    assert layers["python"] == ("lock-if-needed", "build-if-needed", "publish")
    assert layers["app-report"] == ("publish",)


ALWAYS = When.ALWAYS
FRAMEWORKS = {"framework-numbers", "framework-plots"}
ONLY_APPLICATIONS = {"lock": ALWAYS, "include": ("app-*",), "reset_lock": ("python",)}


@pytest.mark.parametrize(
    ("wish", "reset"),
    [
        ({"lock": ALWAYS, "reset_lock": ("framework-*",)}, FRAMEWORKS),
        ({"lock": When.IF_NEEDED, "reset_lock": ("python",)}, {"python"}),
        ({"lock": When.NEVER, "reset_lock": ("python",)}, set()),
        # A dependency is reset only where it is locked on request.
        (ONLY_APPLICATIONS, set()),
        ({**ONLY_APPLICATIONS, "lock_dependencies": True}, {"python"}),
        ({"lock": ALWAYS, "include": ("python",), "reset_lock": ("app-*",)}, {"app-report"}),
    ],
)
def test_locks_are_reset_where_they_are_made_anew(stack, wish, reset):
    assert select_layers(stack, Wish(**wish), [Platform.LINUX_X86_64]).to_reset == reset


def test_a_pattern_without_a_layer_is_refused(stack):
    with pytest.raises(UsageError) as caught:
        select_layers(stack, Wish(include=("framework-plot",)), [])
    assert str(caught.value) == (
        "A pattern matches no layer.\n"
        "  where: --include\n"
        "  found: 'framework-plot'\n"
        "  expected: python, windows, framework-numbers, framework-plots, app-report\n"
        "  hint: did you mean 'framework-plots'? --allow-missing makes it a warning"
    )


def test_a_layer_that_is_switched_off_is_no_layer(stack):
    with pytest.raises(UsageError, match="matches no layer"):
        select_layers(stack, Wish(include=("app-off",)), [])


def test_a_pattern_without_a_layer_can_be_allowed(stack):
    wish = Wish(include=("none-*", "python"), reset_lock=("gone",), allow_missing=True)
    selection = select_layers(stack, wish, [])
    assert set(selection.operations) == {"python"}
    assert selection.warnings == (
        "--include 'none-*' matches no layer of venvstacks.toml",
        "--reset-lock 'gone' matches no layer of venvstacks.toml",
    )


def test_a_layer_between_included_ones_cannot_be_treated_in_two_ways(stack):
    wish = Wish(lock=When.ALWAYS, include=("framework-numbers", "app-report"))
    with pytest.raises(UsageError) as caught:
        select_layers(stack, wish, [])
    assert str(caught.value) == (
        "The options contradict each other about locking.\n"
        "  where: framework-plots\n"
        "  found: layers that stand on an included one, while another included one stands on them\n"
        "  hint: include them too, or give --lock-dependencies"
    )
    select_layers(
        stack,
        Wish(lock=When.ALWAYS, include=wish.include, lock_dependencies=True),
        [],
    )
    with pytest.raises(UsageError, match="contradict each other about building"):
        select_layers(stack, Wish(build=True, include=wish.include, build_derived=True), [])
