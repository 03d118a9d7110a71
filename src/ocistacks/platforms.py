"""Target platforms, as venvstacks names them, and what other tools call them."""

from __future__ import annotations

import platform as host_platform
from enum import StrEnum

from ocistacks.errors import UsageError


class Platform(StrEnum):
    """A target platform; the values are venvstacks 0.8's."""

    LINUX_X86_64 = "linux_x86_64"
    LINUX_AARCH64 = "linux_aarch64"
    MACOSX_ARM64 = "macosx_arm64"
    MACOSX_X86_64 = "macosx_x86_64"
    WIN_AMD64 = "win_amd64"
    WIN_ARM64 = "win_arm64"

    @property
    def is_linux(self) -> bool:
        """Whether the platform is a Linux with glibc."""
        return self.value.startswith("linux_")

    @property
    def is_macos(self) -> bool:
        """Whether the platform is macOS."""
        return self.value.startswith("macosx_")

    @property
    def is_windows(self) -> bool:
        """Whether the platform is Windows."""
        return self.value.startswith("win_")

    @property
    def machine(self) -> str:
        """What ``platform.machine()`` answers there (the ``platform_machine`` marker)."""
        return _MACHINES[self]

    @property
    def oci_os(self) -> str:
        """The ``os`` of an OCI platform object (OCI image index, "platform")."""
        if self.is_linux:
            return "linux"
        return "darwin" if self.is_macos else "windows"

    @property
    def oci_architecture(self) -> str:
        """The ``architecture`` of an OCI platform object."""
        return "amd64" if self.machine.lower() in {"x86_64", "amd64"} else "arm64"

    def marker_environment(self, python_version: str) -> dict[str, str]:
        """Return the environment marker values (PEP 508) that are known for this platform.

        ``python_version`` is the full version, ``3.13.5``. What depends on the very machine
        (``platform_release``, ``platform_version``) is empty.
        """
        sys_platform = {"linux": "linux", "darwin": "darwin", "windows": "win32"}[self.oci_os]
        system = {"linux": "Linux", "darwin": "Darwin", "windows": "Windows"}[self.oci_os]
        return {
            "implementation_name": "cpython",
            "implementation_version": python_version,
            "os_name": "nt" if self.is_windows else "posix",
            "platform_machine": self.machine,
            "platform_python_implementation": "CPython",
            "platform_release": "",
            "platform_system": system,
            "platform_version": "",
            "python_full_version": python_version,
            "python_version": ".".join(python_version.split(".")[:2]),
            "sys_platform": sys_platform,
            "extra": "",
        }

    @classmethod
    def of_this_machine(cls) -> Platform:
        """Return the platform of this machine; raise UsageError where it is none of them."""
        system, machine = host_platform.system(), host_platform.machine().lower()
        x86 = machine in {"x86_64", "amd64"}
        arm = machine in {"aarch64", "arm64"}
        if x86 or arm:
            if system == "Linux":
                return cls.LINUX_X86_64 if x86 else cls.LINUX_AARCH64
            if system == "Darwin":
                return cls.MACOSX_X86_64 if x86 else cls.MACOSX_ARM64
            if system == "Windows":
                return cls.WIN_AMD64 if x86 else cls.WIN_ARM64
        raise UsageError(
            "This machine is none of the platforms that a stack can target.",
            found=f"{system} on {machine}",
            expected=", ".join(cls),
            hint="name the platform with --platform",
        )


_MACHINES = {
    Platform.LINUX_X86_64: "x86_64",
    Platform.LINUX_AARCH64: "aarch64",
    Platform.MACOSX_ARM64: "arm64",
    Platform.MACOSX_X86_64: "x86_64",
    Platform.WIN_AMD64: "AMD64",
    Platform.WIN_ARM64: "ARM64",
}
