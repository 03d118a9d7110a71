"""What the layer repository has is neither built nor sent, also by a machine that has nothing."""

import json
import urllib.request
from pathlib import Path

import pytest

LAYERS = ("main", "framework-shared")


@pytest.fixture
def names(proxy, tmp_path):
    """The layer repository and the stacks' repositories, none of which exists yet."""
    prefix = f"{proxy.host}/found/{tmp_path.name.lower()}"
    return {name: f"{prefix}/{name}" for name in ("layers", "one", "two", "mirror")}


@pytest.fixture
def first_pushed(command_line, stacks, names, proxy):
    """The first stack in the registry; gives the blobs' digests by layer, as hexadecimals."""
    shared = ("--layer-repository", names["layers"])
    command_line.succeed("push", stacks["one"], f"{names['one']}:1", *shared)
    told = json.loads(command_line.succeed("inspect", f"{names['one']}:1", "--json"))
    proxy.requests.clear()
    return {
        layer["install_target"]: layer["blob"]["digest"].removeprefix("sha256:")
        for layer in told["layers"]
    }


def table(text):
    return {line.split()[0]: line for line in text.splitlines()[1:] if line}


def blobs_in(machine):
    folder = Path(machine.environment["OCISTACKS_STORE"]) / "blobs" / "sha256"
    return {path.name for path in folder.iterdir()}


def test_a_second_stack_uploads_and_builds_nothing_of_its_framework(
    stacks, names, proxy, first_pushed, new_machine, command_line
):
    machine = new_machine("other")
    shared = ("--layer-repository", names["layers"])
    # Without attestations, which tests/e2e/attestations counts.
    told = machine.succeed(
        *("push", stacks["two"], f"{names['two']}:1", *shared, "--no-attestations")
    )
    below = {first_pushed[name] for name in LAYERS}
    for name in LAYERS:
        assert f"{name}: from {names['layers']}:input-" in told
    assert f"\n{names['layers']}: sent 2 blobs (" in told
    tagged = [
        path for verb, path, _size in proxy.requests if verb == "PUT" and "/layers/man" in path
    ]
    assert len(tagged) == 1
    assert proxy.uploaded().isdisjoint(below)
    assert proxy.downloaded().isdisjoint(below)
    assert blobs_in(machine).isdisjoint(below)
    assert "sent 0 blobs (0 bytes)" in told  # the application's blob went to the layer repository

    sent = sum(size for verb, path, size in proxy.requests if verb == "PUT" and "/blobs/" in path)
    report = json.loads(machine.succeed("inspect", f"{names['two']}:1", "--json"))
    application = next(layer for layer in report["layers"] if layer["kind"] == "application")
    assert application["blob"]["bytes"] < sent < application["blob"]["bytes"] + 5000

    from_here = command_line.succeed(
        *("push", stacks["two"], f"{names['two']}:1", *shared, "--dry-run", "--json")
    )
    assert json.loads(from_here)["digest"] == report["digest"]
    runs = new_machine("third").succeed("run", f"{names['two']}:1", "two")
    assert runs.startswith("two on 25.0 ")


def test_what_is_attached_to_a_found_layer_comes_along(stacks, names, first_pushed, new_machine):
    """Who did not build a layer states nothing of it; who did has stated it where it was found."""
    machine = new_machine("other")
    shared = ("--layer-repository", names["layers"])

    machine.succeed("push", stacks["two"], f"{names['two']}:1", *shared)

    told = new_machine("third").succeed("verify", f"{names['two']}:1")
    assert "fault" not in told


def test_a_build_pulls_what_is_there(stacks, names, proxy, first_pushed, new_machine, command_line):
    """No builder can be had at all, so that nothing can have been built."""
    machine = new_machine("other", cannot_build=True)
    arguments = (
        *("build", stacks["two"], "--include", "main", "--include", "framework-shared"),
        *("--layer-repository", names["layers"], "--build-dir", "_pulled"),
    )
    rows = table(machine.succeed(*arguments))
    for name in LAYERS:
        assert f"  from {names['layers']}:input-" in rows[name]
        assert rows[name].endswith(f"sha256:{first_pushed[name]}")
        assert (stacks["two"].parent / "_pulled" / name).is_dir()
    assert proxy.downloaded() >= {first_pushed[name] for name in LAYERS}
    assert proxy.uploaded() == set()

    records = Path(machine.environment["OCISTACKS_STORE"]) / "builds"
    built_here = Path(command_line.environment["OCISTACKS_STORE"]) / "builds"
    assert len(list(records.iterdir())) == len(LAYERS)
    for record in records.iterdir():
        assert record.read_bytes() == (built_here / record.name).read_bytes()

    proxy.requests.clear()
    again = table(machine.succeed(*arguments))
    assert all("up to date" in again[name] for name in LAYERS)
    assert proxy.requests == []


@pytest.mark.parametrize("switch", [("--no-cache", {}), (None, {"OCISTACKS_CACHE": "0"})])
def test_without_the_cache_all_is_built(stacks, names, proxy, first_pushed, new_machine, switch):
    flag, environment = switch
    machine = new_machine("other", cannot_build=True)
    code, message = machine.fail(
        *("build", stacks["two"], "--include", "main", *((flag,) if flag else ())),
        *("--layer-repository", names["layers"]),
        **environment,
    )
    assert code == 5, message
    assert proxy.requests == []


def test_the_stacks_own_repository_is_asked_where_there_is_no_other(
    stacks, names, proxy, first_pushed, new_machine
):
    machine = new_machine("other")
    told = machine.succeed("push", stacks["two"], f"{names['one']}:two")
    for name in LAYERS:
        assert f"{name}: from {names['one']}:input-" in told
    assert proxy.uploaded().isdisjoint(first_pushed[name] for name in LAYERS)
    builds = new_machine("builds", cannot_build=True)
    rows = table(
        builds.succeed(
            *("build", stacks["two"], "--include", "main", "--build-dir", "_own"),
            *("--repository", names["one"]),
        )
    )
    assert f"  from {names['one']}:input-" in rows["main"]


