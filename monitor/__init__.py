"""The training monitor: the run log (writer and reader) and the pages that show it."""
