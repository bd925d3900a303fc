"""With threads for sockets: everything that crosses between them arrives, in order, once.

Most other tests of the door run in both modes; here is what only several threads can get wrong.
"""

import collections
import threading
import time

import pytest

from door import HELLO, Door, head_of, wait_until


@pytest.fixture(scope="module", params=[1, 2, 4])
def door(request):
    with Door(reactors=request.param) as server:
        yield server


def in_threads(count, work):
    """Runs work(i) in threads of their own; the first problem of any is raised here."""
    problems = []

    def run(i):
        try:
            work(i)
        except BaseException as problem:  # told to the test, whatever it is
            problems.append(problem)

    threads = [threading.Thread(target=run, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if problems:
        raise problems[0]


def test_replies_find_their_connection(door):
    def work(i):
        with door.client() as client:
            for j in range(20):
                client.send(head_of("POST", "/echo", X_Request_ID=f"{i}.{j}", Content_Length=6) +
                            f"{i:3}{j:3}".encode() +
                            head_of("GET", f"/later/{(i + j) % 5}", X_Request_ID=f"l{i}.{j}") +
                            head_of("POST", "/durable", X_Request_ID=f"d{i}.{j}",
                                    Content_Length=2) + b"{}")
                echo, late, durable = client.reply(), client.reply(), client.reply()
                assert (echo.get("x-request-id"), echo.body) == (f"{i}.{j}",
                                                                 f"{i:3}{j:3}".encode())
                assert (late.get("x-request-id"), late.body) == (f"l{i}.{j}", HELLO)
                assert (durable.get("x-request-id"), durable.status) == (f"d{i}.{j}", 201)
    in_threads(16, work)


def test_more_requests_than_the_rings_hold(door):
    """Each connection has one under way: so many connections."""
    clients = [door.client() for _ in range(1500)]
    for client in clients:
        client.send(head_of("GET", "/later/100") + head_of("GET", "/hello"))
    for client in clients:
        assert client.reply().body == HELLO
        assert client.reply().body == HELLO
        client.close()
    assert wait_until(lambda: door.open_connections() == 0)


def test_numbers_are_summed(door):
    before = door.metrics()
    for _ in range(60):
        with door.client() as client:
            assert client.ask("GET", "/size/10").status == 200
            assert client.ask("GET", "/nowhere").status == 404
    after = door.metrics()

    def grown(name):
        return after[name] - before.get(name, 0)

    sample = 'tacos_http_request_duration_seconds_count{endpoint="http",method="%s",' \
             'route="%s",status="%d"}'
    assert grown(sample % ("GET", "/size/{bytes}", 200)) == 60
    assert grown(sample % ("any", "none", 404)) == 60
    assert grown('tacos_net_refusals_total{reason="not_found"}') == 60
    assert grown("tacos_net_connections_opened_total") >= 60


def test_connections_are_spread():
    """All threads get some: with one alone the limit of its part would be met at once."""
    with Door(reactors=4, connections=40) as door:
        clients = [door.client() for _ in range(40)]
        statuses = collections.Counter()
        for client in clients:
            client.send(head_of("GET", "/hello"))
            statuses[client.reply().status] += 1
            client.close()
        assert statuses[200] > 20


def test_clients_that_leave_in_the_middle(door):
    def work(i):
        for j in range(30):
            client = door.client()
            client.send(head_of("GET", f"/later/{j % 4}") + head_of("GET", "/size/300000") +
                        head_of("POST", "/echo", Content_Length=1000) + b"x" * 500)
            if (i + j) % 2 == 0:
                client.reset()
            else:
                client.close()
    in_threads(8, work)
    assert wait_until(lambda: door.open_connections() == 0)
    with door.client() as client:
        assert client.ask("GET", "/hello").status == 200


def test_idle_costs_nothing(door):
    time.sleep(0.1)
    before = door.cpu_seconds()
    time.sleep(0.5)
    assert door.cpu_seconds() - before <= 0.03


def test_stops_in_the_middle_of_everything():
    """Nothing is left behind, whatever was under way (the server checks that itself)."""
    for delay in 0, 0.01, 0.05:
        with Door(reactors=2, drain_ms=100) as door:
            clients = [door.client() for _ in range(100)]
            for i, client in enumerate(clients):
                client.send((head_of("GET", "/later/20"), head_of("GET", "/events"),
                             head_of("GET", "/size/20000000"), head_of("GET", "/later/60000"),
                             head_of("POST", "/durable", Content_Length=2) + b"{}",
                             head_of("POST", "/publish", Content_Length=9) + b"data: x\n\n",
                             b"GET /he")[i % 7])
            time.sleep(delay)
            assert door.end() == 0, door.log()
            for client in clients:
                client.close()
