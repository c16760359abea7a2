"""What Smielfy refuses."""

from __future__ import annotations

__all__ = ["Refusal", "SmielfyError"]


class SmielfyError(ValueError):
    """A folder, an address or a code that cannot be used; the message is one sentence."""


class Refusal(ValueError):
    """A request that is refused.

    Parameters
    ----------
    status : int
        HTTP status.
    reason : str
        A key: the sentence for whoever asked is the text ``refused.<reason>``.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status, self.reason = status, reason
