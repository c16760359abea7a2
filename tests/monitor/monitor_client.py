"""A browser's part in the tests of the monitor's server."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
from flask import Flask
from werkzeug.test import TestResponse

from monitor.app import create_app
from monitor.checks import Boxes
from monitor.frame import unpack
from monitor.runlog import RunLog

SITE = "http://localhost:8265"


class Client:
    """Asks a server as its own pages do."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self.http = app.test_client()
        self._csrf = ""

    def get(self, path: str, status: int = 200, **options: Any) -> TestResponse:
        """Ask, and check the status."""
        answer = self.http.get(path, base_url=SITE, **options)
        assert answer.status_code == status, (path, answer.status_code, answer.data[:500])
        return answer

    def json(self, path: str, status: int = 200) -> Any:
        """Ask for JSON."""
        return self.get(path, status).get_json()

    def error(self, path: str, status: int = 400) -> str:
        """Ask for what is refused, and return the sentence."""
        found = self.json(path, status)
        assert list(found) == ["error"]
        return str(found["error"])

    def frame(self, path: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """Ask for a binary answer: its header, and its series with their arrays."""
        header, numbers = unpack(self.get(path).data)
        series = [
            {
                key: numbers[value["at"] : value["at"] + value["length"]].copy()
                if isinstance(value, dict)
                else value
                for key, value in one.items()
            }
            for one in header["series"]
        ]
        return header, series

    def post(self, path: str, body: Any = None, status: int = 200, **headers: str) -> Any:
        """Change something, and check the status."""
        self._csrf = self._csrf or self.json("/api/session")["csrf"]
        sent = {"Origin": SITE, "X-CSRF-Token": self._csrf, **headers}
        answer = self.http.post(
            path, base_url=SITE, json={} if body is None else body, headers=sent
        )
        assert answer.status_code == status, (path, answer.status_code, answer.data[:500])
        return answer.get_json()

    def runs(self, seconds: float = 30.0) -> dict[str, dict[str, Any]]:
        """Ask for all runs until each of them was read, and return them by name."""
        end = time.monotonic() + seconds
        while (found := self.json("/api/runs"))["pending"]:
            assert time.monotonic() < end, "runs are pending for too long"
            time.sleep(0.02)
        return {run["name"]: run for run in found["runs"]}


def client(folder: Path, **options: Any) -> Client:
    """Return a client of a server of a folder of runs."""
    return Client(create_app(folder, **options))


def write_run(folder: Path, steps: int = 40, **options: Any) -> None:
    """Write a finished run that has something of everything."""
    image = np.zeros((6, 9, 3), np.uint8)
    boxes = Boxes(np.array([[1, 2, 3, 4]]), np.array([0.5]), 1, "fired")
    layers = [
        {"layer": "InputLayer", "name": "input", "shape": [None, 3, 12, 12], "parameters": 0},
        {"layer": "DenseLayer", "name": "output", "shape": [None, 2], "parameters": 34},
    ]
    config = {"settings": {"net": "net12", "epochs": 8, "learning_rate": 0.1}}
    with RunLog(folder, **{"config": config, "architecture": layers, **options}) as log:
        for step in range(steps):
            epoch = step / 10
            log.scalar("train/loss", 1 / (step + 1), step, epoch)
            log.scalar("train/wait", 0.001, step, epoch)
            if step % 10 == 9:
                log.scalar("valid/accuracy", step / steps, step, epoch)
                log.picture("detections/a", image, step, {"seen": step}, boxes)
                log.histogram("weights/conv1", np.arange(100) * step, step)
                log.funnel(step, "detect-1", 1000, 100, 9)
                log.funnel(step, "detect-2", 100, 10, 8)
                log.text(f"at {step}", step)
                log.checkpoint(step, f"{step}.h5")
        log.picture("rejected/detect-1", image, 9, {"face": False, "score": 0.1})
        log.picture("rejected/detect-1", image, 19, {"face": True, "score": 0.2})
        log.picture("rejected/detect-1", image, 29, {"face": False, "score": 0.3})
