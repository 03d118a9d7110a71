"""What each mode's pod pulls, mounts and runs."""

import pytest

from ocistacks.digests import Digest
from ocistacks.errors import UsageError
from ocistacks.kubernetes.choices import Mode
from ocistacks.kubernetes.model import Amounts, NodeStore, PinnedLayer, Puller, Workload
from ocistacks.platforms import Platform

REPOSITORY = "registry.example.com/team/stack"
TMP = {"name": "tmp", "mountPath": "/tmp"}


def digest(what):
    return Digest.of_bytes(what.encode())


def test_init_pulls_into_the_pod_s_own_volume(pod_of):
    spec = pod_of(Mode.INIT)
    (pull,), (run,) = spec["initContainers"], spec["containers"]
    assert pull["args"] == [
        *("pull", f"{REPOSITORY}@{digest('stack')}", "/ocistacks/deployment", "--app", "demo"),
        *("--platform", "linux_x86_64", "--log-format", "text"),
    ]
    assert pull["env"] == [
        {"name": "HOME", "value": "/tmp"},
        {"name": "OCISTACKS_STORE", "value": "/ocistacks/store"},
    ]
    assert pull["volumeMounts"] == [{"name": "stack", "mountPath": "/ocistacks"}, TMP]
    assert run["command"] == ["/ocistacks/deployment/app-demo/bin/python", "-m", "demo.main"]
    assert run["volumeMounts"] == [
        {"name": "stack", "mountPath": "/ocistacks", "readOnly": True},
        TMP,
    ]
    assert spec["volumes"] == [
        {"name": "stack", "emptyDir": {}},
        {"name": "tmp", "emptyDir": {}},
    ]


def test_node_shares_a_folder_of_the_node_and_one_deployment_of_a_version(
    pod_of, another_application
):
    spec = pod_of(Mode.NODE, store=NodeStore(path="/srv/stacks"))
    assert spec["volumes"][0] == {
        "name": "stack",
        "hostPath": {"path": "/srv/stacks", "type": "Directory"},
    }
    folder = spec["initContainers"][0]["args"][2]
    assert folder.startswith("/ocistacks/deployments/app-demo-")
    assert spec["containers"][0]["command"][0] == f"{folder}/app-demo/bin/python"
    assert spec["containers"][0]["volumeMounts"][0]["readOnly"] is True

    def folder_of(**fields):
        other = another_application(**fields)
        return pod_of(Mode.NODE, application=other)["initContainers"][0]["args"][2]

    # Another push that changed other applications alone shares it; another version does not.
    assert folder_of(stack=f"{REPOSITORY}@{digest('other stack')}") == folder
    layer = PinnedLayer(install_target="app-demo", image=f"{REPOSITORY}@{digest('newer')}")
    assert folder_of(layers=((layer,),)) != folder


def test_node_takes_a_claim(pod_of):
    spec = pod_of(Mode.NODE, store=NodeStore(claim="shared"))
    assert spec["volumes"][0] == {
        "name": "stack",
        "persistentVolumeClaim": {"claimName": "shared"},
    }


def test_image_volume_lays_the_layers_side_by_side(pod_of):
    spec = pod_of(Mode.IMAGE_VOLUME)
    (run,) = spec["containers"]
    assert "initContainers" not in spec
    assert run["command"] == ["/ocistacks/app-demo/bin/python", "-m", "demo.main"]
    names = ("cpython-3.13", "framework-x@2", "app-demo")
    assert run["volumeMounts"] == [
        *(
            {
                "name": f"layer-{number}",
                "mountPath": f"/ocistacks/{name}",
                "subPath": name,
                "readOnly": True,
            }
            for number, name in enumerate(names)
        ),
        TMP,
    ]
    assert spec["volumes"][:3] == [
        {
            "name": f"layer-{number}",
            "image": {"reference": f"{REPOSITORY}@{digest(name)}", "pullPolicy": "IfNotPresent"},
        }
        for number, name in enumerate(names)
    ]


def test_image_leaves_the_command_to_the_image(pod_of):
    (run,) = pod_of(Mode.IMAGE, Workload(name="demo", arguments=("--fast",)))["containers"]
    assert run["image"] == f"{REPOSITORY}@{digest('image')}"
    assert "command" not in run
    assert run["args"] == ["--fast"]


