"""The report on the experiments: plots, rows, the page and the Markdown, with hostile texts."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scripts import experiments
from scripts.errors import RunError
from scripts.experiments.plots import draw, size
from scripts.experiments.points import MOST_POINTS, thin
from scripts.experiments.recipe import Example, Experiment, Line, Outcome, Panel, Plot, Table
from scripts.experiments.report import index_table, keep, publish
from scripts.experiments.report_markdown import plain

HOSTILE = 'a <b> & "c" | `d` *e* <script>f</script>'
VOID = {"meta", "img", "br", "link", "hr", "input"}
FACTS = {
    "quick": False,
    "made": "2025-11-30T09:22:11+00:00",
    "seconds": 5600,
    "seeds": [1, 2],
    "runs": [{"run": "one-1", "variant": "plain", "seed": 1, "samples": 200000, "seconds": 61.04}],
    "data": {"fddb": "9f86d081"},
    "machine": {"processor": "some", "cores": 2},
    "notes": ["The machine was shared.", "Twice."],
}


class Balance(HTMLParser):
    """Fails where a tag is closed that is not the one open; collects what a page consists of."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(set(names)) == len(names), (tag, names)
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.text += data

    def having(self, tag: str, key: str) -> list[str]:
        """The values of an attribute, in all tags of a name."""
        return [str(found[key]) for name, found in self.tags if name == tag and key in found]


