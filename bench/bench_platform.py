#!/usr/bin/python3
"""The rows of docs/benchmarks.md that are about the whole platform: `tacos serve` against nginx.

    bench/bench_platform.py [row ...]

    rows: status join memory availability reserve postgresql growth hotseat journey polling onsale
          generator start
    BENCH_SECONDS=N: of one round of one side, 4 unless set; the on-sale lasts 15 times as long

Prints Markdown; tools/bench puts it in its place. Servers run on core 0, clients on core 1. Runs in
the root of the repository, where build/tacos is.
"""
import http.client
import json
import os
import re
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "api"))
sys.path.insert(0, str(Path(__file__).resolve().parent))
import platform_api  # noqa: E402
import peer_postgresql  # noqa: E402
import peer_redis  # noqa: E402

platform_api.DESCRIPTION = None  # replies are measured here, not checked

ROUNDS = 5
SECONDS = int(os.environ.get("BENCH_SECONDS", "4"))
CONNECTIONS = 64
SERVER_CORE, LOAD_CORE = "0", "1"
SEATS_IN_ROW, SEATS = 100, 50000
BUYERS = 20000
WAITERS = 1000000
MEMORY_READY_MIB = 3072  # what a host takes to hand out memory is not the server's time
SERVERS_OWN_DESCRIPTORS = 256  # of `tacos serve`: the rest is for connections
TICK_S = 1 / os.sysconf("SC_CLK_TCK")

ROUND_ROWS = {}  # name -> function


def row(function):
    ROUND_ROWS[function.__name__.removeprefix("row_")] = function
    return function


# ---- figures ----

def figure(value):
    return f"{value:.2f}" if value < 100 else f"{value:,.0f}"


def text(series):
    if len(series) == 1:
        return figure(series[0])
    return f"{figure(statistics.median(series))} ({figure(min(series))} - {figure(max(series))})"


def print_row(what, measured, peer="", ratio="", bar="", reached=None):
    verdict = "" if reached is None else "reached" if reached else "**missed**"
    print(f"| {what} | {measured} | {peer} | {ratio} | {bar} | {verdict} |", flush=True)


def print_raw(what, series):
    print(f"raw {what:<52} " + " ".join(figure(value) for value in series), flush=True)


# ---- processes ----

def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]



def cpu_s(pid):
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) * TICK_S


def resident_bytes(pid):
    return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * 4096


def bind(pid, core):
    subprocess.run(["taskset", "-a", "-p", "-c", core, str(pid)], check=True,
                   stdout=subprocess.DEVNULL)