@pytest.mark.parametrize("mode", [Mode.INIT, Mode.NODE])
def test_the_puller_logs_in_with_the_first_secret(pod_of, mode):
    workload = Workload(name="demo", pull_secrets=("first", "second"))
    spec = pod_of(mode, workload)
    (pull,) = spec["initContainers"]
    assert spec["imagePullSecrets"] == [{"name": "first"}, {"name": "second"}]
    assert {"name": "DOCKER_CONFIG", "value": "/registry-credentials"} in pull["env"]
    assert {
        "name": "registry-credentials",
        "mountPath": "/registry-credentials",
        "readOnly": True,
    } in pull["volumeMounts"]
    assert {
        "name": "registry-credentials",
        "secret": {
            "secretName": "first",
            "items": [{"key": ".dockerconfigjson", "path": "config.json"}],
        },
    } in spec["volumes"]
    mounted = {mount["name"] for mount in spec["containers"][0]["volumeMounts"]}
    assert "registry-credentials" not in mounted


@pytest.mark.parametrize("mode", [Mode.IMAGE_VOLUME, Mode.IMAGE])
def test_without_a_puller_secrets_are_the_kubelet_s_alone(pod_of, mode):
    spec = pod_of(mode, Workload(name="demo", pull_secrets=("first",)))
    assert spec["imagePullSecrets"] == [{"name": "first"}]
    assert not [volume for volume in spec["volumes"] if "secret" in volume]


def test_the_puller_speaks_as_it_is_told_to(pod_of):
    puller = Puller(image="x", log_format="json", insecure=True)
    (pull,) = pod_of(Mode.INIT, puller=puller)["initContainers"]
    assert pull["args"][-3:] == ["--log-format", "json", "--insecure"]
    assert pull["terminationMessagePolicy"] == "FallbackToLogsOnError"


@pytest.mark.parametrize("mode", Mode)
def test_what_is_asked_for_reaches_the_application(pod_of, mode):
    workload = Workload(
        name="demo",
        resources=(("memory", Amounts(request="1Gi", limit="2Gi")),),
        environment=(("A", "1"), ("HOME", "/srv")),
        arguments=("--fast", "all of it"),
        user=4321,
    )
    spec = pod_of(mode, workload)
    (run,) = spec["containers"]
    assert run["env"] == [{"name": "HOME", "value": "/srv"}, {"name": "A", "value": "1"}]
    assert run["args"] == ["--fast", "all of it"]
    assert run["resources"] == {"requests": {"memory": "1Gi"}, "limits": {"memory": "2Gi"}}
    assert spec["securityContext"]["runAsUser"] == 4321


def expand(text, variables):
    """Kubernetes' expansion of $(NAME): third_party/forked/golang/expansion in its sources."""
    result, at = "", 0
    while at < len(text):
        if text.startswith("$$", at):
            result, at = f"{result}$", at + 2
        elif text.startswith("$(", at) and ")" in text[at:]:
            end = text.index(")", at)
            result += variables.get(text[at + 2 : end], text[at : end + 1])
            at = end + 1
        else:
            result, at = result + text[at], at + 1
    return result


@pytest.mark.parametrize("text", ["$(HOME)", "$$(HOME)", "$", "$$", "$$$(HOME", "a$b", "$(x)$(y)"])
def test_dollars_are_passed_on_as_they_are(pod_of, text):
    workload = Workload(name="demo", environment=(("A", text),), arguments=(text,))
    (run,) = pod_of(Mode.IMAGE, workload)["containers"]
    assert expand(run["args"][0], {"HOME": "expanded"}) == text
    assert expand(run["env"][1]["value"], {"HOME": "expanded"}) == text


@pytest.mark.parametrize(
    ("platforms", "selector"),
    [
        ((Platform.LINUX_X86_64,), {"kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"}),
        ((Platform.LINUX_AARCH64,), {"kubernetes.io/os": "linux", "kubernetes.io/arch": "arm64"}),
        ((Platform.LINUX_X86_64, Platform.LINUX_AARCH64), {"kubernetes.io/os": "linux"}),
    ],
)
def test_pods_go_to_nodes_that_the_layers_are_for(pod_of, another_application, platforms, selector):
    application = another_application(platforms=platforms)
    spec = pod_of(Mode.INIT, application=application)
    assert spec["nodeSelector"] == selector
    # Where there are several, the puller takes the layers of the node that it runs on.
    assert ("--platform" in spec["initContainers"][0]["args"]) is (len(platforms) == 1)


@pytest.mark.parametrize("mode", [Mode.IMAGE, Mode.IMAGE_VOLUME])
def test_what_is_for_one_platform_must_be_told_which(pod_of, another_application, mode):
    platforms = (Platform.LINUX_X86_64, Platform.LINUX_AARCH64)
    application = another_application(platforms=platforms, layers=((), ()))
    with pytest.raises(UsageError) as raised:
        pod_of(mode, application=application)
    assert str(raised.value) == (
        f"In the mode {mode} a manifest is for one platform, and the application has more.\n"
        "  where: registry.example.com/team/stack:latest\n"
        "  found: linux_x86_64, linux_aarch64\n"
        "  hint: name one with --platform"
    )