@pytest.fixture(autouse=True)
def three(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put three experiments in the place of the articles'."""
    monkeypatch.setattr(experiments, "NAMES", ("one", "one-more", "last"))
    monkeypatch.setattr(experiments, "experiment", told)


def told(name: str) -> Experiment:
    return Experiment(name, f"Title of {name}", "Article 1", f"claim of {name}", "the method")


def picture(name: str = "curves", points: int = 50) -> Plot:
    x = np.arange(points) * 100
    low, high = np.sqrt(x), np.sqrt(x) + 1
    lines = (
        Line("plain", x, low + 0.5, low, high),
        Line("", x, low, dashed=True),
        Line("costs $5, $6", x, high, dashed=True),
    )
    bars = (Line("plain", (0, 1), (3, 4), (2, 3), (4, 5)), Line("costs $5, $6", (0, 1), (1, 9)))
    return Plot(
        name,
        "A caption.",
        (
            Panel("Loss", "samples seen", "loss", lines, log_x=True),
            Panel("Speed", "how", "steps", bars, labels=("first way", "second way"), bars=True),
        ),
    )


def outcome(**changes: Any) -> Outcome:
    image = np.zeros((30, 40, 3), np.uint8)
    found = Outcome(
        figure="92 % of the crops",
        verdict="partly",
        because="another set",
        tables=(Table("Rates", ("variant", "rate"), (("net12_cal", "92.0 % ± 1"),)),),
        plots=(picture(),),
        examples=(Example("portrait", "Red what fired.", image),),
    )
    return replace(found, **changes)


def both(folder: Path, **options: bool) -> tuple[Balance, str]:
    publish(folder, **options)
    page = (folder / "index.html").read_text(encoding="utf-8")
    return Balance(page), (folder / "README.md").read_text(encoding="utf-8")


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


# Plots


def test_a_plot_has_the_same_bytes_whatever_the_reader_has_set(tmp_path: Path) -> None:
    import matplotlib

    draw(picture(), tmp_path / "a.svg")
    with matplotlib.rc_context({"font.size": 30, "lines.linewidth": 9, "svg.hashsalt": None}):
        draw(picture(), tmp_path / "b.svg")
    first = (tmp_path / "a.svg").read_bytes()
    assert first == (tmp_path / "b.svg").read_bytes()
    assert b"date" not in first.lower()


def test_a_plot_holds_text_as_text_a_key_and_white_paper(tmp_path: Path) -> None:
    draw(picture(), tmp_path / "a.svg")
    svg = (tmp_path / "a.svg").read_text(encoding="utf-8")
    texts = re.findall(r"<text [^>]*>([^<]*)</text>", svg)
    for text in ("Loss", "samples seen", "Speed", "plain", "costs $5, $6"):
        assert texts.count(text) == 1
    assert "first way" in " ".join(texts)
    assert "sans-serif" in svg
    assert "stroke-dasharray" in svg
    assert "fill: #ffffff" in svg
    width, height = re.findall(r'<svg [^>]*width="([\d.]+)pt" height="([\d.]+)pt"', svg)[0]
    assert (float(width) / 0.75, float(height) / 0.75) == size(picture())


def test_an_unnamed_dashed_line_has_the_colour_of_the_line_it_stands_beside(tmp_path: Path) -> None:
    x = (1.0, 2.0)
    solid = [Line("a", x, (1, 2)), Line("b", x, (2, 3))]
    dashed = [Line("", x, (3, 4), dashed=True), Line("", x, (4, 5), dashed=True)]
    orders = [solid + dashed, [solid[0], dashed[0], solid[1], dashed[1]]]
    for lines in orders:
        draw(Plot("p", "", (Panel("", "x", "y", tuple(lines)),)), tmp_path / "p.svg")
        svg = (tmp_path / "p.svg").read_text(encoding="utf-8")
        curves = re.findall(r'clip-path="[^"]*" style="fill: none;([^"]*)"', svg)
        colours = [re.findall(r"stroke: (#\w+)", style)[0] for style in curves if "1.5" in style]
        assert colours.count("#0072b2") == colours.count("#d55e00") == 2


def test_spikes_survive_thinning() -> None:
    y = np.sin(np.arange(30_000) / 5000)
    y[12_345], y[12_346], y[777] = 9, -9, 7
    x = np.arange(30_000.0)
    for log_x in (False, True):
        kept_x, low, kept_y, high = thin(x[1:], y[1:] - 1, y[1:], y[1:] + 1, log_x=log_x)
        assert len(kept_x) <= MOST_POINTS
        assert (np.diff(kept_x) > 0).all()
        assert {12_345, 12_346, 777, 1, 29_999} <= set(kept_x.tolist())
        np.testing.assert_array_equal(kept_y, y[kept_x.astype(int)])
        assert (low.min(), high.max()) == (-10, 10)


def test_a_logarithmic_axis_keeps_the_beginning() -> None:
    x = np.arange(1.0, 100_001)
    kept, *_ = thin(x, x, x, x, log_x=True)
    assert (kept < 100).sum() > 50
    assert (thin(x, x, x, x)[0] < 100).sum() < 5


def test_a_short_curve_is_left_as_it_is() -> None:
    x = np.arange(float(MOST_POINTS))
    assert all(part is x for part in thin(x, x, x, x))


def test_numbers_that_cannot_be_drawn_are_left_out(tmp_path: Path) -> None:
    x, y = (0, 1, 10, 100, 1000), (1, float("nan"), 2, float("inf"), 3)
    draw(Plot("p", "", (Panel("", "x", "y", (Line("", x, y),), log_x=True),)), tmp_path / "p.svg")
    assert (tmp_path / "p.svg").read_text(encoding="utf-8").count('clip-path="url') > 0


def test_lines_and_labels_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    for line, labels, message in (
        (Line("odd", (1, 2), (1,)), None, r"'odd' in 'T' has x of shape \(2,\), y of \(1,\)"),
        (Line("", (1, 2), (1, 2)), ("one",), "'T' has 1 labels and 2 places"),
    ):
        with pytest.raises(ValueError, match=message):
            draw(Plot("p", "", (Panel("T", "x", "y", (line,), labels),)), tmp_path / "p.svg")
    assert not files(tmp_path)


# Rows


def test_a_row_and_its_pictures_are_kept(tmp_path: Path) -> None:
    keep(tmp_path, told("one"), outcome(), FACTS)
    assert files(tmp_path) == {
        *("rows/one.json", "one-curves.svg", "examples/one-portrait.jpg", "examples/.gitignore")
    }
    row = json.loads((tmp_path / "rows/one.json").read_text(encoding="utf-8"))
    assert row["claim"] == "claim of one"
    assert row["verdict"] == "partly"
    assert row["tables"][0]["rows"] == [["net12_cal", "92.0 % ± 1"]]
    assert row["plots"][0]["file"] == "one-curves.svg"
    assert "Loss: loss by samples seen, plain" in row["plots"][0]["alt"]
    assert row["examples"][0] == {
        "file": "examples/one-portrait.jpg",
        **dict.fromkeys(("caption", "alt"), "Red what fired."),
        **{"width": 40, "height": 30},
    }
    assert row["facts"] == FACTS


def test_git_ignores_drawn_photographs(tmp_path: Path) -> None:
    keep(tmp_path, told("one"), outcome(), FACTS)
    assert (tmp_path / "examples/.gitignore").read_text(encoding="utf-8") == "*\n"


def test_keeping_again_removes_the_pictures_that_are_no_longer_named(tmp_path: Path) -> None:
    keep(tmp_path, told("one-more"), outcome(), FACTS)
    keep(tmp_path, told("one"), outcome(), FACTS)
    keep(tmp_path, told("one"), outcome(plots=(picture("../The_other.1"),), examples=()), FACTS)
    found = {name for name in files(tmp_path) if not name.startswith("rows")}
    assert found == {
        *("one-the-other-1.svg", "one-more-curves.svg"),
        *("examples/one-more-portrait.jpg", "examples/.gitignore"),
    }


def test_what_could_not_be_read_back_is_not_written(tmp_path: Path) -> None:
    short = Table("Rates", ("variant", "rate"), (("net12",),))
    for changes, message in (
        ({"plots": (picture(), picture())}, r"one has \['curves', 'curves'\]"),
        ({"plots": (picture("a b"), picture("A_B"))}, "differ in their letters and digits"),
        ({"plots": (picture("../"),)}, r"one has \['\.\./'\]"),
        ({"tables": (short,)}, "not 2 cells in every row"),
        ({"verdict": "splendid"}, "its verdict is 'splendid'"),
    ):
        with pytest.raises(ValueError, match=message):
            keep(tmp_path, told("one"), outcome(**changes), FACTS)
    assert not files(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text[:50], r"one\.json is no row of the report: .*column"),
        (lambda text: "[]", "'name' is missing or no str"),
        (lambda text: text.replace('"partly"', '"fine"'), "its verdict is 'fine'"),
        (lambda text: text.replace('"name": "one"', '"name": "last"'), "the experiment 'last'"),
        (lambda text: text.replace("one-curves", "../x"), r"names the plot '\.\./x\.svg'"),
        (lambda text: text.replace("one-curves", "one-gone"), "plot one-gone.svg is not there"),
        (lambda text: text.replace("/one-portrait", "/../a"), "names the example"),
        (lambda text: text.replace('"rate"', "3"), r"row is \['variant', 3\]\. Delete it, or make"),
    ],
)
def test_a_damaged_row_is_named(tmp_path: Path, change: Any, message: str) -> None:
    keep(tmp_path, told("one"), outcome(), FACTS)
    path = tmp_path / "rows/one.json"
    path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")
    with pytest.raises(RunError, match=message):
        publish(tmp_path)
    assert not (tmp_path / "index.html").exists()


