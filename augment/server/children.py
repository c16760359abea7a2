"""Starting a server's processes: fresh interpreters that inherit a few descriptors."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import NamedTuple

__all__ = ["Child", "above_standard", "start"]

_CODE = (
    "import json, sys; sys.path[:] = json.loads(sys.argv.pop(1)); "
    "from importlib import import_module; import_module(sys.argv.pop(1)).main(sys.argv[1:])"
)

_STDERR = 2
_ONE_THREAD = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


class Child(NamedTuple):
    """A started process.

    Attributes
    ----------
    process : subprocess.Popen
    tasks : int
        Descriptor that it is written to.
    results : int
        Descriptor that it is read from.
    """

    process: subprocess.Popen
    tasks: int
    results: int


def above_standard(fd: int) -> int:
    """The same descriptor with a number that no standard stream has, lest a child loses it.

    The low numbers are free where a program was started without standard streams.
    """
    low = []
    while fd <= _STDERR:
        low.append(fd)
        fd = os.dup(fd)
    for number in low:
        os.close(number)
    return fd


def _is_inherited(fd: int) -> bool:
    try:
        return os.get_inheritable(fd)
    except OSError:
        return False


def start(module: str, plan: str, memory: int, *arguments: str, new_session: bool = False) -> Child:
    """Run ``main([tasks, results, memory, parent, plan, *arguments])`` of a module.

    The child gets this process's module search path but never imports its main script, so a plain
    script needs no ``if __name__ == "__main__":`` guard, and nothing is pickled. In a session of
    its own it hears nothing of Ctrl-C in the terminal, which is the training's business.
    """
    tasks_read, tasks_write = map(above_standard, os.pipe())
    results_read, results_write = map(above_standard, os.pipe())
    inherited = (tasks_read, results_write, memory)
    numbers = [str(number) for number in (*inherited, os.getpid())]
    search_path = json.dumps(sys.path)
    try:
        process = subprocess.Popen(
            [sys.executable, "-P", "-c", _CODE, search_path, module, *numbers, plan, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=None if _is_inherited(_STDERR) else subprocess.DEVNULL,
            env={**os.environ, **dict.fromkeys(_ONE_THREAD, "1")},
            pass_fds=inherited,
            start_new_session=new_session,
        )
    except BaseException:
        os.close(tasks_write)
        os.close(results_read)
        raise
    finally:
        os.close(tasks_read)
        os.close(results_write)
    return Child(process, tasks_write, results_read)
