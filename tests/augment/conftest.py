"""Small fabricated copies of the research sets: drawn pictures in the official layouts."""

from __future__ import annotations

from pathlib import Path

import pytest
from augment_scenes import draw_scene
from PIL import Image

FOLDS = range(1, 9)
PEOPLE = [f"Person_{letter}" for letter in "ABCDEFGHIJKLMNOPQRST"]


def save(picture: Image.Image, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path)


def fddb_name(fold: int, number: int) -> str:
    return f"2002/08/{fold:02d}/big/img_{number}"


@pytest.fixture(scope="session")
def fake_data(tmp_path_factory) -> Path:
    """A data folder: 8 folds of 3 images, 20 people of 2 files, 20 pictures without faces."""
    root = tmp_path_factory.mktemp("data")
    lists = root / "fddb" / "FDDB-folds"
    lists.mkdir(parents=True)
    for fold in FOLDS:
        lines = []
        for number in range(3):
            ellipses = [(30.0, 20.0, 1.5, 60.0, 50.0), (20.5, 14.0, 1.4, 120.0, 60.0)][
                : 1 + number % 2
            ]
            name = fddb_name(fold, number)
            save(
                draw_scene(fold * 10 + number, 160, 120, ellipses),
                root / "fddb" / "originalPics" / f"{name}.jpg",
            )
            lines += [name, str(len(ellipses))]
            lines += [" ".join(f"{v:.6f}" for v in row) + "  1" for row in ellipses]
        (lists / f"FDDB-fold-{fold:02d}-ellipseList.txt").write_text("\n".join(lines) + "\n")
    (root / "fddb" / "reserved.txt").write_text(f"# never used\n{fddb_name(2, 0)} held-out\n")
    (root / "fddb" / "near_duplicates.csv").write_text(
        "image_a,fold_a,image_b,fold_b,thumbnail_correlation\n"
        f"{fddb_name(1, 1)},01,{fddb_name(4, 1)},04,1.000\n"
        f"{fddb_name(7, 0)},07,{fddb_name(3, 2)},03,1.000\n"
        f"{fddb_name(1, 0)},01,{fddb_name(5, 0)},05,1.000\n"
    )
    for number, person in enumerate(PEOPLE):
        for shot in (1, 2):
            scene = draw_scene(100 + number * 2 + shot, 112, 112, [(45, 30, 0, 57, 51)])
            save(scene, root / "lfw" / person / f"{person}_000{shot}.jpg")
    (root / "lfw" / "reserved.txt").write_text("# left out\nPerson_B/Person_B_0001.jpg\n")
    (root / "lfw" / "same_photo_as_fddb.csv").write_text(
        "file,fddb_image,fddb_fold,matched_keypoints\n"
        f"Person_A/Person_A_0001.jpg,{fddb_name(7, 0)},07,99\n"
        f"Person_C/Person_C_0002.jpg,{fddb_name(4, 0)},04,99\n"
        f"Person_D/Person_D_0002.jpg,{fddb_name(1, 0)},01,99\n"
    )
    for number in range(20):
        folder = "rooms" if number % 2 else "trees"
        save(
            draw_scene(200 + number, 120 + number, 90),
            root / "negatives" / folder / f"{number:02d}.png",
        )
    return root
