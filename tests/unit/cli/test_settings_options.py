"""Settings on the command line go before the environment and the file, and each has a flag."""

import pytest
import typer
from typer.testing import CliRunner

from ocistacks.cli.groups import grouped
from ocistacks.cli.main import app
from ocistacks.cli.options import SettingsOptions, SpecArgument
from ocistacks.errors import UsageError
from ocistacks.spec.read import read_stack
from ocistacks.spec.settings import Settings
from ocistacks.spec.settings_sources import flag

SHA256 = "0123456789abcdef" * 4
STACK = f"""
[tool.ocistacks]
repository = "example.org/file"
compression_level = 7
platforms = ["win_amd64"]
[tool.ocistacks.python_sources."3.12.9".linux_x86_64]
url = "https://example.org/old.tar.zst"
sha256 = "{SHA256}"
"""
FLAGS = {
    "--repository example.org/flag": {"repository": "example.org/flag"},
    "--layer-repository example.org/shared": {"layer_repository": "example.org/shared"},
    "--base-image none": {"base_image": "none"},
    "--compression gzip": {"compression": "gzip"},
    "--compression-level 9": {"compression_level": 9},
    "--bytecode": {"bytecode": True},
    "--no-bytecode": {"bytecode": False},
    "--platform linux_x86_64 --platform macosx_arm64": {
        "platforms": ("linux_x86_64", "macosx_arm64")
    },
    f"--python-source 3.13.5:linux_x86_64=https://example.org/a.tar#sha256={SHA256} "
    f"--python-source 3.13.5:win_amd64=file:///b.tar#sha256=sha256:{SHA256}": {
        "python_sources": {
            "3.13.5": {
                "linux_x86_64": {"url": "https://example.org/a.tar", "sha256": SHA256},
                "win_amd64": {"url": "file:///b.tar", "sha256": SHA256},
            }
        }
    },
    "--builder local": {"builder": "local"},
}


@pytest.fixture
def settings(tmp_path, monkeypatch):
    """A function from flags to the settings in force, in an environment that says otherwise."""
    spec = tmp_path / "venvstacks.toml"
    spec.write_text(STACK)
    monkeypatch.setenv("OCISTACKS_COMPRESSION_LEVEL", "8")
    monkeypatch.setenv("OCISTACKS_BYTECODE", "no")
    command = typer.Typer()
    read = []

    @command.command()
    @grouped
    def _(spec: SpecArgument, settings: SettingsOptions) -> None:
        read.append(read_stack(spec, overrides=settings.overrides()).settings)

    def settings(flags):
        result = CliRunner().invoke(command, [str(spec), *flags.split()])
        if result.exception is not None:
            raise result.exception
        return read.pop().model_dump()

    return settings


@pytest.mark.parametrize("flags", FLAGS)
def test_a_flag_goes_before_all_else_and_leaves_the_others(flags, settings):
    unchanged = settings("")
    assert unchanged["compression_level"] == 8
    assert unchanged["repository"] == "example.org/file"
    assert settings(flags) == {**unchanged, **FLAGS[flags]}


def test_every_setting_has_its_flag_on_the_commands_that_work_on_stacks():
    assert SettingsOptions().overrides() == dict.fromkeys(Settings.model_fields)
    assert {flag(name) for name in Settings.model_fields} <= {text.split()[0] for text in FLAGS}
    for name in ("lock", "build", "publish", "push"):
        options = {
            option
            for parameter in typer.main.get_command(app).get_command(None, name).params
            for option in parameter.opts
        }
        assert {flag(setting) for setting in Settings.model_fields} <= options


REFUSED = {
    "3.13.5=https://example.org/a.tar": "not the source of a Python.",
    "3.13.5:linux_x86_64=https://example.org/a.tar": "not the source of a Python.",
    f"3.13.5:linux_x86_64=#sha256={SHA256}": "not the source of a Python.",
    f"3.12.9:linux_x86_64=file:///x#sha256={SHA256}": "given twice.",
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_no_python_source_is_refused(text, settings):
    with pytest.raises(UsageError) as caught:
        settings(
            f"--python-source 3.12.9:linux_x86_64=file:///y#sha256={SHA256} --python-source {text}"
        )
    assert str(caught.value) == (
        f"A setting makes no sense: {REFUSED[text]}\n"
        "  where: the flag --python-source\n"
        f"  found: {text!r}\n"
        "  expected: VERSION:PLATFORM=URL#sha256=HEX"
    )


def test_the_parts_of_a_python_source_are_checked_and_named_with_the_flag(settings):
    with pytest.raises(UsageError) as caught:
        settings(f"--python-source 3.13.5:linux_x86=file:///y#sha256={SHA256}")
    assert str(caught.value) == (
        "A setting makes no sense: unknown platform.\n"
        "  where: the flag --python-source\n"
        "  found: 'linux_x86'\n"
        "  expected: linux_x86_64, linux_aarch64, macosx_arm64, macosx_x86_64, win_amd64, "
        "win_arm64\n"
        "  hint: did you mean 'linux_x86_64'?"
    )