class Nginx:
    """The peer: `return 200` of given bytes for each of some paths."""

    def __init__(self, directory, replies):
        self.directory = directory
        self.port = free_port()
        locations = "".join(
            f"location = {path} {{ default_type 'application/json; charset=utf-8'; "
            f"return 200 '{body}'; }}\n" for path, body in replies.items())
        temporary = "".join(f"{kind}_temp_path {directory}/{kind};\n" for kind in
                            ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        (directory / "nginx.conf").write_text(
            f"daemon off; worker_processes 1; pid {directory}/nginx.pid; "
            f"error_log {directory}/nginx.log;\nevents {{ worker_connections 4096; }}\n"
            f"http {{ access_log off; keepalive_requests 4000000000; keepalive_timeout 600s;\n"
            f"{temporary}server {{ listen 127.0.0.1:{self.port}; {locations} }} }}\n",
            encoding="utf-8")
        self.process = subprocess.Popen(
            ["taskset", "-c", SERVER_CORE, "nginx", "-c", str(directory / "nginx.conf"),
             "-e", "stderr"], stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 5
        while True:
            try:
                http.client.HTTPConnection("127.0.0.1", self.port).connect()
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        self.worker = int(children.read_text(encoding="ascii").split()[0])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()


DONE = """
function done(summary)
  local e = summary.errors
  io.write(string.format('figures %d %d %d %d\\n', summary.duration, summary.requests,
    e.connect + e.read + e.write + e.timeout, e.status))
end
"""


def wrk(port, path, script, seconds=None, refused=False):
    """Requests a second and their number; any error, and any refusal unless expected, ends it."""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        file.write(script + DONE)
        file.flush()
        output = subprocess.run(
            ["taskset", "-c", LOAD_CORE, "wrk", "-t1", f"-c{CONNECTIONS}",
             f"-d{seconds or SECONDS}s", "-s", file.name, f"http://127.0.0.1:{port}{path}"],
            capture_output=True, text=True, check=True).stdout
    us, requests, errors, refusals = map(
        int, re.search(r"figures (\d+) (\d+) (\d+) (\d+)", output).groups())
    if errors > 0 or (refusals > 0 and not refused):
        sys.exit(f"wrk: {errors} errors, {refusals} refusals of {path}\n{output}")
    return requests * 1e6 / us, requests


# ---- the platform ----

def stadium(event_id, buyer_limit, seats):
    rows = [{"row": str(row + 1), "seats": SEATS_IN_ROW} for row in range(seats // SEATS_IN_ROW)]
    return platform_api.EVENT | {
        "event_id": event_id, "max_per_buyer": buyer_limit,
        "sections": [{"id": "A", "name": "Stalls", "price": 99000, "rows": rows}]}


class Server:
    """`tacos serve` on core 0, with limits that never bind."""

    def __init__(self, *words, events=1, buyer_limit=10, seats=SEATS, memory_ready_mib=MEMORY_READY_MIB,
                 **variables):
        self.ids = [f"evt_{number}" for number in range(events)]
        self.platform = platform_api.Platform(
            "--address-rate", "0", "--join-rate", "0", "--connections-per-address", "100000",
            "--memory-ready", str(memory_ready_mib), *words,
            events=[stadium(one, buyer_limit, seats) for one in self.ids], TACOS_USER_RATE="0", **variables)

    def __enter__(self):
        self.platform.__enter__()
        self.pid = self.platform.server.process.pid
        bind(self.pid, SERVER_CORE)
        self.port = self.platform.port
        self.settle()
        return self

    def metric(self, name):
        connection = http.client.HTTPConnection("127.0.0.1", self.platform.operations_port)
        connection.request("GET", "/metrics")
        page = connection.getresponse().read().decode()
        connection.close()
        return float(re.search(rf"^{name}(?:{{[^}}]*}})? (\d+)", page, re.M).group(1))

    def settle(self):
        """
        Waits until what follows from earlier requests is done: events told, messages worked off.
        After an import that is long before the sale opens.
        """
        made = -1
        while made != (now := self.metric("tacos_store_transactions_total")):
            made = now
            time.sleep(1)

    def __exit__(self, *_):
        self.platform.__exit__()

    def tokens(self, file):
        now = int(time.time())
        secret = self.platform.secret("jwt")
        with open(file, "w", encoding="ascii") as to:
            for number in range(BUYERS):
                name = f"buyer{number}"
                to.write(platform_api.sign(
                    {"sub": name, "user_id": name, "username": name, "role": "user", "iat": now,
                     "exp": now + 86400, "iss": "traffic-tacos", "aud": "traffic-tacos-api"},
                    secret) + "\n")

    def wait(self, event_id, **settings):
        """The event's queue is on, and lets in nobody but a few."""
        settings = {"mode": "waiting", "admit_per_second": 1, "max_shoppers": 1} | settings
        self.platform.admin().ok("PUT", f"/api/v1/admin/events/{event_id}/room", settings)


def compare(name, what, unit, sides, bar=None, prepare=None):
    """
    Both sides in turn. sides: [(pid, function of the round -> (figure, requests)), ...], ours
    first. The first round warms up.
    """
    figures, cpu_us, busy = [[], []], [[], []], [[], []]
    for number in range(ROUNDS + 1):
        if prepare is not None:
            prepare(number)
        for side, (pid, run) in enumerate(sides):
            cpu, begin = cpu_s(pid), time.monotonic()
            measured, requests = run(number)
            used, took = cpu_s(pid) - cpu, time.monotonic() - begin
            if number > 0:
                figures[side].append(measured)
                cpu_us[side].append(used * 1e6 / requests)
                busy[side].append(100 * used / took)
    ratios = [ours / theirs for ours, theirs in zip(*figures)]
    if bar is None:
        print_row(what, text(figures[0]), text(figures[1]), text(ratios))
    else:
        print_row(what, text(figures[0]), text(figures[1]), text(ratios), f"{bar} x nginx",
                  statistics.median(ratios) >= bar)
    for side, of in ((0, ""), (1, ", nginx")):
        print_raw(f"{name}: {unit}{of}", figures[side])
        print_raw(f"{name}: server's CPU per request, us{of}", cpu_us[side])
        print_raw(f"{name}: of the core, percent{of}", busy[side])


def against_nginx(server, name, what, path, script, bar, directory, body=None, **more):
    """One request under wrk; nginx answers the same path with the bytes of `body`."""
    with Nginx(directory, {path: body}) as nginx:
        compare(name, what, "per second",
                [(server.pid, lambda number: wrk(server.port, path, script(number), **more)),
                 (nginx.worker, lambda number: wrk(nginx.port, path, script(number), **more))], bar)


# ---- rows ----

def lines_of(file):
    return f"local lines = {{}}\nfor l in io.lines('{file}') do lines[#lines + 1] = l end\n"


def take_places(client, event, file):
    """A thousand people in line; their tokens, also in the file."""
    tokens = [client.ok("POST", "/api/v1/queue/join", {"event_id": event}, 202)["waiting_token"]
              for _ in range(1000)]
    file.write_text("\n".join(tokens) + "\n", encoding="ascii")
    return tokens


def status_script(file):
    return lines_of(file) + """
local n = 0
request = function()
  n = n + 1
  return wrk.format('GET', '/api/v1/queue/status?token=' .. lines[n % #lines + 1])
end
"""


@row
def row_status(directory):
    with Server() as server:
        event = server.ids[0]
        server.wait(event)
        client = server.platform.client()
        tokens = take_places(client, event, directory / "tokens")
        path = "/api/v1/queue/status"
        body = client.request("GET", f"{path}?token={tokens[500]}").body.decode()
        script = status_script(directory / "tokens")
        against_nginx(server, "status", "GET queue/status, valid token, per second", path,
                      lambda number: script, 0.80, directory, body)


@row
def row_join(directory):
    with Server("--room-capacity", "16000000") as server:
        event = server.ids[0]
        server.wait(event)
        path = "/api/v1/queue/join"
        body = server.platform.client().request("POST", path, {"event_id": event}).body.decode()

        against_nginx(server, "join", "POST queue/join, a new place each, durable, per second",
                      path, lambda number: join_script(event, number << 24), 0.60, directory, body)


def join_script(event, first):
    """New people each time: from this number on."""
    return f"""
local n = {first}
local fields = {{['Content-Type'] = 'application/json'}}
request = function()
  n = n + 1
  fields['Idempotency-Key'] = string.format('%08x-1111-4111-8111-%012x', n, n)
  return wrk.format('POST', '/api/v1/queue/join', fields, '{{"event_id":"{event}"}}')
end
"""


def fill_line(server, count):
    joined = 0
    while joined < count:
        joined += wrk(server.port, "/api/v1/queue/join", join_script(server.ids[0], joined), 1)[1]
    return joined


@row
def row_memory(_):
    """Resident memory and start of a room with a million waiters."""
    if peer_redis.program() is None:
        sys.exit("bench_platform.py: Redis is not installed: tools/deps.sh bench")
    redis = peer_redis.bytes_of_a_waiter(WAITERS // 10)
    with Server("--room-capacity", "2000000", memory_ready_mib=0) as server:
        server.wait(server.ids[0])
        before = resident_bytes(server.pid)
        fill_line(server, WAITERS)
        room = server.metric("tacos_room_memory_bytes")
        waiting = server.metric("tacos_room_waiting")
        grown = resident_bytes(server.pid) - before
        print_row(f"memory of a waiter, {figure(waiting)} waiting, bytes: the room; with the store's "
                  "copy and all else by which the process grew",
                  f"{room / waiting:.1f}; {grown / waiting:.1f}",
                  f"{redis:.0f} in Redis, two sorted sets; 210 - 235 published",
                  f"{grown / waiting / redis:.2f}",
                  "16 MiB a million", grown / waiting * 1e6 < 16 * 2**20)
        server.platform.stop()
        begin = time.monotonic()
        server.platform.start()
        print_row("start with them, from exec to the first answer, s",
                  figure(time.monotonic() - begin), "", "", "under 1",
                  time.monotonic() - begin < 1)


# Of reservations: more than 25,000 a second would need more seats than a round's events have.
EVENTS_A_ROUND = 3
RESERVE_SECONDS = max(1, SECONDS * 3 // 4)
RESERVE = """
local n = %d
local events = {%s}
local fields = {['Content-Type'] = 'application/json'}
request = function()
  n = n + 1
  local seat = (n - 1) * 2 %% %d
  local row = math.floor(seat / 100) + 1
  fields['Authorization'] = 'Bearer ' .. lines[n %% #lines + 1]
  fields['Idempotency-Key'] = string.format('%%08x-%04x-4111-8111-%%012x', n, n)
  return wrk.format('POST', '/api/v1/reservations', fields, string.format(
    '{"event_id":"%%s","seat_ids":["A-%%d-%%d","A-%%d-%%d"]}',
    events[math.floor((n - 1) * 2 / %d) + 1], row, seat %% 100 + 1, row, seat %% 100 + 2))
end
"""


def pairs_script(ids, number, first=0, seats=SEATS):
    """Each pair of seats of the events once, from the pair `first` on."""
    return RESERVE % (first, ", ".join(f"'{one}'" for one in ids), seats, number + 1, seats)


def reserve_script(server, number):
    return pairs_script(server.ids[EVENTS_A_ROUND * number:EVENTS_A_ROUND * (number + 1)], number)


@row
def row_reserve(directory):
    # Events for each round: the 25,000 pairs of seats of one are gone in some seconds.
    with Server(events=EVENTS_A_ROUND * (ROUNDS + 1)) as server:
        server.tokens(directory / "jwts")
        tokens = lines_of(directory / "jwts")
        path = "/api/v1/reservations"
        body = ('{"reservation_id":"rsv_01M8EDC8Z0CZHKCPS8TJ5PX18J","status":"PENDING","event_id":'
                '"evt_0","user_id":"buyer1","seat_ids":["A-1-1","A-1-2"],"quantity":2}')

        against_nginx(server, "reserve", "POST reservations, 2 seats of 50,000, durable, per second",
                      path, lambda number: tokens + reserve_script(server, number), 0.30, directory,
                      body, seconds=RESERVE_SECONDS)


@row
def row_postgresql(directory):
    """The reservation again, beside the same transaction in PostgreSQL."""
    if peer_postgresql.programs() is None:
        sys.exit("bench_platform.py: PostgreSQL is not installed: tools/deps.sh bench")
    rounds = ROUNDS + 1
    with Server(events=EVENTS_A_ROUND * rounds) as server, \
            peer_postgresql.PostgreSQL(SERVER_CORE, rounds) as postgresql:
        server.tokens(directory / "jwts")
        tokens = lines_of(directory / "jwts")
        ours, theirs = [], []
        for number in range(rounds):
            ours.append(wrk(server.port, "/api/v1/reservations",
                            tokens + reserve_script(server, number), RESERVE_SECONDS)[0])
            server.settle()
            theirs.append(postgresql.reserve(number, CONNECTIONS, RESERVE_SECONDS, LOAD_CORE)[0])
            time.sleep(1)  # what either still has to write is not charged to the other
        ours, theirs = ours[1:], theirs[1:]
        ratios = [one / other for one, other in zip(ours, theirs)]
        print_row("the same beside PostgreSQL, prepared, synchronous_commit=on, 64 clients, per second",
                  text(ours), text(theirs), text(ratios), "8 x PostgreSQL",
                  statistics.median(ratios) >= 8)
        print_raw("reserve: per second, in PostgreSQL's rounds", ours)
        print_raw("reserve: per second, PostgreSQL", theirs)


POLLING_ROUNDS = 3
GROWTH = 10
GROWTH_SEATS = 20000  # an event has 200,000 seats at most
LOG_N = 0.8  # log 20,000 / log 200,000 is 0.81, log 100,000 / log 1,000,000 is 0.83


def grow(name, what, small, large):
    """Two of ours in turn, on the data of the row and on ten times as much."""
    figures = [], []
    for number in range(ROUNDS + 1):
        for side, run in enumerate((large, small)):
            measured = run(number)
            if number > 0:
                figures[side].append(measured)
    ratios = [ten / one for ten, one in zip(*figures)]
    print_row(what, text(figures[0]), text(figures[1]) + " with a tenth", text(ratios),
              "no less than log n: 0.8", statistics.median(ratios) >= LOG_N)
    print_raw(f"{name}: per second, with ten times the data", figures[0])
    print_raw(f"{name}: per second", figures[1])


@row
def row_growth(directory):
    """Each figure with ten times the data: seats of an event, people in line."""
    rounds = ROUNDS + 1
    few, many = WAITERS // GROWTH, WAITERS
    with Server("--room-capacity", "4000000", events=EVENTS_A_ROUND * rounds,
                seats=GROWTH_SEATS) as small, \
            Server("--room-capacity", "8000000", events=2, seats=GROWTH * GROWTH_SEATS) as large:
        small.tokens(directory / "small-jwts")
        large.tokens(directory / "large-jwts")
        jwts = lines_of(directory / "small-jwts"), lines_of(directory / "large-jwts")

        def reserve(server, script):
            return lambda number: wrk(server.port, "/api/v1/reservations", script(number), 1)[0]
        pairs = EVENTS_A_ROUND * GROWTH_SEATS // 2  # of a round
        grow("growth, reserve", "POST reservations, 2 seats of 200,000",
             reserve(small, lambda number: jwts[0] + pairs_script(
                 small.ids[EVENTS_A_ROUND * number:], number, 0, GROWTH_SEATS)),
             reserve(large, lambda number: jwts[1] + pairs_script(
                 large.ids, number, pairs * number, GROWTH * GROWTH_SEATS)))
        for server, people in ((small, few), (large, many)):
            server.wait(server.ids[0])
            fill_line(server, people)
            take_places(server.platform.client(), server.ids[0], directory / f"{people}")

        def ask(server, path, script):
            return lambda number: wrk(server.port, path, script(number), 1)[0]
        for name, what, path, scripts in (
                ("growth, status", "GET queue/status, a million people in line",
                 "/api/v1/queue/status",
                 [lambda _: status_script(directory / f"{few}"),
                  lambda _: status_script(directory / f"{many}")]),
                ("growth, join", "POST queue/join, a million people in line", "/api/v1/queue/join",
                 [lambda number: join_script(small.ids[0], (number + 1) << 24),
                  lambda number: join_script(large.ids[0], (number + 1) << 24)]),
                ("growth, availability", "GET events/{id}/availability, 200,000 seats",
                 f"/api/v1/events/{small.ids[0]}/availability", [lambda _: ""] * 2)):
            grow(name, what, ask(small, path, scripts[0]), ask(large, path, scripts[1]))


@row
def row_hotseat(directory):
    with Server(events=ROUNDS + 1) as server:
        server.tokens(directory / "jwts")
        tokens = lines_of(directory / "jwts")
        path = "/api/v1/reservations"
        body = ('{"error":{"code":"INVENTORY_CONFLICT","message":"some of these seats are taken",'
                '"trace_id":"01M8EDG13SRR6VZ4VR182SGV0T","details":{"unavailable_seats":["A-1-1"],'
                '"alternative_seats":["A-1-2"]}}}')

        def script(number):
            return tokens + """
local n = 0
local fields = {['Content-Type'] = 'application/json'}
request = function()
  n = n + 1
  fields['Authorization'] = 'Bearer ' .. lines[n %% #lines + 1]
  fields['Idempotency-Key'] = string.format('%%08x-%04x-4222-8111-%%012x', n, n)
  return wrk.format('POST', '/api/v1/reservations', fields,
    '{"event_id":"%s","seat_ids":["A-1-1"]}')
end
""" % (number + 1, server.ids[number])
        against_nginx(server, "hot seat", "64 clients on one seat: refusals, per second", path,
                      script, 0.50, directory, body, refused=True)
        report = server.platform.admin()
        won = [report.ok("GET", f"/api/v1/events/{one}/availability")["total"] -
               report.ok("GET", f"/api/v1/events/{one}/availability")["remaining"]
               for one in server.ids]
        print_row("the same: who got the seat, in each round", ", ".join(map(str, won)), "", "",
                  "exactly 1", won == [1] * len(won))


@row
def row_availability(directory):
    with Server() as server:
        server.tokens(directory / "jwts")
        event = server.ids[0]
        path = f"/api/v1/events/{event}/availability"
        body = server.platform.client().request("GET", path).body.decode()
        connection = http.client.HTTPConnection("127.0.0.1", server.port)
        jwts = (directory / "jwts").read_text(encoding="ascii").split()
        sold = 0

        def sell(_):
            """Some sales before each round, so that every round has another answer."""
            nonlocal sold
            for _ in range(50):
                connection.request("POST", "/api/v1/reservations", json.dumps(
                    {"event_id": event, "quantity": 2}), {
                        "Content-Type": "application/json", "Idempotency-Key": str(uuid.uuid4()),
                        "Authorization": f"Bearer {jwts[sold]}"})
                reply = connection.getresponse()
                reply.read()
                assert reply.status == 201, reply.status
                sold += 1
        with Nginx(directory, {path: body}) as nginx:
            compare("availability", "GET events/{id}/availability, 50,000 seats, per second",
                    "per second",
                    [(server.pid, lambda number: wrk(server.port, path, "")),
                     (nginx.worker, lambda number: wrk(nginx.port, path, ""))], 0.70, sell)


def load(server, name, directory, *words):
    """The figures of one run of `tacos load` on core 1."""
    result = directory / "load.json"
    done = subprocess.run(
        ["taskset", "-c", LOAD_CORE, "build/tacos", "load", str(name), "--target",
         f"http://127.0.0.1:{server.port}", "--data-dir", str(server.platform.data), "--json",
         str(result), *words], capture_output=True, text=True, check=False)
    if not result.exists():
        sys.exit(f"tacos load {name}: {done.stderr}")
    return json.loads(result.read_text(encoding="utf-8"))


def step(name, method, path, body=None, **more):
    headers = {"Authorization": "Bearer ${token}"}
    if method == "POST":
        headers["Idempotency-Key"] = "${uuid}"
    step_of = {"name": name, "method": method, "path": "/api/v1/" + path, "headers": headers}
    return step_of | ({"body": body} if body is not None else {}) | more


JOURNEY_REQUESTS = 9


def journey(seconds):
    """Join, status three times, enter, availability, reserve, intent, approve and confirm."""
    status = [step(f"status {number}", "GET", "queue/status?token=${waiting}")
              for number in (1, 2)]
    return {
        "about": "The whole way to a ticket, without a pause.",
        "stages": [{"virtual_users": CONNECTIONS, "seconds": seconds}],
        "reconcile": True,
        "scenarios": [{"name": "buyer", "order": "order", "steps": [
            step("join", "POST", "queue/join", {"event_id": "${event}"}, expect=[202],
                 take={"waiting": "waiting_token"}),
            *status,
            step("enter", "POST", "queue/enter", {"waiting_token": "${waiting}"},
                 take={"pass": "reservation_token"}),
            step("availability", "GET", "events/${event}/availability"),
            step("reserve", "POST", "reservations",
                 {"event_id": "${event}", "quantity": 2, "reservation_token": "${pass}"},
                 expect=[201], end_on=["BUYER_LIMIT", "SOLD_OUT"],
                 take={"reservation": "reservation_id", "amount": "total_amount.amount"}),
            step("intent", "POST", "payments/intent",
                 {"reservation_id": "${reservation}", "amount": "${json amount}",
                  "scenario": "approve"}, take={"intent": "payment_intent_id"}),
            step("approve", "POST", "payments/process", {"payment_intent_id": "${intent}"}),
            step("confirm", "POST", "reservations/${reservation}/confirm", {},
                 take={"order": "order_id"}),
        ]}]}


@row
def row_journey(directory):
    scenario = directory / "journey.json"
    scenario.write_text(json.dumps(journey(SECONDS)), encoding="utf-8")
    path = "/api/v1/queue/status"
    body = '{"status":"waiting","position":12345,"eta_sec":420,"waiting_time":17}'
    with Server(events=ROUNDS + 1) as server, Nginx(directory, {path: body}) as nginx:
        books = []

        def run(number):
            figures = load(server, scenario, directory, "--event", server.ids[number], "--users",
                           str(BUYERS), "--seed", str(number + 1))
            assert figures["errors"] == 0, figures["first_unexpected"]
            books.append(figures["accounts"]["good"])
            finished = next(one["succeeded"] for one in figures["steps"]
                            if one["name"] == "confirm")
            per_s = finished * JOURNEY_REQUESTS / figures["total_seconds"]
            return per_s, figures["requests"]
        compare("journey", "whole journeys, 9 requests each, in requests per second", "per second",
                [(server.pid, run), (nginx.worker, lambda number: wrk(nginx.port, path, ""))], 0.45)
        print_row("the same: the books are right, in so many of the rounds",
                  f"{sum(books)} of {len(books)}", "", "", "all", all(books))


@row
def row_generator(directory):
    """`tacos load` and wrk in turn against the same nginx: rate, CPU and what they report."""
    path = "/api/v1/queue/status"
    scenario = directory / "get.json"
    scenario.write_text(json.dumps({
        "about": "One GET.", "stages": [{"virtual_users": CONNECTIONS, "seconds": SECONDS}],
        "scenarios": [{"name": "get", "steps": [{"name": "get", "path": path}]}]}), encoding="utf-8")
    names = ("tacos load", "wrk")
    figures, cpu_us, p50, p99 = ({name: [] for name in names} for _ in range(4))
    with Nginx(directory, {path: '{"status":"waiting","position":12345,"eta_sec":420}'}) as nginx:
        for number in range(ROUNDS + 1):
            for name in names:
                before = resource.getrusage(resource.RUSAGE_CHILDREN)
                rate, requests, middle, late = (
                    load_get if name == "tacos load" else wrk_get)(nginx.port, scenario, directory)
                after = resource.getrusage(resource.RUSAGE_CHILDREN)
                used = (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime)
                if number > 0:
                    figures[name].append(rate)
                    cpu_us[name].append(used * 1e6 / requests)
                    p50[name].append(middle)
                    p99[name].append(late)
    for what, of in (("requests per second that one thread of the generator makes of nginx", figures),
                     ("its CPU per request, us", cpu_us), ("p50 that it reports, ms", p50),
                     ("p99 that it reports, ms", p99)):
        ratios = [ours / theirs for ours, theirs in zip(of["tacos load"], of["wrk"])]
        print_row(what, text(of["tacos load"]), text(of["wrk"]) + " of wrk", text(ratios))


def load_get(port, scenario, directory):
    result = directory / "load.json"
    subprocess.run(["taskset", "-c", LOAD_CORE, "build/tacos", "load", str(scenario), "--target",
                    f"http://127.0.0.1:{port}", "--json", str(result), "--connections",
                    str(CONNECTIONS)], capture_output=True, check=True)
    found = json.loads(result.read_text(encoding="utf-8"))
    assert found["errors"] == 0, found["first_unexpected"]
    latency = found["latency_ms"]
    return found["rate"], found["requests"], latency["p50"], latency["p99"]


def wrk_get(port, scenario, directory):
    del scenario, directory
    output = subprocess.run(["taskset", "-c", LOAD_CORE, "wrk", "-t1", f"-c{CONNECTIONS}",
                             f"-d{SECONDS}s", "--latency",
                             f"http://127.0.0.1:{port}/api/v1/queue/status"],
                            capture_output=True, text=True, check=True).stdout
    unit_ms = {"us": 1e-3, "ms": 1, "s": 1e3}
    late = {percent: float(value) * unit_ms[unit] for percent, value, unit in
            re.findall(r"(\d+)%\s+([\d.]+)(us|ms|s)\b", output)}
    return (float(re.search(r"Requests/sec:\s+([\d.]+)", output).group(1)),
            int(re.search(r"(\d+) requests in", output).group(1)), late["50"], late["99"])


@row
def row_polling(directory):
    """
    25,000 requests a second from 50,000 open connections, that is each asks every 2 s; from as
    many as the descriptors allow where these are fewer, and each asks as much more often.
    """
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    people = min(50000, limit - SERVERS_OWN_DESCRIPTORS - 100)
    every_s = people / 25000
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    join = step("join", "POST", "queue/join", {"event_id": "${event}"}, expect=[202],
                take={"waiting": "waiting_token"})
    join["headers"]["Idempotency-Key"] = "${uuid}"
    ask = step("status", "GET", "queue/status?token=${waiting}", think=f"{every_s:.3f}s", repeat={
        "every": f"{every_s:.3f}s", "until": {"status": "never"}, "at_most": int(30 / every_s),
        "else": "leave"})
    scenario = directory / "polling.json"
    scenario.write_text(json.dumps({
        "about": "People in line.",
        "stages": [{"rate": people / 10, "seconds": 10}, {"rate": 0, "seconds": 30}],
        "scenarios": [{"name": "waiting", "steps": [join, ask]}]}), encoding="utf-8")
    runs, memory = [], []
    for _ in range(POLLING_ROUNDS):
        with Server(memory_ready_mib=0) as server:
            server.wait(server.ids[0])
            before = resident_bytes(server.pid)
            runs.append(load(server, scenario, directory, "--connections", str(people), "--users",
                             "100000"))
            memory.append((resident_bytes(server.pid) - before) / people)
    status = [one["latency_ms"] for run in runs for one in run["steps"] if one["name"] == "status"]
    p99 = [one["p99"] for one in status]
    errors = sum(run["errors"] for run in runs)
    print_row(f"{people:,} connections, each asks for its place every {every_s:.2f} s: p99, ms",
              f"{text(p99)}; p50 {text([one['p50'] for one in status])}; {errors} errors in "
              f"{sum(run['requests'] for run in runs):,} requests", "", "", "under 10, no error",
              statistics.median(p99) < 10 and errors == 0)
    print_raw("polling: longest, ms", [one["max"] for one in status])
    print_row("memory of each, of the server: its connection and its place, bytes",
              text(memory), "", "", "under 2,048", statistics.median(memory) < 2048)


@row
def row_onsale(directory):
    """Of 30,000 requests a second most are of people in line: checkout lets in 300 a second."""
    with Server("--trusted-proxies", "127.0.0.1", buyer_limit=4) as server:
        server.wait(server.ids[0], admit_per_second=300, max_shoppers=5000)
        figures = load(server, "onsale", directory, "--rate", "30000", "--duration",
                       f"{15 * SECONDS}s", "--users", "300000", "--connections", "256")
        p99 = figures["latency_ms"]["p99"]
        good = figures["accounts"]["good"]
        print_row(f"mixed on-sale, 30,000 requests/s for {15 * SECONDS} s, open loop: p99, ms",
                  f"{figure(p99)} (p50 {figure(figures['latency_ms']['p50'])}); "
                  f"{figures['errors']} errors in {figures['requests']:,} requests, "
                  f"{figure(figures['rate'])} a second", "", "",
                  "under 10, no error, nothing oversold",
                  p99 < 10 and figures["errors"] == 0 and good)


@row
def row_start(_):
    took, resident = [], []
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as empty:
            begin = time.monotonic()
            server = platform_api.cli.Server("--data-dir", Path(empty) / "data")
            took.append((time.monotonic() - begin) * 1e3)
            resident.append(resident_bytes(server.process.pid) / 2**20)
            server.stop()
    print_row("start of an empty server, to its line on standard output, ms", text(took), "", "",
              "under 50", statistics.median(took) < 50)
    print_row("its resident memory, MiB", text(resident), "", "", "under 20",
              statistics.median(resident) < 20)
    with tempfile.NamedTemporaryFile() as stripped:
        subprocess.run(["strip", "-o", stripped.name, "build/tacos"], check=True)
        size = os.path.getsize(stripped.name) / 2**20
    print_row("binary, stripped, MiB", figure(size), "", "", "under 3", size < 3)


def main():
    print("| what | measured | peer | ratio | bar | |\n|---|---|---|---|---|---|")
    for name in sys.argv[1:] or ROUND_ROWS:
        with tempfile.TemporaryDirectory(prefix="tacos-bench-") as directory:
            ROUND_ROWS[name](Path(directory))


if __name__ == "__main__":
    main()
