"""Groups with a subcommand that may be left out."""

from __future__ import annotations

import click
import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from scripts.groups import GroupWithDefault


def group(**options: bool) -> click.Group:
    """A group whose `list` may be left out, with `show` beside it."""

    @click.group(cls=GroupWithDefault, default="list", **options)
    def made() -> None:
        """Both."""

    @made.command("list")
    @click.argument("folder", default="here")
    @click.option("--long", is_flag=True)
    def list_(folder: str, long: bool) -> None:
        """List."""
        click.echo(f"list {folder} {long}")

    @made.command()
    @click.argument("name", default="first")
    def show(name: str) -> None:
        """Show."""
        click.echo(f"show {name}")

    return made


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("", "list here False"),
        ("there", "list there False"),
        ("--long there", "list there True"),
        ("list there", "list there False"),
        ("list list", "list list False"),
        ("show", "show first"),
        ("show there", "show there"),
    ],
)
def test_the_subcommand_may_be_left_out(words: str, said: str) -> None:
    outcome = CliRunner().invoke(group(no_args_is_help=False), words)
    assert (outcome.exit_code, outcome.output) == (0, f"{said}\n")


def test_help_is_the_groups_and_no_words_ask_for_it_where_click_says_so() -> None:
    asked = CliRunner().invoke(group(no_args_is_help=False), ["--help"])
    assert "Both." in asked.output
    silent = CliRunner().invoke(group(), [])
    assert silent.output == asked.output
    assert CliRunner().invoke(group(), ["there"]).output == "list there False\n"


def test_completion_offers_the_subcommands() -> None:
    completion = ShellComplete(group(no_args_is_help=False), {}, "made", "_MADE_COMPLETE")
    assert [one.value for one in completion.get_completions([], "")] == ["list", "show"]
