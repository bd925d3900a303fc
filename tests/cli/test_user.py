"""tacos user add."""

import subprocess

from cli import TACOS, TIMEOUT_S, environment, expect_failure


def add_user(place, *words, stdin="secret12\n", **variables):
    return subprocess.run([TACOS, "user", "add", *words, "--data-dir", place / "data"], text=True,
                          input=stdin, capture_output=True, check=False, timeout=TIMEOUT_S,
                          env=environment(**variables))


def test_user(place):
    done = add_user(place, "Boss", "--role", "admin")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Boss (admin), user id ")
    assert "secret12" not in done.stdout
    expect_failure(add_user(place, "boss"),
                   "tacos user add: there is an account 'boss' already\n")
    assert add_user(place, "Other", stdin="", TACOS_PASSWORD="secret34").returncode == 0


def test_user_refused(place):
    expect_failure(add_user(place, "Boss", stdin=""),
                   "tacos user add: no password: write it to stdin, or set TACOS_PASSWORD\n")
    expect_failure(add_user(place, "Boss", "--role", "root"),
                   "tacos user add: --role 'root' is unknown: user or admin\n")
    for name, password in (("a", "secret12"), ("Boss", "short")):
        done = add_user(place, name, stdin=password)
        assert (done.returncode, done.stdout) == (1, "")
        assert password not in done.stderr


def test_a_password_is_no_argument(place):
    assert add_user(place, "Boss", "secret12").returncode == 2
    assert add_user(place, "Boss", "--password", "secret12").returncode == 2
