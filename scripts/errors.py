"""What the commands themselves refuse."""

__all__ = ["RunError"]


class RunError(ValueError):
    """A run that cannot be started or resumed."""
