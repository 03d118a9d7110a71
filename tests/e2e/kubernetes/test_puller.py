"""The puller image: small, for any user, on a read-only root, with an exit code for each reason."""

import base64
import json
import subprocess
from pathlib import Path

import pytest

LARGEST_BYTES = 60_000_000
LOCKED = (
    *("--rm", "--network=host", "--read-only", "--cap-drop=ALL"),
    *("--security-opt=no-new-privileges", "--pids-limit=64", "--memory=512m"),
)


@pytest.fixture
def volume(tmp_path_factory):
    """A folder that any user may write to, for the store and the target."""
    folder = tmp_path_factory.mktemp("volume")
    folder.chmod(0o777)
    for parent in folder.parents[:3]:
        parent.chmod(parent.stat().st_mode | 0o011)
    yield folder
    subprocess.run(["chmod", "-R", "u+w", folder], check=True)


@pytest.fixture
def puller(podman_environment, puller_image, volume):
    """A function that runs the puller as a cluster does; it gives the finished process."""

    def run(*words, user="65532:65532", options=()):
        command = [
            *("podman", "run", "--quiet", *LOCKED, f"--user={user}"),
            f"--volume={volume}:/ocistacks",
            *("--env=OCISTACKS_STORE=/ocistacks/store", "--tls-verify=false", *options),
            *(puller_image, *words),
        ]
        return subprocess.run(
            command, env=podman_environment, capture_output=True, text=True, check=False
        )

    return run


def test_it_is_small_and_has_no_shell(podman, puller_image):
    podman("pull", "--quiet", "--tls-verify=false", puller_image)
    (image,) = json.loads(podman("image", "inspect", puller_image))
    assert image["Size"] < LARGEST_BYTES
    assert image["Config"]["User"] == "65532:65532"
    assert image["Config"]["Entrypoint"] == ["ocistacks"]
    folder = podman("image", "mount", puller_image).strip()
    try:
        found = [path for path in ("bin/sh", "usr/bin/apt") if (Path(folder) / path).exists()]
        sources = subprocess.check_output(["find", folder, "-name", "*.py"])
        setuid = subprocess.check_output(["find", folder, "-perm", "/6000"])
    finally:
        podman("image", "umount", puller_image)
    assert (found, sources, setuid) == ([], b"", b"")


@pytest.mark.parametrize("user", ["65532:65532", "4321:4321", "1:0"])
def test_any_user_pulls_with_a_read_only_root(puller, pushed, volume, user):
    words = ("pull", pushed.stack, "/ocistacks/deployment", "--app", "greeter")
    finished = puller(*words, "--log-format", "text", user=user)
    assert finished.returncode == 0, finished.stderr
    lines = finished.stderr.splitlines()
    assert [line for line in lines if line.startswith("pull cpython-3.13: start, ")]
    assert [line for line in lines if line.startswith("pull cpython-3.13: end, ")]
    assert not [line for line in lines if "\x1b" in line or "\r" in line]
    assert {str(path.lstat().st_uid) for path in volume.rglob("*")} == {user.partition(":")[0]}
    python = volume / "deployment" / "app-greeter" / "bin" / "python"
    told = subprocess.check_output([python, "-m", "greeter", "x"], text=True)
    assert told.startswith("greeter: xn--bcher-kva ['x'] None uid ")


def test_all_that_is_told_is_json_where_that_is_asked_for(puller, pushed):
    words = ("pull", pushed.stack, "/ocistacks/deployment", "--log-format", "json")
    finished = puller(*words)
    assert finished.returncode == 0, finished.stderr
    lines = [json.loads(line) for line in finished.stderr.splitlines()]
    assert {line["event"] for line in lines} >= {"start", "end"}
    (result,) = [json.loads(line) for line in finished.stdout.splitlines()]
    assert result["event"] == "pulled"
    assert {layer["layer"] for layer in result["layers"]} == {
        *("cpython-3.13", "framework-text", "app-greeter", "app-Second_App")
    }
    again = json.loads(puller(*words).stdout)
    assert [layer["fetched"] for layer in again["layers"]] == [0, 0, 0, 0]


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_what_is_not_there_is_6(puller, pushed, log_format):
    for words in (
        (f"{pushed.host}/team/nothing:v1", "/ocistacks/x"),
        (pushed.stack, "/ocistacks/x", "--app", "nobody"),
    ):
        finished = puller("pull", *words, "--log-format", log_format)
        assert finished.returncode == 6
        last = finished.stderr.splitlines()[-1]
        if log_format == "json":
            assert json.loads(last)["exit_code"] == 6
        assert "Traceback" not in finished.stderr


def test_wrong_credentials_are_7_and_right_ones_pull(puller, front, volume):
    right = base64.b64encode(b"reader:right-secret").decode()
    front.authorization = f"Basic {right}"
    words = ("pull", f"{front.host}/team/stack:v1", "/ocistacks/deployment", "--app", "greeter")
    assert puller(*words).returncode == 7
    wrong = base64.b64encode(b"reader:wrong-secret").decode()
    for auth, code in ((wrong, 7), (right, 0)):
        config = volume / "config.json"
        config.write_text(json.dumps({"auths": {front.host: {"auth": auth}}}))
        config.chmod(0o644)
        options = (f"--volume={config}:/registry-credentials/config.json:ro",)
        options += ("--env=DOCKER_CONFIG=/registry-credentials",)
        finished = puller(*words, options=options)
        assert finished.returncode == code, finished.stderr
        assert "secret" not in finished.stderr
        assert auth not in finished.stderr


@pytest.mark.parametrize(
    # Damaged blobs are found while they are unpacked, or by their digests in the end.
    ("lies", "codes"),
    [("manifests", {8}), ("blobs", {8, 11})],
)
def test_other_bytes_than_promised_are_8(puller, front, volume, lies, codes):
    front.lies = f"/{lies}/sha256:"
    stack = f"{front.host}/team/stack:v1"
    finished = puller("pull", stack, "/ocistacks/deployment", "--log-format", "json")
    assert finished.returncode in codes, finished.stderr
    error = json.loads(finished.stderr.splitlines()[-1])
    assert (error["event"], error["exit_code"]) == ("error", finished.returncode)
    assert not (volume / "deployment" / "cpython-3.13").exists()


def test_a_full_or_closed_disk_is_9(puller, pushed):
    words = ("pull", pushed.stack, "/small/deployment")
    small = ("--mount=type=tmpfs,destination=/small,tmpfs-size=20m,tmpfs-mode=1777",)
    store = "--env=OCISTACKS_STORE=/small/store"
    assert puller(*words, options=(*small, store)).returncode == 9
    refused = puller("pull", pushed.stack, "/no/place")
    assert refused.returncode == 9
    assert "where: /no" in refused.stderr
