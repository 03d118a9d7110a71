"""How an interpreter is called where its prefix is seen at another place."""

from pathlib import Path

from ocistacks.builder.moved_interpreter import (
    distribution_folders,
    moved_interpreter,
    this_interpreter,
)


def test_packages_in_the_prefix_move_with_it_and_others_get_places_of_their_own():
    moved = moved_interpreter(
        prefix=Path("/usr"),
        name="python3.12",
        package_folders=[
            Path("/home/me/checkout/src"),
            Path("/usr/lib/python3/dist-packages"),
            Path("/home/me/venv/lib/python3.12/site-packages"),
            Path("/home/me/checkout/src"),
        ],
        tool_folder=Path("/home/me/venv/bin"),
    )
    assert moved.executable == "/ocistacks/python/bin/python3.12"
    assert dict(moved.folders) == {
        "/ocistacks/python": Path("/usr"),
        "/ocistacks/packages/1": Path("/home/me/checkout/src"),
        "/ocistacks/packages/2": Path("/home/me/venv/lib/python3.12/site-packages"),
        "/ocistacks/user/bin": Path("/home/me/venv/bin"),
    }
    assert dict(moved.environment) == {
        "LD_LIBRARY_PATH": "/ocistacks/python/lib",
        "PYTHONPATH": "/ocistacks/packages/1:/ocistacks/python/lib/python3/dist-packages"
        ":/ocistacks/packages/2",
        "PYTHONUSERBASE": "/ocistacks/user",
    }


def test_only_folders_with_distributions_are_shown(tmp_path):
    for name in ("with-wheels/demo-1.dist-info", "with-eggs/demo.egg-info", "scripts"):
        (tmp_path / name).mkdir(parents=True)
    entries = ["with-wheels", "scripts", "with-eggs", "python311.zip"]
    found = distribution_folders([Path(), *(tmp_path / entry for entry in entries)])
    assert found == (tmp_path / "with-wheels", tmp_path / "with-eggs")


def test_the_running_interpreter_is_there_with_this_package():
    moved = this_interpreter()
    executable = moved.folders["/ocistacks/python"] / moved.executable.removeprefix(
        "/ocistacks/python/"
    )
    assert executable.is_file()
    shown = moved.environment["PYTHONPATH"].split(":")[0]
    place = max((place for place in moved.folders if shown.startswith(place)), key=len)
    folder = moved.folders[place] / shown.removeprefix(place).lstrip("/")
    assert (folder / "ocistacks" / "errors.py").is_file()