def test_a_row_of_no_experiment_is_named(tmp_path: Path) -> None:
    keep(tmp_path, told("foreign"), outcome(), FACTS)
    with pytest.raises(RunError, match=r"foreign\.json is no row .*'foreign'\. Delete it\.$"):
        index_table(tmp_path)


# The page and the Markdown


def test_the_page_is_well_formed_and_needs_nothing_but_its_pictures(tmp_path: Path) -> None:
    keep(tmp_path, told("one"), outcome(), FACTS)
    page, _ = both(tmp_path)
    names = [tag for tag, _ in page.tags]
    assert not {"script", "link", "iframe"} & set(names)
    assert page.having("img", "src") == ["one-curves.svg", "examples/one-portrait.jpg"]
    assert all(page.having("img", "alt"))
    assert page.having("section", "id") == ["one", "one-more", "last"]
    assert page.having("a", "href")[:3] == ["#one", "#one-more", "#last"]
    style = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "http" not in style
    for said in ("92 % of the crops", "partly: another set", "lasagnette reproduce one"):
        assert said in page.text


def test_both_tell_the_facts(tmp_path: Path) -> None:
    keep(tmp_path, told("one"), outcome(), {**FACTS, "load": 1.5})
    page, markdown = both(tmp_path)
    for name, text in (
        *(("duration", "1 h 33 min"), ("seeds", "1, 2"), ("machine", "processor some, cores 2")),
        *(("data", "fddb 9f86d081"), ("notes", "The machine was shared. Twice."), ("load", "1.5")),
    ):
        assert f"{name}{text}" in page.text
        assert f"- {name}: {text}\n" in markdown
    assert "one-1plain1200,00061 s" in page.text
    assert "| one-1 | plain | 1 | 200,000 | 61 s |" in markdown


