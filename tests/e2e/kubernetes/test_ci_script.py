"""examples/ci/push.sh, as a CI runs it, and the next step of the pipeline."""

import os
import stat
import subprocess
from pathlib import Path

import yaml

from ocistacks.registry.credentials import find_credentials

SCRIPT = Path(__file__).parents[3] / "examples" / "ci" / "push.sh"
SPY = """\
#!/bin/sh
cp -r "$DOCKER_CONFIG" "$SPY_FOLDER"
echo "$DOCKER_CONFIG" > "$SPY_FOLDER.name"
exec "$OCISTACKS" "$@"
"""


def test_a_stack_is_pushed_with_credentials_that_do_not_stay(
    command_line, spec, pushed, registry, tmp_path
):
    spy = tmp_path / "bin" / "ocistacks"
    spy.parent.mkdir()
    spy.write_text(SPY)
    spy.chmod(0o755)
    environment = {
        **command_line.environment,
        "PATH": f"{spy.parent}:{os.environ['PATH']}",
        "OCISTACKS": str(command_line.command),
        "OCISTACKS_BASE_IMAGE": pushed.base,
        "SPY_FOLDER": str(tmp_path / "seen"),
        "REGISTRY": registry,
        "REPOSITORY": "team/from-ci",
        "TAG": "v1",
        "REGISTRY_USER": "writer",
        "REGISTRY_PASSWORD": 'a "quoted" : pass%sword',
    }
    words = ["sh", SCRIPT, spec]
    ran = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert f"{registry}/team/from-ci:v1@sha256:" in ran.stdout
    assert "pass%sword" not in ran.stdout + ran.stderr

    seen = {"DOCKER_CONFIG": str(tmp_path / "seen"), "HOME": str(tmp_path)}
    credentials = find_credentials(registry, "team/from-ci", seen)
    assert credentials.username == "writer"
    assert credentials.password == environment["REGISTRY_PASSWORD"]
    assert stat.S_IMODE((tmp_path / "seen" / "config.json").stat().st_mode) == 0o600
    assert not Path((tmp_path / "seen.name").read_text().strip()).exists()

    told = command_line.succeed(
        *("k8s", f"{registry}/team/from-ci:v1", "--app", "greeter"),
        *("--mode", "image", "--kind", "deployment"),
    )
    assert yaml.safe_load(told)["kind"] == "Deployment"


def test_a_push_that_fails_fails_the_job(command_line, registry, tmp_path):
    environment = {
        **command_line.environment,
        "PATH": f"{command_line.command.parent}:{os.environ['PATH']}",
        "REGISTRY": registry,
        "REPOSITORY": "team/from-ci",
        "TAG": "v1",
        "REGISTRY_USER": "writer",
        "REGISTRY_PASSWORD": "secret",
    }
    words = ["sh", SCRIPT, tmp_path / "nothing.toml"]
    ran = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 6
