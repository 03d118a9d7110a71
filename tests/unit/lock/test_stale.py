"""What makes a lock stale, told in words."""

import hashlib
import os

import pytest

from ocistacks.digests import Digest
from ocistacks.lock.document import to_toml
from ocistacks.lock.hashes import lock_input_hash, other_inputs_hash, requirements_hash
from ocistacks.lock.hashes import version_inputs_hash as version_hash
from ocistacks.lock.metadata import LockMetadata, read_metadata
from ocistacks.lock.module_hash import module_hash, module_hashes
from ocistacks.lock.paths import LockPaths
from ocistacks.lock.python_pin import PythonPin
from ocistacks.lock.read import outdated_reason, read_lock, stale_reason
from ocistacks.lock.status import stack_status
from ocistacks.platforms import Platform
from ocistacks.selection.model import When, Wish
from ocistacks.selection.select import select_layers

STACK = """
[[runtimes]]
name = "py"
python_implementation = "cpython@3.13.5"
requirements = []
[[applications]]
name = "run"
versioned = true
launch_module = "run.py"
runtime = "py"
requirements = ["a"]
"""
PINS = {Platform.LINUX_X86_64: PythonPin(version="3.13.5", sha256="0" * 64, size=7, origin="here")}


@pytest.fixture
def locked(parse, pylock, tmp_path):
    """A function from the text of a stack to that stack; the first one's layers have locks."""
    (tmp_path / "run.py").write_text("print(1)\n")
    first = parse(STACK, folder=tmp_path)
    lock = pylock("packages = []")
    for layer in first.layers:
        paths = LockPaths.of_layer(tmp_path, layer.environment_name)
        paths.folder.mkdir(parents=True)
        paths.pylock.write_text(to_toml(lock, layer.environment_name))
        metadata = LockMetadata(
            requirements_hash=requirements_hash(lock),
            lock_input_hash=lock_input_hash(layer),
            other_inputs_hash=other_inputs_hash(layer),
            version_inputs_hash=version_hash(layer, module_hashes(layer)),
            lock_version=1,
            locked_at="2025-01-01T00:00:00+00:00",
        )
        paths.metadata.write_text(metadata.with_pins(PINS).to_json())
    return lambda text: parse(text, folder=tmp_path)


def reasons(stack):
    return [stale_reason(stack, layer) for layer in stack.layers]


def test_nothing_changed(locked):
    assert reasons(locked(STACK)) == [None, None]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('["a"]', '["a>1"]', [None, "its requirements changed"]),
        (
            "3.13.5",
            "3.12.5",
            ["its Python version, platform floors or lower layers changed"] * 2,
        ),
        ("3.13.5", "3.13.6", ["its Python version changed", None]),
        (
            'name = "run"',
            'name = "run"\nlinux_target = "glibc@2.31"',
            [None, "its Python version, platform floors or lower layers changed"],
        ),
    ],
)
def test_a_change_of_the_specification(locked, old, new, expected):
    assert reasons(locked(STACK.replace(old, new))) == expected


def test_a_change_by_hand(locked, tmp_path):
    path = LockPaths.of_layer(tmp_path, "app-run").pylock
    path.write_text(
        path.read_text().replace(
            "packages = []",
            'packages = [{name = "b", version = "1", archive = {url = "https://x.example/b.zip", '
            'hashes = {sha256 = "aa"}}}]',
        )
    )
    assert reasons(locked(STACK)) == [None, "its lock file was changed by hand"]


def vouched(path):
    """Have the metadata of a lock hold the digest of its file; return the path of the lock."""
    paths = LockPaths.of_layer(path, "app-run")
    metadata = read_metadata(paths.metadata).with_file(Digest.of_file(paths.pylock))
    paths.metadata.write_text(metadata.to_json())
    return paths.pylock


def test_a_lock_file_that_is_as_it_was_written_is_not_parsed(locked, tmp_path):
    vouched(tmp_path)
    lock = read_lock(locked(STACK), locked(STACK).layers[1])
    assert outdated_reason(lock) is None
    assert "pylock" not in vars(lock.file)


def test_a_lock_file_with_other_line_ends_is_as_valid(locked, tmp_path):
    path = vouched(tmp_path)
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert reasons(locked(STACK)) == [None, None]


def test_a_change_by_hand_of_a_lock_that_was_vouched_for(locked, tmp_path):
    path = vouched(tmp_path)
    text = 'lock-version = "1.0"\ncreated-by = "me"\n[[packages]]\nname = "b"\nversion = "1"\n'
    path.write_text(f"{text}marker = \"sys_platform == 'from_lower_layer'\"\n")
    assert reasons(locked(STACK)) == [None, "its lock file was changed by hand"]


def test_a_change_of_a_module_counts_for_a_versioned_layer_alone(locked, tmp_path):
    (tmp_path / "run.py").write_text("print(2)\n")
    assert reasons(locked(STACK)) == [None, "its launch or support modules changed"]
    assert reasons(locked(STACK.replace("versioned = true", ""))) == [None, None]


def sha256(text):
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def test_a_modules_hash_is_of_its_name_and_content(tmp_path):
    path = tmp_path / "run.py"
    path.write_text("print(1)\n")
    assert module_hash(path) == sha256("run.py" + sha256("print(1)\n"))


def test_a_packages_hash_is_of_its_folders_in_order(tmp_path):
    folder = tmp_path / "pkg"
    for name, text in {"b.py": "b", "a.py": "a", "sub/c.py": "c", "Sub/d.py": "d"}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__/a.pyc").write_bytes(os.urandom(8))
    parts = ["pkg", "a.py", sha256("a"), "b.py", sha256("b")]
    parts += ["Sub", "d.py", sha256("d"), "sub", "c.py", sha256("c")]
    assert module_hash(folder) == f"sha256/{hashlib.sha256(''.join(parts).encode()).hexdigest()}"


def test_the_status_of_a_locked_stack(locked):
    stack = locked(STACK)
    status = stack_status(stack, everything(stack), with_operations=False)
    assert [layer.summary for layer in status.layers] == ["py", "app-run -> app-run@1"]
    assert status.to_json(with_dependencies=True) == {
        "spec_name": str(stack.path),
        "runtimes": [
            {
                "name": "py",
                "install_target": "py",
                "has_valid_lock": True,
                "selected_operations": None,
            }
        ],
        "frameworks": [],
        "applications": [
            {
                "name": "app-run",
                "install_target": "app-run@1",
                "has_valid_lock": True,
                "selected_operations": None,
                "dependencies": [
                    {
                        "name": "py",
                        "install_target": "py",
                        "has_valid_lock": True,
                        "selected_operations": None,
                    }
                ],
            }
        ],
    }


def test_the_status_of_a_stale_lock_has_a_star_and_no_version(locked):
    stack = locked(STACK.replace('requirements = ["a"]', 'requirements = ["b"]'))
    status = stack_status(stack, everything(stack))
    assert [layer.summary for layer in status.layers] == ["py", "*app-run -> app-run@???"]
    assert [layer.stale for layer in status.layers] == [None, "its requirements changed"]
    assert status.to_text(with_dependencies=True) == (
        f"{stack.path}\n"
        "  runtimes\n"
        "    py (lock)\n"
        "  frameworks\n"
        "  applications\n"
        "    *app-run -> app-run@??? (lock)\n"
        "      py"
    )


def everything(stack):
    return select_layers(stack, Wish(lock=When.ALWAYS), stack.runtimes[0].platforms)
