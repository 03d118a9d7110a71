"""Options that make several steps of one command, on a small stack of one file."""

import json
import shutil

import pytest


@pytest.fixture
def small(small_spec, command_line):
    """A locked stack whose application alone is not built yet."""
    command_line.succeed("build", small_spec, "--include", "main")
    shutil.rmtree(small_spec.parent / "_build")
    return small_spec


def digests(table):
    return {row.split()[0]: row.split()[-1] for row in table.splitlines()[1:]}


def test_without_building_what_is_missing_is_named(small, command_line):
    code, message = command_line.fail("build", small, "--no-build", "--publish")
    assert code == 5
    assert message == (
        "Layers are not built yet.\n  found: app-small\n  hint: leave --no-build out\n"
    )
    assert not (small.parent / "_artifacts").exists()


def test_build_can_publish_at_once(small, command_line):
    told = command_line.succeed("build", small, "--publish", "--output-dir", "out", "--no-layout")
    archives = {path.name for path in (small.parent / "out").iterdir()}
    assert archives == {"__venvstacks__", "app-small.tar.zst", "main.tar.zst"}
    assert told.count("written") == 2
    again = command_line.succeed("build", small, "--publish", "--output-dir", "out", "--no-layout")
    assert again.count("up to date") == 2


def test_clean_builds_again_and_gives_the_same_bytes(small, command_line):
    first = command_line.succeed("build", small)
    anew = command_line.succeed("build", small, "--clean", "--include", "app-small")
    assert "app-small" in anew
    assert "up to date" not in anew
    assert digests(first).items() >= digests(anew).items()


def test_dependencies_can_be_included_in_all_operations(small, command_line):
    told = command_line.succeed(
        *("build", small, "--lock-if-needed", "--include", "app-*", "--include-dependencies"),
        *("--json", "--show-only"),
    )
    layers = json.loads(told)
    assert [layer["selected_operations"] for layer in layers["runtimes"]] == [
        ["lock-if-needed", "build", "publish"]
    ]
    alone = command_line.succeed("build", small, "--include", "app-*", "--show")
    assert "    main (lock-if-needed, build-if-needed)\n" in alone
    assert "    app-small (build, publish)\n" in alone
    assert "BLOB" in alone


def test_a_dry_run_publishes_nothing(small, command_line):
    told = json.loads(command_line.succeed("publish", small, "--dry-run"))
    assert [layer["layer_name"] for layer in told["layers"]["applications"]] == ["app-small"]
    exported = json.loads(command_line.succeed("local-export", small, "--dry-run"))
    assert [layer["layer_name"] for layer in exported["layers"]["runtimes"]] == ["main"]
    assert {path.name for path in small.parent.iterdir()} == {
        "venvstacks.toml",
        "small.py",
        "requirements",
    }


def test_an_export_may_be_some_layers_with_what_they_stand_on(small, command_line):
    told = command_line.succeed(
        *("local-export", small, "--include", "app-small", "--publish-dependencies", "--copy"),
        *("--output-dir", "there"),
    )
    assert told.count("written") == 2
    python = small.parent / "there" / "app-small" / "bin" / "python"
    assert python.exists()
    assert python.parents[1].joinpath("pyvenv.cfg").stat().st_mode & 0o200


ABOVE = """
[[frameworks]]
name = "tools"
runtime = "main"
requirements = ["packaging==24.2"]

[[applications]]
name = "above"
frameworks = ["tools"]
requirements = ["packaging"]
launch_module = "small.py"
"""


def test_a_build_locks_what_uses_a_package_that_changed_below(small_spec, command_line):
    small_spec.write_text(small_spec.read_text() + ABOVE)
    lock = small_spec.parent / "requirements" / "app-above" / "pylock.app-above.toml"
    command_line.succeed("lock", small_spec)
    assert 'version = "24.2"' in lock.read_text()
    small_spec.write_text(small_spec.read_text().replace("24.2", "25.0"))
    command_line.succeed("build", small_spec, "--include", "framework-tools", "--lock")
    command_line.succeed("build", small_spec, "--lock-if-needed")
    assert 'version = "25.0"' in lock.read_text()


def test_quiet_leaves_results_alone(small, command_line):
    command_line.succeed("build", small)
    for arguments in (("-q", "build", small), ("build", "-q", small)):
        finished = command_line.run(*arguments)
        assert finished.stderr == ""
        assert "app-small" in finished.stdout


def test_publishing_without_a_base_image_at_hand_goes_on(small, command_line):
    environment = {**command_line.environment}
    del environment["OCISTACKS_BASE_IMAGE"]
    finished = type(command_line)(environment).run(
        "publish", small, HTTPS_PROXY="http://127.0.0.1:9", https_proxy="http://127.0.0.1:9"
    )
    assert finished.returncode == 0, finished.stderr
    assert "warning: no application images are made: " in finished.stderr
    assert "stack sha256:" in finished.stdout
    code, message = command_line.fail("publish", small, "--base-image", "127.0.0.1:9/none")
    assert code == 10, message


@pytest.mark.parametrize("command", [("publish",), ("push", "oci:out")])
def test_a_base_image_that_cannot_be_had_is_told_before_anything_is_made(
    small, command_line, command
):
    verb, *target = command
    code, message = command_line.fail(
        *(verb, small, *target, "--base-image", f"oci:{small.parent / 'none'}")
    )
    assert code == 6, message
    assert message.startswith(f"The base image oci:{small.parent / 'none'} cannot be used. ")
    assert sorted(path.name for path in small.parent.iterdir()) == [
        "requirements",
        "small.py",
        "venvstacks.toml",
    ]


def test_stacks_share_layers_through_the_layer_repository(small, command_line, registry):
    """The first push fills it; a stack in another repository has its blobs mounted from there."""
    shared = {"OCISTACKS_LAYER_REPOSITORY": f"{registry}/shared/layers"}
    first = command_line.succeed("push", small, f"{registry}/one/small:1", **shared)
    assert "sent 0 blobs" in first
    second = command_line.succeed("push", small, f"{registry}/two/small:1", **shared)
    assert "sent 0 blobs (0 bytes), " in second
    assert not second.partition("sent 0 blobs (0 bytes), ")[2].startswith("0 mounted")
    runs = command_line.succeed("run", f"{registry}/two/small:1", "small")
    assert runs == f"{small.parent}\n"


def test_the_layer_repository_is_in_the_same_registry(small, command_line):
    code, message = command_line.fail(
        *("push", small, "one.example/stack:1", "--layer-repository", "two.example/layers")
    )
    assert (code, message) == (
        2,
        (
            "The layer repository is in another registry than the stack's repository.\n"
            "  where: the setting layer_repository\n"
            "  found: two.example/layers\n"
            "  expected: a repository of one.example, because blobs are mounted within a registry\n"
        ),
    )


def test_the_setting_says_where_a_stack_is_pushed_to(small, command_line, registry):
    code, message = command_line.fail("push", small)
    assert (code, message.partition("\n")[0]) == (2, "It is not said where the stack is pushed to.")
    told = command_line.succeed("push", small, "--repository", f"{registry}/set/small")
    assert told.startswith(f"{registry}/set/small:latest@sha256:")
