"""A stack with wheels of its own, locked and built as the commands do it."""

import base64
import hashlib
import os
import tempfile
import zipfile
from pathlib import Path

import pytest

from ocistacks.builder.build_stack import BuildOptions, build_stack
from ocistacks.builder.choose import open_builder
from ocistacks.builder.wheel_scripts import scripts_of_wheels
from ocistacks.lock.lock_stack import lock_stack
from ocistacks.lock.options import LockOptions
from ocistacks.lock.read import read_locks
from ocistacks.platforms import Platform
from ocistacks.progress import SilentReporter
from ocistacks.request.choose_wheels import choose_wheels
from ocistacks.request.plan import choose_layers, plan_stack, wheels_below_applications
from ocistacks.spec.read import read_stack

SPECIFICATION = """
[[runtimes]]
name = "cpython-3.13"
python_implementation = "cpython@3.13.5"
requirements = ["inruntime"]

[[frameworks]]
name = "base"
runtime = "cpython-3.13"
requirements = ["inbase"]
versioned = true

[[frameworks]]
name = "above"
frameworks = ["base"]
requirements = ["inabove"]

[[applications]]
name = "demo"
launch_module = "demo.py"
support_modules = ["helping"]
frameworks = ["above"]
requirements = ["saying"]

[[applications]]
name = "plain"
launch_module = "plain"
runtime = "cpython-3.13"
requirements = []

[tool.uv]
no-index = true
find-links = ["wheels"]
"""
DEMO = """\
import json, sys
import helping.words, inabove, inbase, inruntime, saying, viapth
print(json.dumps({
    "arguments": sys.argv[1:],
    "names": [module.NAME for module in (helping.words, inabove, inbase, inruntime, viapth)],
    "path": sys.path,
}))
"""
WHEELS = {
    "inruntime": {"inruntime.py": "NAME = 'runtime'\n"},
    "inbase": {
        "inbase.py": "NAME = 'base'\n",
        "base-extra.pth": "beside\n",
        "beside/viapth.py": "NAME = 'through .pth'\n",
    },
    "inabove": {"inabove.py": "NAME = 'above'\n", "data/naïve.txt": "naïve\n"},
    "saying": {
        "saying.py": "import sys\n\ndef main():\n    print('said', sys.argv[1:])\n",
        "saying-1.0.dist-info/entry_points.txt": "[console_scripts]\nsay = saying:main\n",
    },
}


def write_wheel(folder, name, files):
    information = f"{name}-1.0.dist-info"
    contents = {path: text.encode() for path, text in files.items()}
    contents[f"{information}/METADATA"] = (
        f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n".encode()
    )
    contents[f"{information}/WHEEL"] = (
        b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    )
    rows = [
        f"{path},sha256={_row_hash(content)},{len(content)}\n" for path, content in contents.items()
    ]
    contents[f"{information}/RECORD"] = "".join([*rows, f"{information}/RECORD,,\n"]).encode()
    with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as archive:
        for path, content in contents.items():
            archive.writestr(zipfile.ZipInfo(path), content)


def _row_hash(content):
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


@pytest.fixture(scope="session")
def built_stack(tmp_path_factory, test_store, python_pin, image_options):
    """The stack, and its layers in build order."""
    folder = tmp_path_factory.mktemp("published") / "stack"
    (folder / "wheels").mkdir(parents=True)
    for name, files in WHEELS.items():
        write_wheel(folder / "wheels", name, files)
    for path, text in {
        "venvstacks.toml": SPECIFICATION,
        "demo.py": DEMO,
        "helping/__init__.py": "",
        "helping/words.py": "NAME = 'helping'\n",
        "plain/__init__.py": "",
        "plain/__main__.py": "import inruntime; print('plain on', inruntime.NAME)\n",
    }.items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text(text)
    stack = read_stack(folder / "venvstacks.toml", environment={})
    platform, reporter = Platform.of_this_machine(), SilentReporter()
    lock_stack(
        stack,
        resolve_python=lambda *_: python_pin,
        options=LockOptions(platforms=(platform,), environment=os.environ),
        reporter=reporter,
    )
    chosen = choose_layers(stack, read_locks(stack), platform, choose_wheels)
    scripts = scripts_of_wheels(
        wheels_below_applications(chosen),
        store=test_store,
        environment=os.environ,
        reporter=reporter,
    )
    layers = build_stack(
        plan_stack(stack, chosen, scripts=scripts),
        store=test_store,
        open_builder=lambda: open_builder(
            "local",
            store=test_store,
            image_options=image_options(os.environ),
            allow_unconfined=False,
        ),
        options=BuildOptions(environment=os.environ, jobs=2),
        resolve_python=lambda *_: python_pin,
        reporter=reporter,
    )
    return stack, layers


@pytest.fixture
def public_folder():
    """A folder that every user may read."""
    with tempfile.TemporaryDirectory(prefix="ocistacks-deployed-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)
        for parent, _folders, _files in os.walk(folder):
            Path(parent).chmod(0o755)