def test_hostile_texts_stay_texts(tmp_path: Path) -> None:
    texts = dict.fromkeys(("title", "source", "claim", "method"), HOSTILE)
    found = outcome(
        figure=HOSTILE,
        because=HOSTILE,
        tables=(Table(HOSTILE, (HOSTILE, "n"), ((HOSTILE, HOSTILE),)),),
        plots=(replace(picture(), caption=HOSTILE),),
    )
    facts = {"command": HOSTILE, HOSTILE: HOSTILE, "runs": [{HOSTILE: HOSTILE}]}
    keep(tmp_path, Experiment("one", **texts), found, facts)
    page, markdown = both(tmp_path)
    assert not {"script", "b"} & {tag for tag, _ in page.tags}
    assert page.text.count(HOSTILE) > 12
    bare = re.sub(r"\\.", "", markdown)
    assert "<script" not in bare
    assert "<b>" not in bare
    rows = [line for line in bare.splitlines() if line.startswith("|")]
    widths = [row.count("|") - 1 for row in rows]
    assert widths == [5] * 5 + [2] * 3 + [1] * 3


def test_what_markdown_would_take_for_something_is_escaped() -> None:
    assert plain("a|b ~3 and ~4, $5 and $6\n\n# x") == r"a\|b \~3 and \~4, \$5 and \$6 \# x"
    assert plain("net12_cal _is_ [so] &amp; R&D") == r"net12_cal \_is\_ \[so\] \&amp; R&D"


def test_what_is_not_run_is_not_yet(tmp_path: Path) -> None:
    keep(tmp_path, told("last"), Outcome("", "not yet", "No data here."), {})
    page, markdown = both(tmp_path)
    told_so = [("one", "Not run."), ("one-more", "Not run."), ("last", "No data here.")]
    rows = [
        f"| Title of {name} | claim of {name} | {why} | not yet | `lasagnette reproduce {name}` |"
        for name, why in told_so
    ]
    head = ["| experiment | article says | ours | verdict | command |", "|" + " --- |" * 5]
    assert index_table(tmp_path).splitlines() == head + rows
    linked = [re.sub(r"Title of ([\w-]+)", r"[Title of \1](#\1)", row) for row in rows]
    assert "\n".join(head + linked) in markdown
    assert "3 experiments: 3 not yet." in page.text
    assert "not yet: No data here." in page.text
    assert "3 experiments: 3 not yet." in markdown


def test_an_empty_folder_gives_a_report(tmp_path: Path) -> None:
    page, _ = both(tmp_path / "new")
    assert page.text.count("Not run.") == 6


def test_a_first_look_is_marked(tmp_path: Path) -> None:
    keep(tmp_path, told("one"), outcome(), {**FACTS, "quick": True})
    page, markdown = both(tmp_path)
    for text in page.text, markdown:
        assert "First look only: made with --quick" in text
        assert text.count("partly (first look)") == 2
        assert "Of these, 1 is a first look only." in text
    assert "partly (first look)" in index_table(tmp_path)
    keep(tmp_path, told("one"), outcome(), FACTS)
    page, markdown = both(tmp_path)
    assert "irst look" not in page.text + markdown


def test_examples_are_left_out_on_demand_and_where_they_are_missing(tmp_path: Path) -> None:
    keep(tmp_path, told("one"), outcome(), FACTS)
    sentence = "Drawn examples are in local reports only"
    page, markdown = both(tmp_path)
    assert sentence not in page.text + markdown
    assert "](examples/one-portrait.jpg)" in markdown
    left_out = [both(tmp_path, examples=False)]
    (tmp_path / "examples/one-portrait.jpg").unlink()
    left_out.append(both(tmp_path))
    for page, markdown in left_out:
        assert "examples/" not in markdown
        assert page.having("img", "src") == ["one-curves.svg"]
        assert page.text.count(sentence) == markdown.count(sentence) == 1


def test_publishing_again_changes_nothing(tmp_path: Path) -> None:
    keep(tmp_path, told("one"), outcome(), FACTS)
    publish(tmp_path)
    before = {name: (tmp_path / name).read_bytes() for name in files(tmp_path)}
    publish(tmp_path)
    assert before == {name: (tmp_path / name).read_bytes() for name in files(tmp_path)}
