"""Installation: the project's folders as packages, and the kernels as optional extensions.

The layers' kernels and the cascade's sweep have a shared library for each instruction set, built
from the same source; the kernels that cut crops and filter frames, whose bytes must equal NumPy's,
are one library each. All are loaded by `ctypes`, the first two chosen at run time, so none of them
needs Python's headers. Where no compiler is found, the installation succeeds and NumPy is used.
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
BY_SET = {  # library, before the instruction set's name: source
    "lasagnette/ops/kernels/_": "lasagnette/ops/kernels/kernels.cpp",
    "cascade/kernels/_sweep_": "cascade/kernels/sweep.cpp",
}
EXACT = {  # library: source
    "augment/kernels/_crop": "augment/kernels/crop.cpp",
    "cascade/kernels/_frames": "cascade/kernels/frames.cpp",
}
HEADERS = ("lasagnette/ops/kernels", "cascade/kernels")

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


def extensions() -> list[Extension]:
    """Return the libraries, all optional: one per instruction set, and those that have only one."""
    x86 = platform.machine().lower() in {"x86_64", "amd64"}
    sets = {**(X86_FLAGS if x86 else {}), "plain": []}
    headers = [path for folder in HEADERS for path in sorted(ROOT.glob(f"{folder}/*.h"))]
    depends = [path.relative_to(ROOT).as_posix() for path in headers]
    by_set = [
        _extension(library + name, source, ["-fopenmp", *flags], ["-fopenmp"], depends)
        for library, source in BY_SET.items()
        for name, flags in sets.items()
    ]
    # Fused operations would round otherwise than NumPy does.
    exact = [
        _extension(library, source, ["-ffp-contract=off"], [], [])
        for library, source in EXACT.items()
    ]
    return by_set + exact


def _extension(
    library: str, source: str, compiling: list[str], linking: list[str], depends: list[str]
) -> Extension:
    return Extension(
        library.replace("/", "."),
        sources=[source],
        depends=depends,
        extra_compile_args=[*COMMON_FLAGS, *compiling],
        extra_link_args=linking,
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
        "cascade": ["pretrained/*"],
        "nets": ["pretrained/*"],
        "augment": ["splits/*"],
        "monitor": ["templates/*", "static/*", "static/*/*", "static/*/*/*"],
        "monitor.labelling": ["templates/*", "static/*", "static/*/*"],
        "monitor.smielfy": ["templates/*", "static/*", "static/*/*"],
    },
    ext_modules=extensions(),
    cmdclass={"build_ext": BuildKernels},
    entry_points={"console_scripts": ["lasagnette = scripts.main:main"]},
    install_requires=required("core"),
    extras_require={extra: required(extra) for extra in ("demo", "jax", "dask", "test", "bench")},
)
