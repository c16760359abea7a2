"""Labelling a clip in the browser: `create_app` makes the server, `serve` runs it.

What is labelled, and what a key does, is the business of whoever is handed in (`app.Desk`).
"""

from monitor.labelling.app import Command, Desk, Smiley, create_app
from monitor.labelling.serving import serve

__all__ = ["Command", "Desk", "Smiley", "create_app", "serve"]
