"""Push, pull and run: what is sent once, what is shared, what the application gets."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path


def test_a_second_lock_rewrites_nothing(command_line, stack):
    files = [p for p in sorted((stack.parent / "requirements").rglob("*")) if p.is_file()]
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in files}
    told = command_line.succeed("lock", stack)
    assert told.splitlines() == [
        "cpython-3.13: up to date",
        "framework-sklearn: up to date",
        "app-classification-demo: up to date",
        "app-clustering-demo: up to date",
    ]
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in files} == before


def test_show_tells_layers_and_locks(command_line, stack):
    assert command_line.succeed("show", stack) == (
        f"{stack}\n"
        "  runtimes\n"
        "    cpython-3.13\n"
        "  frameworks\n"
        "    framework-sklearn\n"
        "      cpython-3.13\n"
        "  applications\n"
        "    app-classification-demo\n"
        "      framework-sklearn\n"
        "      cpython-3.13\n"
        "    app-clustering-demo\n"
        "      framework-sklearn\n"
        "      cpython-3.13\n"
    )
    told = json.loads(command_line.succeed("show", stack, "--json"))
    assert told["spec_name"] == str(stack)
    assert told["frameworks"] == [
        {
            "name": "framework-sklearn",
            "install_target": "framework-sklearn",
            "has_valid_lock": True,
            "selected_operations": None,
            "dependencies": [
                {
                    "name": "cpython-3.13",
                    "install_target": "cpython-3.13",
                    "has_valid_lock": True,
                    "selected_operations": None,
                }
            ],
        }
    ]


def test_a_second_build_is_up_to_date(command_line, stack):
    told = command_line.succeed("build", stack)
    assert told.count("up to date") == 4


def test_a_second_push_sends_nothing(command_line, stack, pushed, base_layout):
    told = command_line.succeed("push", stack, pushed, "--base-image", base_layout)
    assert "sent 0 blobs (0 bytes)" in told


def test_push_through_another_tag_sends_no_blob(command_line, stack, pushed, base_layout):
    other = pushed.replace(":latest", ":other")
    told = command_line.succeed("push", stack, other, "--base-image", base_layout)
    assert "sent 0 blobs (0 bytes)" in told


def test_pull_takes_one_application_with_what_it_needs(fresh_command_line, pushed, tmp_path):
    target = tmp_path / "deployment"
    fresh_command_line.succeed("pull", pushed, target, "--app", "clustering-demo")
    folders = sorted(path.name for path in target.iterdir() if path.is_dir())
    assert folders == ["app-clustering-demo", "cpython-3.13", "framework-sklearn"]
    python = target / "app-clustering-demo" / "bin" / "python"
    told = subprocess.check_output([python, "-m", "clustering_demo"], text=True)
    assert told.startswith("clustering: 178 wines in 3 groups")


def test_a_second_application_fetches_no_byte_of_the_framework(
    fresh_command_line, pushed, tmp_path
):
    target = tmp_path / "deployment"
    fresh_command_line.succeed("pull", pushed, target, "--app", "clustering-demo")
    told = fresh_command_line.succeed("pull", pushed, target, "--app", "classification-demo")
    rows = {line.split()[0]: line for line in told.splitlines() if line}
    assert "was there" in rows["framework-sklearn"]
    assert "was there" in rows["cpython-3.13"]
    assert "fetched" in rows["app-classification-demo"]
    folders = {path.name for path in target.iterdir() if path.is_dir()}
    assert "app-clustering-demo" not in folders


def test_pull_keeps_no_compressed_blob_of_a_layer(fresh_command_line, pushed, tmp_path):
    fresh_command_line.succeed("pull", pushed, tmp_path / "deployment")
    blobs = tmp_path / "store" / "blobs" / "sha256"
    assert [path.name for path in blobs.iterdir()] == []


def test_deployments_share_files_with_the_store(fresh_command_line, pushed, tmp_path):
    for name in ("one", "two"):
        fresh_command_line.succeed("pull", pushed, tmp_path / name, "--app", "clustering-demo")
    module = "app-clustering-demo/lib/python3.13/site-packages/clustering_demo.py"
    one, two = (tmp_path / name / module for name in ("one", "two"))
    assert one.samefile(two)
    assert one.stat().st_mode & 0o222 == 0


def test_pull_and_run_from_a_layout(fresh_command_line, command_line, stack, tmp_path):
    reference = f"oci:{tmp_path / 'layout'}:v1"
    command_line.succeed("push", stack, reference)
    told = fresh_command_line.succeed("run", reference, "clustering-demo", "--", "--groups", "4")
    assert told.startswith("clustering: 178 wines in 4 groups")


def test_published_archives_are_the_layout_s_blobs(command_line, stack, tmp_path):
    command_line.succeed("publish", stack, "--output-dir", tmp_path / "out")
    metadata = json.loads((tmp_path / "out" / "__venvstacks__" / "venvstacks.json").read_text())
    layers = [layer for kind in metadata["layers"].values() for layer in kind]
    assert len(layers) == 4
    for layer in layers:
        archive = tmp_path / "out" / layer["archive_name"]
        blob = tmp_path / "out" / "oci" / "blobs" / "sha256" / layer["archive_hashes"]["sha256"]
        assert archive.samefile(blob)
        assert archive.stat().st_size == layer["archive_size"]


def test_run_gives_the_application_s_exit_code(command_line, pushed):
    finished = command_line.run("run", pushed, "classification-demo", "--", "--nonsense")
    assert finished.returncode == 2
    assert "usage: classification-demo" in finished.stderr


def test_run_gives_signals_to_the_application(command_line, pushed):
    command_line.succeed("run", pushed, "classification-demo")
    process = subprocess.Popen(
        [command_line.command, "run", pushed, "classification-demo"],
        env=command_line.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 60
    while b"classification_demo" not in _command_of(process.pid):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGTERM)
    assert process.wait(timeout=20) == -signal.SIGTERM


def _command_of(pid):
    return Path(f"/proc/{pid}/cmdline").read_bytes()
