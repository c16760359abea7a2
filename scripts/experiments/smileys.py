"""What the experiments with smileys are made of: one recipe for three divisions of the frames."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from augment.datasets.smileys import SMILEYS
from augment.smiley_splits import Split, smiley_sets
from augment.transforms import Intervals
from scripts.experiments.conclusions import better, mean, points, said
from scripts.experiments.recipe import Outcome, Plot, Table, Trained, Variant, Verdict
from scripts.experiments.results import Results, percent

__all__ = ["smileys"]

PLAIN, AUGMENTED, WIDE = "not augmented", "augmented", "beyond the article"
STRANGERS = "beyond the article, LFW beside"
RECIPE: dict[str, Any] = {
    **{"net": "net_smiles", "batch_size": 32, "learning_rate": 1e-3},
    **{"epochs": 40, "epoch_samples": 2_048},
}
GOOD, BAD = 0.9, 0.5  # accuracies that the articles may have called so
EMOTIONS = 0.25  # share of the samples that are LFW's faces
BEYOND: dict[Split, tuple[str, ...]] = {
    "frames": (WIDE,),
    "runs": (WIDE, STRANGERS),
    "people": (STRANGERS,),
}
MOST_TOLD = 3  # confusions named for each smiley


def smileys(split: Split, held_out: str, claim: str) -> Trained:
    """Describe the experiment of one division of the smiley frames.

    Parameters
    ----------
    split
        What is held out.
    held_out
        The same in words.
    claim
        What the article says of it.
    """
    plain = {**RECIPE, "split": split}
    return Trained(
        name=f"smileys-{split}",
        title=f"Smileys, {held_out} held out",
        source='"The return of smileys"',
        claim=claim,
        method="net_smiles as printed, every class equally often: on the frames as they are "
        "labelled; augmented as for detection; and, beyond the article, begun with the "
        "convolutions of a trained net48, with label smoothing and wider changes, light and colour "
        "among them, of which three samples in ten are spared"
        + _lfw(split)
        + "Measured on the held-out frames: on the labelled squares, on the squares that the "
        "detector finds, and by the vote of 45 squares around these. All this was chosen on frames "
        "held out of the learnt ones, after a first recipe, with which the nets had learnt too "
        "little, had been measured on the held-out frames.",
        variants=(
            Variant(PLAIN, {**plain, "intervals": None, "epochs": 20}),
            Variant(AUGMENTED, {**plain, "intervals": Intervals().as_dict()}),
            *(Variant(name, {**plain, **_beyond(name)}) for name in BEYOND[split]),
        ),
        conclude=partial(_conclude, split),
        quick_samples=300,
    )


def _lfw(split: Split) -> str:
    return {
        "frames": ". ",
        "runs": "; without and with a quarter of the samples from LFW, whose faces are labelled "
        "with emotions (the second was added after the first had been measured). ",
        "people": ", and a quarter of the samples from LFW, whose faces are labelled with "
        "emotions. ",
    }[split]


def _beyond(variant: str) -> dict[str, Any]:
    from scripts.training_smileys import CHANGES

    return {
        "intervals": Intervals.from_dict(CHANGES).as_dict(),
        "initial": "net48",
        "label_smoothing": 0.1,
        "emotions": EMOTIONS if variant == STRANGERS else 0.0,
        "epochs": 64,
    }


def _conclude(split: Split, results: Results) -> Outcome:
    as_printed = mean(results, "vote/accuracy", AUGMENTED)
    surely = better(results, "labelled/accuracy", AUGMENTED, PLAIN)
    samples = [task.samples for task in results.tasks]
    beyond = BEYOND[split]
    reached = ", ".join(f"{said(results, 'vote/accuracy', name)} {name}" for name in beyond)
    more = ", ".join(f"{points(_gain(results, name, AUGMENTED))} ({name})" for name in beyond)
    every = (PLAIN, AUGMENTED, *beyond)
    won = ", ".join(f"{points(_won(results, name))} ({name})" for name in every)
    frequent, neighbour = (
        mean(results, f"{name}/accuracy", AUGMENTED) for name in ("frequent", "neighbour")
    )
    return Outcome(
        figure=f"{said(results, 'vote/accuracy', AUGMENTED)} of the held-out frames as the article "
        f"did it (augmented, by vote), {reached}; the most similar learnt frame "
        f"{percent(neighbour)}, the most frequent smiley {percent(frequent)}.",
        verdict=_verdict(split, as_printed),
        because=f"Augmentation changes the accuracy on labelled squares by "
        f"{points(_gain(results, AUGMENTED, PLAIN))}"
        f"{', with every seed upwards' if surely else ''}; what is beyond the article by as much "
        f"more: {more}. The vote gives, over the detector's square alone, {won}. "
        f"{_limits(split, results.data)} Each training took {min(samples):,} to "
        f"{max(samples):,} samples.",
        tables=(
            results.table(
                "Accuracy of the last weights on the held-out frames: mean ± standard deviation "
                f"over the seeds. The most frequent smiley: {percent(frequent)}, the most similar "
                f"learnt frame: {percent(neighbour)}.",
                _headings("accuracy"),
            ),
            results.table(
                "Macro F1: the mean over the smileys. The most frequent smiley: "
                f"{percent(mean(results, 'frequent/macro_f1', AUGMENTED))}, the most similar "
                f"learnt frame: {percent(mean(results, 'neighbour/macro_f1', AUGMENTED))}.",
                _headings("macro_f1"),
            ),
            *(_taken_for(split, name, results) for name in beyond),
        ),
        plots=(
            Plot(
                "curves",
                "Solid: held-out frames, labelled squares; dashed: training, with dropout on; "
                "bands: lowest and highest of the seeds.",
                (
                    results.panel("loss", "valid/loss", beside="train/loss", low=0),
                    results.panel(
                        "accuracy", "valid/accuracy", beside="train/accuracy", low=0, high=1
                    ),
                ),
            ),
        ),
    )


def _verdict(split: Split, accuracy: float) -> Verdict:
    """The article found frames good and people bad; between them it says nothing."""
    if split == "people":
        return "reproduced" if accuracy < BAD else "partly"
    return "reproduced" if accuracy > GOOD else "partly" if accuracy > BAD else "not reproduced"


def _gain(results: Results, one: str, other: str) -> float:
    name = "labelled/accuracy"
    return mean(results, name, one) - mean(results, name, other)


def _won(results: Results, variant: str) -> float:
    """What the vote gains over the detector's square alone."""
    vote, square = (mean(results, f"{name}/accuracy", variant) for name in ("vote", "detector"))
    return vote - square


