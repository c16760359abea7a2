"""Text to the clipboard, by whatever the system has for it."""

from __future__ import annotations

import base64
import shutil
import subprocess
import sys

from scripts.errors import RunError

__all__ = ["COMMANDS", "copy_text"]

COMMANDS = (
    ("wl-copy",),
    ("xclip", "-selection", "clipboard"),
    ("xsel", "--clipboard", "--input"),
    ("pbcopy",),
    ("clip.exe",),
)
"""Programs that take the clipboard's text on standard input, tried in this order."""

_SECONDS = 5  # for such a program; one that waits for a display it cannot reach is given up


def copy_text(text: str) -> str:
    """Copy text to the clipboard.

    A terminal is asked to do it (OSC 52) where no program can; it does not say whether it did.

    Returns
    -------
    str
        Who did it, in a few words.

    Raises
    ------
    RunError
        If nobody can.
    """
    found = [command for command in COMMANDS if shutil.which(command[0])]
    for command in found:
        if _run(command, text):
            return f"by {command[0]}"
    terminal = next((one for one in (sys.stderr, sys.stdout) if one.isatty()), None)
    if terminal is not None:
        coded = base64.b64encode(text.encode()).decode()
        terminal.write(f"\x1b]52;c;{coded}\x07")
        terminal.flush()
        return "by the terminal, if it is one that does so (OSC 52)"
    names = ", ".join(command[0] for command in COMMANDS)
    tried = ", ".join(command[0] for command in found)
    reason = f"{tried} failed" if found else f"none of {names} is installed"
    raise RunError(
        f"the smileys are not copied: {reason}, and there is no terminal that could be asked"
    )


def _run(command: tuple[str, ...], text: str) -> bool:
    try:
        # Some stay behind to serve the text, with the streams that they were given: no pipes.
        done = subprocess.run(
            command,
            input=text.encode(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
