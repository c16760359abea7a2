"""Installation: the project's folders as packages, and the kernels as optional extensions.

For the layers' kernels each instruction set has a shared library of its own, built from the same
source; the kernel that cuts crops is one library. All are loaded by `ctypes`, the layers' chosen at
run time, so none of them needs Python's headers. Where no compiler is found, the installation
succeeds and the NumPy kernels are used.
"""

from __future__ import annotations

import copy
import os
import platform
import re
import sys
from pathlib import Path

from setuptools import Extension, find_packages, setup
from setuptools.command.build_ext import build_ext

ROOT = Path(__file__).parent
ROOMS = ("lasagnette", "nets", "augment", "cascade", "monitor", "scripts")
KERNELS = "lasagnette/ops/kernels"
CROP_KERNEL = "augment/kernels"

COMMON_FLAGS = [
    *("-O3", "-g0", "-std=c++17"),
    *("-fvisibility=hidden", "-fvisibility-inlines-hidden", "-fno-math-errno"),
]
X86_FLAGS = {
    "avx512": ["-mavx512f", "-mavx512bw", "-mavx512vl", "-mavx512dq", "-mavx2", "-mfma"],
    "avx2": ["-mavx2", "-mfma"],
}


def version() -> str:
    """Read the version without importing the package, whose dependencies may be absent."""
    text = (ROOT / "lasagnette" / "__init__.py").read_text(encoding="utf-8")
    match = re.search(r'^__version__ = "([^"]+)"$', text, re.MULTILINE)
    if match is None:
        raise RuntimeError('lasagnette/__init__.py has no line __version__ = "..."')
    return match[1]


def required(extra: str) -> list[str]:
    """Read the requirements from the file that the Makefile also installs from."""
    return (ROOT / "requirements" / f"{extra}.txt").read_text(encoding="utf-8").splitlines()


def kernel_extensions() -> list[Extension]:
    """Return one optional library per instruction set that this processor family has."""
    x86 = platform.machine().lower() in {"x86_64", "amd64"}
    flags = {**(X86_FLAGS if x86 else {}), "plain": []}
    return [
        Extension(
            f"{KERNELS.replace('/', '.')}._{name}",
            sources=[f"{KERNELS}/kernels.cpp"],
            depends=sorted(
                path.relative_to(ROOT).as_posix() for path in ROOT.glob(f"{KERNELS}/*.h")
            ),
            extra_compile_args=[*COMMON_FLAGS, "-fopenmp", *own_flags],
            extra_link_args=["-fopenmp"],
            language="c++",
            optional=True,
        )
        for name, own_flags in flags.items()
    ]


def crop_extension() -> Extension:
    """Return the optional library that cuts crops, by one thread: workers are processes."""
    return Extension(
        f"{CROP_KERNEL.replace('/', '.')}._crop",
        sources=[f"{CROP_KERNEL}/crop.cpp"],
        # Fused operations would round the samples' places otherwise than NumPy does.
        extra_compile_args=[*COMMON_FLAGS, "-ffp-contract=off"],
        language="c++",
        optional=True,
    )


class BuildKernels(build_ext):
    """Build the libraries side by side, each with object files of its own."""

    def initialize_options(self) -> None:
        """Use every core: the libraries do not depend on each other."""
        super().initialize_options()
        self.parallel = True

    def run(self) -> None:
        """Build what can be built, and say in one sentence what the absence of the rest means."""
        super().run()
        missing = [ext.name for ext in self.extensions if not os.path.exists(self._built(ext))]
        if missing:
            print(
                f"lasagnette: not built: {', '.join(missing)} (a C++17 compiler with OpenMP is "
                "needed); without them the slower NumPy kernels are used.",
                file=sys.stderr,
            )

    def build_extension(self, ext: Extension) -> None:
        """Compile into a folder named after the extension: all share one source file."""
        own = copy.copy(self)
        own.build_temp = os.path.join(self.build_temp, ext.name)
        build_ext.build_extension(own, ext)

    def _built(self, ext: Extension) -> str:
        return os.path.join(self.build_lib, self.get_ext_filename(self.get_ext_fullname(ext.name)))


setup(
    name="lasagnette",
    version=version(),
    description="A small layer library on PyTensor, and a face detector trained with it",
    long_description=(ROOT / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="MIT",
    python_requires=">=3.11",
    package_dir={"": "."},
    packages=find_packages(include=[pattern for room in ROOMS for pattern in (room, f"{room}.*")]),
    package_data={
        "nets": ["pretrained/*"],
        "cascade": ["pretrained/*"],
        "augment": ["splits/*"],
    },
    ext_modules=[*kernel_extensions(), crop_extension()],
    cmdclass={"build_ext": BuildKernels},
    entry_points={"console_scripts": ["lasagnette = scripts.main:main"]},
    install_requires=required("core"),
    extras_require={extra: required(extra) for extra in ("demo", "jax", "dask", "test", "bench")},
)
