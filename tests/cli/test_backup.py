"""tacos backup: whole, online, again and again."""

import re

import pytest

from cli import (INSTANT, TABLES_IN_ALL, Server, Writer, check, expect_failure, run, run_ok,
                 use_store)


def numbers(out):
    """Snapshots and records copied, and the last record's sequence."""
    found = re.fullmatch(rf"copied (\d+) snapshots and (\d+) log records from .* to .*\n"
                         rf"the copy holds everything up to {INSTANT} \(record (\d+)\)\n", out)
    assert found, out
    return tuple(int(number) for number in found.groups())


def test_while_serving(place):
    data, copy = place / "data", place / "copy"
    with Server("--data-dir", data) as server:
        snapshots, records, last = numbers(run_ok("backup", copy, "--data-dir", data))
        assert snapshots == 0 and records == last >= TABLES_IN_ALL
        check(copy)
        check(data)
        assert server.stop()[::2] == (0, "")


def test_adds_what_is_new(place):
    data, copy = place / "data", place / "copy"
    use_store("fill", data)
    assert numbers(run_ok("backup", copy, "--data-dir", data)) == (1, 1001, 1001)
    assert numbers(run_ok("backup", copy, "--data-dir", data)) == (0, 0, 1001)
    use_store("fill", data)
    assert numbers(run_ok("backup", copy, "--data-dir", data)) == (1, 1000, 2001)
    out = check(copy)
    assert "snapshots   2, " in out
    assert ", 2001 records, 1 to 2001\n" in out


def test_the_copy_is_a_store(place):
    """The directory can be served as it is, should there be no time for a restore."""
    data, copy = place / "data", place / "copy"
    use_store("fill", data)
    run_ok("backup", copy, "--data-dir", data)
    with Server("--data-dir", copy) as server:
        assert "2000 items" in server.line
        assert server.stop()[0] == 0
    assert use_store("read", copy) == "1000\n"


def test_there_is_no_store(place):
    expect_failure(run("backup", "copy", cwd=place),
                   "tacos backup: there is no store in './tacos-data' (no file 'identity'): name "
                   "the data directory of a store, or start one there with 'tacos serve'\n")


def test_the_copy_of_another_store(place):
    for name in "a", "b":
        use_store("fill", place / name)
    run_ok("backup", "copy", "--data-dir", "a", cwd=place)
    expect_failure(run("backup", "copy", "--data-dir", "b", cwd=place),
                   "tacos backup: 'copy' holds another store or its backup: name a new directory\n")
    expect_failure(run("backup", "b", "--data-dir", "a", cwd=place),
                   "tacos backup: 'b' holds another store or its backup: name a new directory\n")
    assert use_store("read", place / "b") == "1000\n"
    check(place / "copy")


def test_onto_itself(place):
    use_store("fill", place)
    done = run("backup", place, "--data-dir", place)
    assert numbers(done.stdout)[:2] == (0, 0)
    assert use_store("read", place) == "1000\n"
    with Server("--data-dir", place):
        done = run("backup", place, "--data-dir", place)
        assert (done.returncode, done.stdout) == (1, "")
        assert "is in use by another process" in done.stderr


@pytest.mark.parametrize("sealed", [False, True])
def test_while_writing(place, sealed):
    """Everything acknowledged before the backup began is in the copy."""
    data, copy, new = place / "data", place / "copy", place / "new"
    key = ("c0ffee" + "0" * 58,) if sealed else ()
    options = []
    if sealed:
        (place / "key").write_text(*key, encoding="ascii")
        (place / "key").chmod(0o600)
        options = ["--key-file", place / "key"]
    with Writer(data, *key) as writer:
        for _ in range(3):
            before = writer.read_for(0.05)
            run_ok("backup", copy, "--data-dir", data, *options)
            check(copy, *options)
            check(data, *options)
        # The writer's pipe is full of what it was told meanwhile.
        assert writer.kill() > before
    run_ok("restore", copy, "--data-dir", new, *options)
    assert int(use_store("read", new, *key)) >= before