def test_a_mirror_made_by_copy_is_a_layer_repository(
    stacks, names, proxy, first_pushed, new_machine, command_line
):
    command_line.succeed("copy", f"{names['one']}:1", f"{names['mirror']}:1")
    machine = new_machine("other", cannot_build=True)
    rows = table(
        machine.succeed(
            *("build", stacks["two"], "--include", "main", "--build-dir", "_mirrored"),
            *("--layer-repository", names["mirror"]),
        )
    )
    assert f"  from {names['mirror']}:input-" in rows["main"]


def test_where_nothing_can_be_mounted_blobs_go_from_repository_to_repository(
    stacks, names, proxy, first_pushed, new_machine
):
    proxy.mounts_blobs = False
    machine = new_machine("other")
    machine.succeed(
        *("push", stacks["two"], f"{names['two']}:1", "--layer-repository", names["layers"])
    )
    below = {first_pushed[name] for name in LAYERS}
    assert proxy.downloaded() >= below
    assert proxy.uploaded() >= below
    assert blobs_in(machine).isdisjoint(below)
    runs = new_machine("third").succeed("run", f"{names['two']}:1", "two")
    assert runs.startswith("two on 25.0 ")


def test_a_layout_gets_what_was_found(stacks, names, first_pushed, new_machine, tmp_path):
    machine = new_machine("other")
    layout = tmp_path / "layout"
    machine.succeed(
        *("push", stacks["two"], f"oci:{layout}:1", "--repository", names["one"]),
    )
    for name in LAYERS:
        assert (layout / "blobs" / "sha256" / first_pushed[name]).is_file()


def only_the_framework(machine, stacks, repository):
    """Build the framework on what it needs; return its outcome and the warnings."""
    finished = machine.run(
        *("build", stacks["two"], "--include", "framework-shared", "--build-dir", "_only"),
        *("--layer-repository", repository),
    )
    assert finished.returncode == 0, finished.stderr
    warnings = [line for line in finished.stderr.splitlines() if line.startswith("warning: ")]
    return table(finished.stdout)["framework-shared"], warnings


def test_a_registry_that_does_not_answer_is_a_warning(stacks, new_machine):
    row, [warning] = only_the_framework(new_machine("other"), stacks, "127.0.0.1:9/none")
    assert " built " in row
    assert warning.startswith("warning: No layers can be taken from 127.0.0.1:9/none: ")
    assert "refused" in warning


@pytest.mark.parametrize("status", [401, 403, 500])
def test_a_registry_that_refuses_is_a_warning(
    stacks, names, proxy, first_pushed, new_machine, status
):
    proxy.refuse = lambda _verb, _path: status
    row, [warning] = only_the_framework(new_machine("other"), stacks, names["layers"])
    assert " built " in row
    assert f"HTTP {status}" in warning


def test_a_damaged_blob_is_not_taken(stacks, names, proxy, first_pushed, new_machine):
    """Neither the framework's nor that of the runtime, which is missing as well."""
    proxy.damages_blobs = True
    row, warnings = only_the_framework(new_machine("other"), stacks, names["layers"])
    assert " built " in row
    assert row.endswith(f"sha256:{first_pushed['framework-shared']}")
    assert [line.partition(": What was received")[0] for line in sorted(warnings)] == [
        f"warning: The layer {name} cannot be taken from {names['layers']}"
        for name in ("framework-shared", "main")
    ]


def test_another_layer_under_the_tag_is_not_taken(
    stacks, names, proxy, first_pushed, new_machine, command_line
):
    told = json.loads(command_line.succeed("inspect", f"{names['one']}:1", "--json"))
    layers = {layer["install_target"]: layer for layer in told["layers"]}
    path = names["layers"].partition("/")[2]
    url = f"http://{proxy.host}/v2/{path}/manifests"
    kind = "application/vnd.oci.image.manifest.v1+json"
    asked = urllib.request.Request(f"{url}/{layers['main']['digest']}", headers={"Accept": kind})
    with urllib.request.urlopen(asked) as answer:
        other = answer.read()
    tag = layers["framework-shared"]["input_digest"].replace("sha256:", "input-")
    put = urllib.request.Request(
        f"{url}/{tag}", data=other, method="PUT", headers={"Content-Type": kind}
    )
    urllib.request.urlopen(put).close()
    row, [warning] = only_the_framework(new_machine("other"), stacks, names["layers"])
    assert " built " in row
    assert row.endswith(f"sha256:{first_pushed['framework-shared']}")
    assert "An artifact is not the layer that its tag promises. input digest sha256:" in warning


def test_a_layer_repository_that_has_all_is_not_written_to(command_line, stacks, proxy, tmp_path):
    """Whoever may only read it pushes the stacks whose layers are there, from a store with them."""
    name = f"{proxy.host}/read-only/{tmp_path.name.lower()}"
    shared = {"OCISTACKS_LAYER_REPOSITORY": f"{name}/layers"}
    command_line.succeed("push", stacks["one"], f"{name}/first:v1", **shared)

    def refuse(verb, path):
        writes = verb in {"PUT", "PATCH", "DELETE"} or (verb == "POST" and "mount=" not in path)
        return 403 if writes and "/layers/" in path else None

    proxy.refuse = refuse
    command_line.succeed("push", stacks["one"], f"{name}/second:v1", **shared)
    code, message = command_line.fail("push", stacks["two"], f"{name}/second:v2", **shared)
    assert (code, "/layers/" in message) == (7, True)
