"""What can go wrong with data that somebody brings, and with who makes minibatches of it."""

__all__ = ["DataError", "ImageError", "ServerError"]


class DataError(ValueError):
    """A data set, a list or an index cannot be used; the message names file and reason."""


class ImageError(DataError):
    """A file cannot be read as a picture; the message names file and reason."""


class ServerError(RuntimeError):
    """The augmentation server cannot be started or go on; the message says why."""
