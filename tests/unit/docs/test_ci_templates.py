"""The CI templates keep their systems' schemas, and run the script that is tested."""

import subprocess
import sys
from pathlib import Path

import pytest

CI = Path(__file__).parents[3] / "examples" / "ci"
CHECK = Path(sys.executable).with_name("check-jsonschema")
TEMPLATES = {
    "github-actions.yml": ("vendor.github-workflows", "custom.github-workflows-require-timeout"),
    "gitlab-ci.yml": ("vendor.gitlab-ci",),
}
CASES = [(name, schema) for name, schemas in TEMPLATES.items() for schema in schemas]


def check(file, schema):
    words = [CHECK, "--builtin-schema", schema]
    if "gitlab" in schema:
        words += ["--data-transform", "gitlab-ci"]  # for its own YAML tags
    return subprocess.run([*words, file], capture_output=True, text=True, check=False)


@pytest.mark.parametrize(("name", "schema"), CASES)
def test_a_template_keeps_its_schema(name, schema):
    checked = check(CI / name, schema)
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize(("name", "schema"), CASES)
def test_a_broken_template_is_found(tmp_path, name, schema):
    text = (CI / name).read_text()
    broken = tmp_path / name
    broken.write_text(
        text.replace("timeout-minutes: 60", "")
        .replace("steps:", "stepps:")
        .replace("  script:", "  script: {}\n  scripts:")
    )
    assert check(broken, schema).returncode == 1


@pytest.mark.parametrize("name", [*TEMPLATES, "Jenkinsfile"])
def test_all_run_the_one_script_with_all_it_needs(name):
    text = (CI / name).read_text()
    assert "sh ci/push.sh venvstacks.toml" in text
    for variable in ("REGISTRY", "REPOSITORY", "TAG", "REGISTRY_USER", "REGISTRY_PASSWORD"):
        assert variable in text
