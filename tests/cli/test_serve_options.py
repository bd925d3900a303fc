"""What `tacos serve` takes for an address, a number and a list, and what it says of others."""

import os

import pytest

from cli import Server, expect_failure, run

MOST_MIB = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGESIZE") // 4 * 3 >> 20


@pytest.mark.parametrize("words, message", [
    (["--listen", "8000"],
     "--listen: '8000' is no address with port: write it like 127.0.0.1:8000 or [::1]:8000"),
    (["--listen", "127.0.0.1"],
     "--listen: '127.0.0.1' is no address with port: write it like 127.0.0.1:8000 or [::1]:8000"),
    (["--listen", "127.0.0.1:"],
     "--listen: '127.0.0.1:' is no address with port: write it like 127.0.0.1:8000 or [::1]:8000"),
    (["--listen", "127.0.0.1:65536"],
     "--listen: '127.0.0.1:65536' is no address with port: write it like 127.0.0.1:8000 or "
     "[::1]:8000"),
    (["--listen", "127.0.0.1:-1"],
     "--listen: '127.0.0.1:-1' is no address with port: write it like 127.0.0.1:8000 or "
     "[::1]:8000"),
    (["--listen", "localhost:8000"],
     "--listen: 'localhost:8000' has no numeric address: write it like 127.0.0.1:8000 or "
     "[::1]:8000"),
    (["--listen", ":8000"],
     "--listen: ':8000' has no numeric address: write it like 127.0.0.1:8000 or [::1]:8000"),
    (["--listen", "::1:8000"],
     "--listen: '::1:8000' has no numeric address: write it like 127.0.0.1:8000 or [::1]:8000"),
    (["--listen", "[127.0.0.1]:8000"],
     "--listen: '[127.0.0.1]:8000' has no numeric address: write it like 127.0.0.1:8000 or "
     "[::1]:8000"),
    (["--operations-listen", "[::1:8001"],
     "--operations-listen: '[::1:8001' has no numeric address: write it like 127.0.0.1:8000 or "
     "[::1]:8000"),
    (["--reactors", "65"], "--reactors '65' is no number from 0 to 64"),
    (["--reactors", "two"], "--reactors 'two' is no number from 0 to 64"),
    (["--reactors", "-1"], "--reactors '-1' is no number from 0 to 64"),
    (["--connections", "10000001"], "--connections '10000001' is no number from 0 to 10000000"),
    (["--connections", "99999999999999999999"],
     "--connections '99999999999999999999' is no number from 0 to 10000000"),
    (["--connections-per-address", "1 "],
     "--connections-per-address '1 ' is no number from 0 to 10000000"),
    (["--drain-seconds", "1.5"], "--drain-seconds '1.5' is no number from 0 to 3600"),
    (["--join-rate", "-1"], "--join-rate '-1' is no number from 0 to 1000000"),
    (["--join-rate", "many"], "--join-rate 'many' is no number from 0 to 1000000"),
    (["--memory-ready", "16777216"],
     f"--memory-ready: three quarters of this machine's memory are {MOST_MIB} MiB"),
    (["--memory-ready", "1G"], "--memory-ready '1G' is no number from 0 to 16777216"),
    (["--room-capacity", "1023"], "--room-capacity: a queue has at least 1024 places"),
    (["--room-capacity", "0"], "--room-capacity: a queue has at least 1024 places"),
    (["--room-capacity", "16776193"], "--room-capacity '16776193' is no number from 0 to 16776192"),
    (["--tls", "yes"], "--tls 'yes' is unknown: 'self', or give --tls-cert and --tls-key"),
    (["--notification-url", "mail.example"],
     "--notification-url 'mail.example' is no URL for webhooks: write it like "
     "https://mail.example/tacos"),
    (["--notification-url", "ftp://mail.example/"],
     "--notification-url 'ftp://mail.example/' is no URL for webhooks: write it like "
     "https://mail.example/tacos"),
    (["--notification-url", "https:///tacos"],
     "--notification-url 'https:///tacos' is no URL for webhooks: write it like "
     "https://mail.example/tacos"),
    (["--notification-url", "http://a b/"],
     "--notification-url 'http://a b/' is no URL for webhooks: write it like "
     "https://mail.example/tacos"),
    (["--tls-cert", "c.pem"], "--tls-cert and --tls-key go together"),
    (["--tls-key", "k.pem"], "--tls-cert and --tls-key go together"),
    (["--tls", "self", "--tls-cert", "c.pem", "--tls-key", "k.pem"],
     "give --tls self or --tls-cert, not both"),
])
def test_what_is_refused(place, words, message):
    expect_failure(run("serve", *words, cwd=place),
                   f"tacos serve: {message}\n'tacos help serve' tells more.\n", status=2)
    assert list(place.iterdir()) == []


@pytest.mark.parametrize("option, value", [("--cors-origins", "shop.example"),
                                           ("--cors-origins", "https://shop.example/path"),
                                           ("--trusted-proxies", "10.0.0.0/33"),
                                           ("--trusted-proxies", "proxy.example")])
def test_lists_that_are_refused(place, option, value):
    done = run("serve", option, value, cwd=place)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"tacos serve: {option}: ")
    assert list(place.iterdir()) == []


def test_addresses(place):
    with Server("--data-dir", place, TACOS_LISTEN="[::1]:0",
                TACOS_OPERATIONS_LISTEN="0.0.0.0:0") as server:
        assert (server.host, server.operations_host) == ("[::1]", "0.0.0.0")
        assert server.get("/healthz", server.operations_port)[0] == 200
        assert server.stop()[0] == 0


def test_an_option_is_stronger_than_the_environment(place):
    with Server("--data-dir", place, "--listen", "0.0.0.0:0") as server:
        assert server.host == "0.0.0.0"
        assert server.stop()[0] == 0


def test_origins_and_proxies(place):
    with Server("--data-dir", place, "--cors-origins", "https://shop.example",
                "--trusted-proxies", "127.0.0.0/8") as server:
        _, headers, _ = server.get("/healthz", headers={"Origin": "https://shop.example",
                                                        "X-Tacos-Debug": "timing"})
        assert headers["access-control-allow-origin"] == "https://shop.example"
        assert headers["server-timing"].startswith("queue;dur=")
        _, headers, _ = server.get("/healthz", headers={"Origin": "https://evil.example"})
        assert headers["access-control-allow-origin"] is None
        assert server.stop()[0] == 0


def test_limits(place):
    with Server("--data-dir", place, "--connections-per-address", 0) as server:
        assert server.get("/healthz")[0] == 503
        assert server.stop()[0] == 0


def test_memory_is_ready_at_the_start(place):
    with Server("--data-dir", place, "--memory-ready", 64) as server:
        assert 64 << 20 < server.resident_bytes() < 128 << 20
        assert server.stop()[0] == 0


@pytest.mark.parametrize("rate, capacity", [(0, 1024), (1, 16776192), (1000000, 1000000)])
def test_queues(place, rate, capacity):
    with Server("--data-dir", place, "--join-rate", rate, "--room-capacity", capacity) as server:
        assert server.get("/healthz")[0] == 200
        assert server.stop()[0] == 0
