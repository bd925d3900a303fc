"""The command line: help, wrong words of every kind, options and their environment."""

import subprocess

import pytest

from cli import TACOS, environment, expect_failure, run, run_ok

COMMANDS = ["serve", "load", "routes", "event import", "event list", "user add", "backup",
            "restore", "check", "keygen", "version", "help"]


def test_no_command_shows_what_there_is():
    done = run()
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == run_ok("help")


def test_help_lists_every_command():
    out = run_ok("help")
    names = [line[2:].split("  ")[0] for line in out.splitlines() if line.startswith("  ")]
    assert names == COMMANDS
    assert run_ok("--help") == out
    assert run_ok("-h") == out


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command(command):
    words = command.split()
    out = run_ok("help", *words)
    assert out.startswith(f"tacos {command}: ")
    assert f"\nusage: tacos {command}" in out
    assert run_ok(*words, "--help") == out
    assert run_ok(*words, "-h") == out


def test_help_names_the_environment():
    out = run_ok("help", "restore")
    assert "  --at TIME         end of the last millisecond to restore" in out
    assert "(environment: TACOS_DATA_DIR; default: ./tacos-data)" in out
    assert "(environment: TACOS_KEY_FILE)" in out


@pytest.mark.parametrize("word, answer", [
    ("serv", "unknown command 'serv': did you mean 'serve'?"),
    ("bakcup", "unknown command 'bakcup': did you mean 'backup'?"),
    ("Restore", "unknown command 'Restore': did you mean 'restore'?"),
    ("chekc", "unknown command 'chekc': did you mean 'check'?"),
    ("", "unknown command ''"),
    ("xyzzy", "unknown command 'xyzzy'"),
    ("x" * 5000, "unknown command 'xxx"),
    ("event", "'event' is the first word of: event import, event list\n"),
    ("user", "'user' is the first word of: user add\n"),
    ("--hlep", "unknown option '--hlep': did you mean '--help'?"),
    ("--verson", "unknown option '--verson': did you mean '--version'?"),
    ("-x", "unknown option '-x'"),
])
def test_unknown_commands(word, answer):
    for words in [word], ["help", word]:
        if words[0] == "help" and (not word or word.startswith("-")):
            continue
        done = run(*words)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith(f"tacos: {answer}")
        assert done.stderr.endswith("'tacos help' tells more.\n")


@pytest.mark.parametrize("words, message", [
    (["serve", "--data-dri", "x"], "unknown option '--data-dri': did you mean '--data-dir'?"),
    (["serve", "--data-dri=x"], "unknown option '--data-dri': did you mean '--data-dir'?"),
    (["serve", "--keyfile", "x"], "unknown option '--keyfile': did you mean '--key-file'?"),
    (["serve", "--halp"], "unknown option '--halp': did you mean '--help'?"),
    (["serve", "--at", "now"], "unknown option '--at'"),
    (["serve", "--frobnicate"], "unknown option '--frobnicate'"),
    (["serve", "--data", "x"], "unknown option '--data': did you mean '--data-dir'?"),
    (["serve", "-d", "x"], "unknown option '-d': options have long names"),
    (["serve", "--data-dir"], "--data-dir needs a value: --data-dir DIR"),
    (["serve", "--data-dir="], "--data-dir needs a value: --data-dir DIR"),
    (["serve", "--data-dir", ""], "--data-dir needs a value: --data-dir DIR"),
    (["serve", "--data-dir", "--key-file", "x"], "--data-dir needs a value: --data-dir DIR"),
    (["serve", "--data-dir", "a", "--data-dir=b"], "--data-dir is given twice"),
    (["serve", "here"], "unexpected argument 'here'"),
    (["version", "--data-dir", "x"], "unknown option '--data-dir'"),
    (["backup"], "DIR is missing"),
    (["backup", ""], "DIR may not be empty"),
    (["backup", "a", "b"], "unexpected argument 'b' after 'a'"),
    (["restore", "--at", "2026-11-23T20:00:00Z"], "DIR is missing"),
    (["check"], "DIR is missing"),
    (["check", "d", "--data-dir", "x"], "unknown option '--data-dir'"),
    (["keygen"], "FILE is missing"),
    (["help", "serve", "backup"], "unexpected argument 'backup' after 'serve'"),
])
def test_wrong_words(place, words, message):
    command = words[0]
    expect_failure(run(*words, cwd=place),
                   f"tacos {command}: {message}\n'tacos help {command}' tells more.\n", status=2)
    assert list(place.iterdir()) == []


def directory_used(place, *words, **variables):
    """The directory in which backup looked for the store."""
    done = run("backup", "copy", *words, cwd=place, **variables)
    assert done.returncode == 1
    return done.stderr.split("'")[1]


def test_where_a_value_comes_from(place):
    assert directory_used(place) == "./tacos-data"
    assert directory_used(place, TACOS_DATA_DIR="") == "./tacos-data"
    assert directory_used(place, TACOS_DATA_DIR="e") == "e"
    assert directory_used(place, "--data-dir", "f", TACOS_DATA_DIR="e") == "f"
    assert directory_used(place, "--data-dir=f", TACOS_DATA_DIR="e") == "f"
    assert directory_used(place, "--data-dir=--f=g") == "--f=g"


def test_operands_behind_two_dashes(place):
    expect_failure(run("check", "--", "--data", cwd=place),
                   "tacos check: there is no store in '--data' (no file 'identity'): name the data "
                   "directory of a store, or start one there with 'tacos serve'\n")


def test_output_that_cannot_be_written_is_a_failure():
    with open("/dev/full", "w", encoding="ascii") as full:
        done = subprocess.run([TACOS, "help"], stdout=full, stderr=subprocess.PIPE, text=True,
                              check=False, env=environment())
    assert done.returncode == 1
    assert done.stderr == "tacos: cannot write to stdout: No space left on device\n"
