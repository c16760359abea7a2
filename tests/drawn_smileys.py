"""A small set of smiley frames, drawn: its files have names that the fixed divisions know."""

from __future__ import annotations

import csv
import io
from importlib import resources
from pathlib import Path

import cv2
import numpy as np

from augment.datasets.smileys import SMILEYS

SIDE, SQUARE = 64, (12, 12, 40)
LISTED, OTHERS = 6, 6  # frames of a person that are held out somewhere, and that are not


def draw_face(label: int, seed: int) -> np.ndarray:
    """A face that can be told: the mouth's colour and curve depend on the smiley."""
    rng = np.random.default_rng(seed)
    image = np.full((SIDE, SIDE, 3), rng.integers(60, 90), np.uint8)
    cv2.circle(image, (32, 32), 20, (220, 190, 150), -1)
    for x in (25, 39):
        cv2.circle(image, (x, 27), 3, (30, 30, 30), -1)
    colour = [int(value) for value in np.random.default_rng(label).integers(0, 255, 3)]
    cv2.ellipse(image, (32, 38), (9, 2 + label % 6), 0, 0, 180 + 10 * label, colour, 3)
    return np.clip(image + rng.normal(0, 3, image.shape), 0, 255).astype(np.uint8)


def draw_smileys(data: Path, labels: tuple[int, ...] = (0, 5, 7)) -> Path:
    """Write ``data/smileys`` and return it: four people, two of whom are held out as people."""
    folder = data / "smileys"
    text = (resources.files("augment") / "splits" / "smileys.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(io.StringIO(text)))
    lines = ["file,person,frame,label_id,smiley,x,y,side"]
    for number, person in enumerate(("d10", "d12", "d14", "d9")):
        listed = [row["file"] for row in rows if row["file"].startswith(f"{person}/")]
        whole = any(row["file"] in listed and "people" in row["held_out"] for row in rows)
        wanted = LISTED + OTHERS if whole else LISTED
        files = listed[:: max(1, len(listed) // wanted)][:wanted]
        files += [f"{person}/{90000 + frame}.jpg" for frame in range(LISTED + OTHERS - wanted)]
        (folder / person).mkdir(parents=True)
        for place, file in enumerate(files):
            label = labels[place % len(labels)]
            pixels = cv2.cvtColor(draw_face(label, 100 * number + place), cv2.COLOR_RGB2BGR)
            cv2.imwrite(str(folder / file), pixels)
            square = ",".join(map(str, SQUARE))
            frame = int(Path(file).stem)
            lines.append(f"{file},{person},{frame},{label},{SMILEYS[label]},{square}")
    (folder / "labels.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def own_smileys(folder: Path, people: int = 4) -> Path:
    """Frames of the first `people` under names that no division knows, as `extract` writes them."""
    drawn = draw_smileys(folder / "drawn")
    lines = (drawn / "labels.csv").read_text(encoding="utf-8").splitlines()
    chosen = sorted({line.split(",")[1] for line in lines[1:]})[:people]
    own = [line for line in lines[1:] if line.split(",")[1] in chosen]
    for person in chosen:
        (drawn / person).rename(folder / f"my-{person}")
    renamed = [
        ",".join(f"my-{word}" if n < 2 else word for n, word in enumerate(line.split(",")))
        for line in own
    ]
    text = "\n".join([lines[0], *renamed])
    (folder / "labels.csv").write_text(text + "\n", encoding="utf-8")
    return folder
