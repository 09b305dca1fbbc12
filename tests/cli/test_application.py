from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest
import typer.main
from typer.testing import CliRunner

from pipeline.cli import COMMANDS, application


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_is_found_by_its_name(command: str) -> None:
    shown = CliRunner().invoke(application([command]), [command, "--help"])
    assert shown.exit_code == 0
    assert f"{command} [OPTIONS]" in shown.output


def test_every_command_of_every_module_is_in_the_table() -> None:
    modules = {module for module, _ in COMMANDS.values()}
    found = {
        name: module for module in modules for name in typer.main.get_group(_with_callback(module)).commands
    }
    assert found == {name: module for name, (module, _) in COMMANDS.items()}


def _with_callback(module: str) -> typer.Typer:
    app = typer.Typer()
    app.callback()(lambda: None)
    app.add_typer(import_module(f"pipeline.cli.{module}").commands)
    return app


def test_the_help_shows_all_commands() -> None:
    shown = CliRunner().invoke(application(["--help"]), ["--help"], env={"COLUMNS": "160"}).output
    assert all(f"{name} " in shown and line in shown for name, (_, line) in COMMANDS.items())


def test_a_command_that_there_is_not_is_an_error() -> None:
    shown = CliRunner().invoke(application(["frobnicate"]), ["frobnicate"])
    assert shown.exit_code == 2
    assert "No such command" in shown.output


@pytest.mark.parametrize("arguments", [["--help"], ["status"]])
def test_neither_the_help_nor_the_engines_load_an_sdk(arguments: list[str]) -> None:
    program = (
        f"import sys; from pipeline.cli import application; application({arguments}); "
        "print(sorted({'boto3', 'opensearchpy', 'pydantic', 'websockets'} & set(sys.modules)))"
    )
    loaded = subprocess.check_output([sys.executable, "-c", program], text=True)
    assert loaded == "[]\n"
