"""The key file: both forms, and everything that is none."""

import pytest

from cli import TABLES_IN_ALL, Server, check, expect_failure, run, run_ok

KEY = bytes(range(0xA0, 0xC0))
FORMS = [KEY, KEY.hex().encode(), KEY.hex().upper().encode(), KEY.hex().encode() + b"\n",
         KEY.hex().encode() + b"\r\n"]


def write_key(place, content, mode=0o600):
    path = place / "key"
    path.unlink(missing_ok=True)
    path.write_bytes(content)
    path.chmod(mode)
    return path


def test_all_forms_are_one_key(place):
    data = place / "data"
    with Server("--data-dir", data, "--key-file", write_key(place, KEY)) as server:
        assert server.stop() == (0, "tacos serve: stopped, everything is on disk\n", "")
    for form in FORMS:
        check(data, "--key-file", write_key(place, form))
        check(data, "--key-file", write_key(place, form, 0o400))


@pytest.mark.parametrize("content", [
    b"", b"x", KEY[:31], KEY + b"x", KEY.hex().encode()[:63], KEY.hex().encode() + b"0",
    KEY.hex().encode() + b"\n\n", b"g" + KEY.hex().encode()[1:], b"k" * 100000])
def test_what_is_no_key(place, content):
    key = write_key(place, content)
    for words in ["serve"], ["backup", "copy"], ["restore", "copy"], ["check", "copy"]:
        done = run(*words, "--key-file", key, cwd=place)
        expect_failure(done, f"tacos {words[0]}: {key} is no key file: 32 bytes or 64 hex digits, "
                             "as 'tacos keygen' makes it\n")
    assert [path.name for path in place.iterdir()] == ["key"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o601, 0o660, 0o700, 0o4600])
def test_a_key_that_others_may_read_is_refused(place, mode):
    key = write_key(place, KEY, mode)
    expect_failure(run("serve", "--key-file", key, cwd=place),
                   f"tacos serve: the key file {key} has mode {mode:04o}, others may be able to "
                   f"read it: run chmod 600 {key}\n")
    key.chmod(0o600)
    expect_failure(run("check", place, "--key-file", key),
                   f"tacos check: there is no store in '{place}' (no file 'identity'): name the "
                   "data directory of a store, or start one there with 'tacos serve'\n")


def test_no_file_at_all(place):
    expect_failure(run("serve", "--key-file", "missing", cwd=place),
                   "tacos serve: cannot open the key file missing: No such file or directory\n")
    expect_failure(run("serve", TACOS_KEY_FILE="missing", cwd=place),
                   "tacos serve: cannot open the key file missing: No such file or directory\n")
    expect_failure(run("serve", "--key-file", ".", cwd=place),
                   "tacos serve: . is not a file: name the key file\n")


def test_sealed_stores_need_their_key(place):
    run_ok("keygen", "key", cwd=place)
    run_ok("keygen", "other", cwd=place)
    data, copy = place / "data", place / "copy"
    sealed = ["--data-dir", data, "--key-file", "key"]
    with Server(*sealed, cwd=place) as server:
        assert server.stop()[0] == 0
    run_ok("backup", copy, *sealed, cwd=place)
    for key in [], ["--key-file", "other"]:
        wanted = "needs the key" if not key else "key"
        for words in (["serve", "--data-dir", data], ["check", data], ["check", copy],
                      ["backup", place / "copy2", "--data-dir", data],
                      ["restore", copy, "--data-dir", place / f"new{len(key)}"]):
            done = run(*words, *key, cwd=place)
            assert (done.returncode, done.stdout) == (1, ""), done
            assert done.stderr.startswith(f"tacos {words[0]}: {place}/")
            assert "key" in done.stderr and wanted
            assert (place / "key").read_text(encoding="ascii").strip() not in done.stderr
    # Nothing of it was harmed, and the environment works as well.
    check(data, "--key-file", place / "key")
    with Server("--data-dir", data, TACOS_KEY_FILE=str(place / "key")) as server:
        assert f"{TABLES_IN_ALL} tables (0 new)" in server.line
        assert server.stop()[0] == 0


def test_a_sealed_store_shows_nothing(place):
    run_ok("keygen", "key", cwd=place)
    for name, key in ("plain", []), ("sealed", ["--key-file", "key"]):
        with Server("--data-dir", name, *key, cwd=place) as server:
            assert server.stop()[0] == 0
        content = b"".join(path.read_bytes() for path in (place / name).iterdir()
                           if path.is_file())
        assert (b"ticket-users" in content) == (name == "plain")
