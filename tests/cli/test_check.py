"""tacos check: says what is there, and finds what is wrong with file and offset."""

import re

from cli import INSTANT, Server, check, expect_failure, run, use_store


def damage(path, offset):
    content = bytearray(path.read_bytes())
    content[offset] ^= 0x10
    path.write_bytes(content)


def contents(place):
    return {path.name: path.read_bytes() for path in place.iterdir()}


def test_what_it_prints(place):
    use_store("fill", place)
    before = contents(place)
    out = check(place)
    assert re.fullmatch(r"snapshots   1, 2002 records\n"
                        r"log         1 segments, 1001 records, 1 to 1001\n"
                        r"images      4002\n"
                        rf"restorable  {INSTANT} to {INSTANT}\n"
                        r"nothing wrong\n", out)
    assert contents(place) == before


def test_while_serving(place):
    with Server("--data-dir", place) as server:
        assert "7 records, 1 to 7\n" in check(place)
        assert server.stop()[::2] == (0, "")


def test_each_finding_has_file_and_offset(place):
    use_store("fill", place)
    use_store("fill", place)
    segments = sorted(place.glob("*.seg"))
    snapshots = sorted(place.glob("*.snap"))
    assert (len(segments), len(snapshots)) == (2, 2)
    damage(segments[0], 70000)
    damage(segments[1], 20)
    damage(snapshots[0], 5000)
    before = contents(place)
    done = run("check", place)
    assert done.returncode == 1
    assert contents(place) == before
    findings = done.stderr.splitlines()
    assert findings[0] == (f"tacos check: {snapshots[0]} at offset 4096: a frame is damaged")
    assert re.match(rf"tacos check: {segments[0]} at offset \d+: records are missing here, the "
                    r"next segment begins with sequence 1002 \(sequence \d+\)$", findings[1])
    assert findings[2].startswith(f"tacos check: {segments[1]}")
    assert len(findings) == 3
    assert done.stdout.splitlines()[-1] == "findings    3"
    assert done.stdout.startswith("snapshots   1, ")


def test_a_log_that_lost_its_beginning(place):
    use_store("fill", place)
    use_store("fill", place)
    (place / "log-0000000000000001.seg").unlink()
    done = run("check", place)
    snapshot = sorted(place.glob("*.snap"))[0]
    assert done.returncode == 0, done.stderr
    assert f"{int(snapshot.stem[-16:], 16) + 1} to 2001\n" in done.stdout
    (place / snapshot.name).unlink()
    done = run("check", place)
    assert done.returncode == 0, done.stderr
    sorted(place.glob("*.snap"))[0].unlink()
    expected = (f"tacos check: the log in {place} begins with record 1002, and no undamaged "
                "snapshot reaches it: restore from a backup\n")
    done = run("check", place)
    assert (done.returncode, done.stderr) == (1, expected)
    assert done.stdout.splitlines()[-2:] == ["restorable  nothing", "findings    1"]


def test_no_store(place):
    for directory in place, place / "missing", place / "file":
        (place / "file").write_text("x", encoding="ascii")
        done = run("check", directory)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("tacos check: ")
        assert str(directory) in done.stderr


def test_an_unreadable_identity(place):
    use_store("fill", place)
    damage(place / "identity", 20)
    done = run("check", place)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"tacos check: {place}/identity")
    (place / "identity").write_bytes(b"")
    expected = f"tacos check: {place}/identity"
    assert run("check", place).stderr.startswith(expected)


def test_a_newer_format(place):
    use_store("fill", place)
    segment = place / "log-0000000000000001.seg"
    content = bytearray(segment.read_bytes())
    content[8] = 2
    segment.write_bytes(content)
    done = run("check", place)
    assert done.returncode == 1
    assert str(segment) in done.stderr.splitlines()[0]
    expect_failure(run("serve", "--data-dir", place),
                   done.stderr.splitlines()[0].replace("check", "serve") + "\n")