def _limits(split: Split, data: Path) -> str:
    if split == "frames":
        return "Most held-out frames have a learnt neighbour that looks the same."
    if split == "runs":
        learnt, held = smiley_sets(data, split)
        pairs = set(zip(learnt.group.tolist(), learnt.labels.tolist(), strict=True))
        shown = zip(held.group.tolist(), held.labels.tolist(), strict=True)
        new = float(np.mean([pair not in pairs for pair in shown]))
        return (
            f"The same people at other moments, but {percent(new, 0)} of the held-out frames show "
            "a smiley that is learnt from others alone."
        )
    return (
        "Fifteen people in all, and several smileys that one or two of them show, so that a face "
        "and its smiley are hardly told apart."
    )


def _headings(measure: str) -> dict[str, str]:
    names = {
        "labelled": "labelled square",
        "detector": "detector's square",
        "vote": "vote of 45",
    }
    return {f"{name}/{measure}": heading for name, heading in names.items()}


def _taken_for(split: Split, variant: str, results: Results) -> Table:
    """Who was taken for whom on labelled squares, all seeds' last weights together."""
    total = _confusion(split, results.all_weights(variant), results.data)
    learnt = np.bincount(smiley_sets(results.data, split)[0].labels, minlength=len(SMILEYS))
    rows = []
    for label, smiley in enumerate(SMILEYS):
        told = total[label]
        wrong = [n for n in np.argsort(-told, kind="stable").tolist() if n != label and told[n]]
        share = percent(told[label] / told.sum(), 0) if told.sum() else "not held out"
        named = ", ".join(f"{SMILEYS[n]} {told[n] / told.sum():.0%}" for n in wrong[:MOST_TOLD])
        frames = round(told.sum() / max(1, len(results.seeds)))
        rows.append((f"`{smiley}`", str(learnt[label]), str(frames), share, named))
    return Table(
        f"Smiley by smiley, {variant}, labelled squares, all seeds: what each was taken for.",
        ("", "learnt frames", "held out", "right", "taken for"),
        tuple(rows),
    )


def _confusion(split: Split, weights: list[Path], data: Path) -> np.ndarray:
    from scripts.cascade_road import folded
    from scripts.smileys_measures import as_smile_net, told_alone

    _, held = smiley_sets(data, split)
    nets = [as_smile_net(folded(path), (1.0, 0.0, 0.0)) for path in weights]
    return np.sum([told_alone(net, held).confusion for net in nets], axis=0)
