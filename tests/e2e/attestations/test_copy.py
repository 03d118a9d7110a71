"""`ocistacks copy`: what is attached to a stack comes along."""


def test_a_copy_is_attested(fresh_command_line, attested, tmp_path):
    copy = f"oci:{tmp_path / 'copy'}:v2"

    told = fresh_command_line.succeed("copy", attested, copy)
    again = fresh_command_line.succeed("copy", attested, copy)

    counts = next(line for line in told.splitlines() if line.startswith("attestations: sent "))
    sent = int(counts.split()[2].rstrip(","))
    assert counts == f"attestations: sent {sent}, 0 were there"
    assert sent > 4
    assert f"attestations: sent 0, {sent} were there" in again.splitlines()
    original = fresh_command_line.succeed("sbom", attested, "--app", "demo")
    assert fresh_command_line.succeed("sbom", copy, "--app", "demo") == original
    fresh_command_line.succeed("verify", copy)


def test_a_copy_without_attestations(fresh_command_line, attested, tmp_path):
    copy = f"oci:{tmp_path / 'copy'}:v2"

    fresh_command_line.succeed("copy", attested, copy, "--no-attestations")

    code, message = fresh_command_line.fail("sbom", copy, "--app", "demo")
    assert code == 6
    assert message.startswith("No SBOM is attached to this object.\n")
