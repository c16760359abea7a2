"""What the two smiley experiments say until there is a trained smiley net to measure."""

from __future__ import annotations

from scripts.experiments.recipe import Bench, Measured, Outcome

__all__ = ["smileys"]


def smileys(split: str, held_out: str, claim: str) -> Measured:
    """Describe the experiment of one split of the smiley data.

    Parameters
    ----------
    split
        'people' or 'frames'.
    held_out
        What the split keeps for validation.
    claim
        What the article says of it.
    """
    return Measured(
        name=f"smileys-{split}",
        title=f"Smileys, {held_out} held out",
        source='"The return of smileys"',
        claim=claim,
        method="net_smiles with and without augmentation, with and without the vote of 45 windows.",
        measure=_not_yet,
    )


def _not_yet(bench: Bench) -> Outcome:
    del bench
    return Outcome(
        figure="Not measured.",
        verdict="not yet",
        because="The net's architecture is there (net_smiles); its training, the splits of the "
        "smiley data and the vote are not.",
    )
