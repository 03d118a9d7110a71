"""A stand-in for the Python of Windows, and three layers on it."""

import shutil

import pytest

from ocistacks.platforms import Platform
from ocistacks.request.model import PythonInput, ScriptInput
from ocistacks.spec.names import LayerKind

PYTHON = {
    "python.exe": "python",
    "pythonw.exe": "pythonw",
    "python313.dll": "library",
    "DLLs/_ssl.pyd": "extension",
    "Lib/os.py": "NAME = 'os'\n",
    "Lib/site-packages/pip/__init__.py": "",
    "Lib/site-packages/pip-25.1.dist-info/METADATA": "",
    "Lib/venv/scripts/nt/venvlauncher.exe": "launcher",
    "Lib/venv/scripts/nt/venvwlauncher.exe": "launcher without a window",
    "Scripts/pip3.13.exe": "pip",
}
GREET = {
    "greet.py": "import sys\n\ndef main():\n    print('hello', *sys.argv[1:])\n",
    "greet-1.0.data/scripts/greet-script": "#!python\nimport greet\ngreet.main()\n",
    "greet-1.0.data/data/share/greet/data.txt": "data\n",
    "greet-1.0.data/headers/greet.h": "#define GREET\n",
}
ENTRY_POINTS = "[console_scripts]\ngreet = greet:main\n[gui_scripts]\ngreet-gui = greet:main\n"


class WindowsWorkshop:
    """A workshop whose requests are for Windows, and whose Python is a stand-in."""

    python_files = PYTHON

    def __init__(self, workshop):
        self.workshop = workshop
        self.python = workshop.archive("windows", PYTHON)

    def request(self, target, *, platform=Platform.WIN_AMD64, python=None, **changes):
        given = PythonInput(
            implementation="cpython", version="3.13.5", digest=python or self.python
        )
        return self.workshop.request(target, platform=platform, python=given, **changes)

    def assemble(self, request):
        needed = self.workshop.python_digest if request.bytecode else None
        return self.workshop.assemble(request, build_python=needed)

    def greet(self):
        """Make a wheel with files of all schemes, and a script of each kind."""
        return self.workshop.wheel("greet", GREET, entry_points=ENTRY_POINTS)

    def requests(self, **changes):
        """Return the requests of a runtime, a framework and an application."""
        greet = self.greet()
        inside = self.workshop.wheel("inside", {"inside.py": "NAME = 'inside'\n"})
        tell = self.workshop.modules("tell", {"tell.py": "import greet, inside\n"})
        return (
            self.request("runtime", kind=LayerKind.RUNTIME, wheels=(inside,), **changes),
            self.request("framework-tools", wheels=(greet,), **changes),
            self.request(
                "app-tell",
                kind=LayerKind.APPLICATION,
                lower_targets=("framework-tools", "runtime"),
                lower_scripts=(ScriptInput(name="greet", module="greet", attribute="main"),),
                modules=tell,
                **changes,
            ),
        )

    def layers(self, **changes):
        """Assemble those three and return their trees."""
        return [self.assemble(request) for request in self.requests(**changes)]


@pytest.fixture(scope="session")
def shop(make_workshop, tmp_path_factory):
    return WindowsWorkshop(make_workshop(tmp_path_factory.mktemp("windows")))


@pytest.fixture(scope="session")
def trees(shop):
    """The trees of a runtime, a framework and an application."""
    return shop.layers()


@pytest.fixture
def deployed(trees, tmp_path):
    """The folder in which the layers lie side by side."""
    for tree in trees:
        shutil.copytree(tree, tmp_path / "deployed" / tree.name)
    return tmp_path / "deployed"


@pytest.fixture
def paths():
    """A function that gives the paths of all files below a tree."""

    def found(tree):
        return {str(path.relative_to(tree)) for path in tree.rglob("*") if not path.is_dir()}

    return found
