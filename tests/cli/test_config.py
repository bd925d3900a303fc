"""The configuration file of tacos serve: what goes first, and what is refused."""

import json

import pytest

from cli import Server, expect_failure, run

HINT = "'tacos help serve' tells more.\n"


def write(place, text):
    path = place / "tacos.json"
    path.write_text(text if isinstance(text, str) else json.dumps(text), encoding="utf-8")
    return path


def test_settings_come_from_the_file(place):
    path = write(place, {"data-dir": str(place / "here"), "drain-seconds": 3})
    with Server("--config", path) as server:
        assert f"data in {place}/here:" in server.line
        assert server.stop()[0] == 0
    with Server(cwd=place, TACOS_CONFIG=str(path)) as server:
        assert f"data in {place}/here:" in server.line
        assert server.stop()[0] == 0


def test_options_beat_variables_beat_the_file(place):
    path = write(place, {"data-dir": str(place / "file")})
    variable = {"TACOS_DATA_DIR": str(place / "variable")}
    with Server("--config", path, **variable) as server:
        assert f"data in {place}/variable:" in server.line
        assert server.stop()[0] == 0
    with Server("--config", path, "--data-dir", place / "option", **variable) as server:
        assert f"data in {place}/option:" in server.line
        assert server.stop()[0] == 0
    assert not (place / "file").exists()


@pytest.mark.parametrize("text, message", [
    ({"lisen": "127.0.0.1:1"}, "unknown setting 'lisen': did you mean 'listen'?"),
    ({"config": "other.json"}, "unknown setting 'config'"),
    ({"at": "2026-11-23T20:00:00Z"}, "unknown setting 'at'"),
    ({"reactors": True}, "a setting is a string or a number"),
    ({"reactors": None}, "a setting is a string or a number"),
    ({"listen": ""}, "a setting is not empty and has no zero byte"),
    ({"reactors": "x"}, None),
    ("[1]", "object"),
    ('{"listen": "127.0.0.1:0", "listen": "127.0.0.1:0"}', "twice"),
    ('{"listen": "127.0.0.1:0"', "the end of the input"),
    ("", None),
])
def test_what_is_wrong_is_named(place, text, message):
    path = write(place, text)
    done = run("serve", "--config", path, cwd=place)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("tacos serve: ") and done.stderr.endswith(HINT)
    if message is not None:
        assert f"{path}: " in done.stderr and message in done.stderr, done.stderr
    assert not (place / "tacos-data").exists()


def test_a_file_that_is_not_there(place):
    path = place / "none.json"
    expect_failure(run("serve", "--config", path),
                   f"tacos serve: cannot open the configuration {path}: "
                   f"No such file or directory\n{HINT}", status=2)
