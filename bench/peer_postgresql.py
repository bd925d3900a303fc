"""PostgreSQL as a peer: the transaction of a reservation, as good as PostgreSQL can have it.

A cluster of its own in a directory that goes away, fsync and synchronous_commit on (the default),
memory for everything. The transaction is one function, so that it is one prepared statement and one
journey over the socket: idempotency record, the two seats if both are free, reservation, the buyer's
count within the limit, a row of history and of the outbox for each seat, and the reservation's
event. What ours does beyond that, telling the events, is left out.
"""
import os
import pwd
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

SCHEMA = """
CREATE TABLE tickets (
  event_id text, seat text, status text NOT NULL DEFAULT 'AVAILABLE', price bigint NOT NULL,
  reservation_id text, hold_expires_at timestamptz, version bigint NOT NULL DEFAULT 1,
  PRIMARY KEY (event_id, seat)) WITH (fillfactor = 50);
CREATE TABLE reservations (
  id text PRIMARY KEY, event_id text NOT NULL, user_id text NOT NULL, seats text[] NOT NULL,
  status text NOT NULL, amount bigint NOT NULL, expires_at timestamptz NOT NULL,
  created_at timestamptz NOT NULL);
CREATE INDEX ON reservations (user_id, created_at);
CREATE TABLE buyers (
  event_id text, user_id text, seats int NOT NULL, PRIMARY KEY (event_id, user_id));
CREATE TABLE idempotency (
  key text PRIMARY KEY, request_hash text NOT NULL, response text NOT NULL,
  expires_at timestamptz NOT NULL);
CREATE TABLE history (
  ticket text, version bigint, data text NOT NULL, PRIMARY KEY (ticket, version));
CREATE TABLE outbox (
  id text PRIMARY KEY, type text NOT NULL, data text NOT NULL, published boolean NOT NULL,
  created_at timestamptz NOT NULL);
CREATE SEQUENCE turns;

CREATE FUNCTION reserve(event text, buyer text, idem text, seat1 text, seat2 text) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
  id text := 'rsv_' || replace(idem, '-', '');
  ends timestamptz := now() + interval '300 seconds';
  answer text;
  number int;
  sum bigint;
BEGIN
  SELECT response INTO answer FROM idempotency WHERE key = idem;
  IF FOUND THEN RETURN answer; END IF;
  WITH taken AS (
    UPDATE tickets SET status = 'RESERVED', reservation_id = id, hold_expires_at = ends,
      version = version + 1
    WHERE event_id = event AND seat IN (seat1, seat2)
      AND (status = 'AVAILABLE' OR (status = 'RESERVED' AND hold_expires_at <= now()))
    RETURNING seat, version, price),
  told AS (
    INSERT INTO history SELECT event || ':' || seat, version, json_build_object(
      'ticketId', event || ':' || seat, 'status', 'RESERVED', 'reservationId', id, 'userId', buyer,
      'price', price, 'version', version) FROM taken),
  out AS (
    INSERT INTO outbox SELECT 'ev_' || gen_random_uuid(), 'TicketStatusChanged', json_build_object(
      'ticketId', event || ':' || seat, 'status', 'RESERVED', 'reservationId', id, 'userId', buyer,
      'price', price, 'version', version), false, now() FROM taken)
  SELECT count(*), sum(price) INTO number, sum FROM taken;
  IF number <> 2 THEN RAISE EXCEPTION 'INVENTORY_CONFLICT'; END IF;
  INSERT INTO buyers VALUES (event, buyer, 2)
    ON CONFLICT (event_id, user_id) DO UPDATE SET seats = buyers.seats + 2
    WHERE buyers.seats + 2 <= 10;
  IF NOT FOUND THEN RAISE EXCEPTION 'BUYER_LIMIT'; END IF;
  INSERT INTO reservations
    VALUES (id, event, buyer, ARRAY[seat1, seat2], 'PENDING', sum, ends, now());
  answer := json_build_object('reservation_id', id, 'status', 'PENDING', 'event_id', event,
    'user_id', buyer, 'seat_ids', ARRAY[seat1, seat2], 'total', sum, 'hold_expires_at', ends);
  INSERT INTO outbox VALUES ('ev_' || gen_random_uuid(), 'ReservationCreated', answer, false, now());
  INSERT INTO idempotency VALUES (idem, md5(event || buyer || seat1 || seat2), answer,
    now() + interval '1 day');
  RETURN answer;
END $$;
"""

# As many events as rounds; the turn says which pair of seats is next, in the order of our own run.
SCRIPT = """SELECT reserve('evt_{event}', 'buyer' || t % 20000, gen_random_uuid()::text,
  'A-' || t / 50 + 1 || '-' || t % 50 * 2 + 1, 'A-' || t / 50 + 1 || '-' || t % 50 * 2 + 2)
FROM (SELECT nextval('turns') - 1 AS t) AS turn;
"""


def programs():
    """The newest installed version's directory of programs, or None."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"),
                   key=lambda path: float(path.parts[-3]))
    return found[-1].parent if found else None


class PostgreSQL:
    """A cluster on one core, with `events` events of 50,000 seats."""

    def __init__(self, core, events):
        self.programs = programs()
        self.core = core
        self.directory = Path(tempfile.mkdtemp(prefix="tacos-postgresql-", dir="/tmp"))
        self.user = []
        if os.geteuid() == 0:  # which PostgreSQL refuses
            owner = pwd.getpwnam("postgres")
            os.chown(self.directory, owner.pw_uid, owner.pw_gid)
            self.user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        self.events = events

    def call(self, program, *words, core=None, **more):
        pinned = ["taskset", "-c", core] if core is not None else []
        return subprocess.run([*pinned, *self.user, self.programs / program, *map(str, words)],
                              check=True, capture_output=True, text=True, cwd="/", **more).stdout

    def __enter__(self):
        data = self.directory / "data"
        self.call("initdb", "-D", data, "-A", "trust", "-U", "postgres", "--no-instructions")
        with open(data / "postgresql.conf", "a", encoding="ascii") as settings:
            settings.write(f"unix_socket_directories = '{self.directory}'\nlisten_addresses = ''\n"
                           "shared_buffers = 2GB\nmax_wal_size = 8GB\nmax_connections = 80\n"
                           "checkpoint_timeout = 1h\n")
        # The core is inherited by all of its processes.
        self.call("pg_ctl", "-D", data, "-w", "-l", self.directory / "log", "start", core=self.core)
        self.sql(SCHEMA)
        self.sql("INSERT INTO tickets (event_id, seat, price) SELECT 'evt_' || e, "
                 "'A-' || r || '-' || s, 99000 FROM "
                 f"generate_series(0, {self.events - 1}) e, generate_series(1, 500) r, "
                 "generate_series(1, 100) s")
        self.sql("VACUUM ANALYZE")
        self.sql("CHECKPOINT")
        return self

    def __exit__(self, *_):
        self.call("pg_ctl", "-D", self.directory / "data", "-m", "immediate", "stop")
        shutil.rmtree(self.directory)

    def sql(self, text):
        return self.call("psql", "-h", self.directory, "-U", "postgres", "-v", "ON_ERROR_STOP=1",
                         "-qAt", "-f", "-", input=text).strip()

    def reserve(self, event, clients, seconds, core):
        """Reservations a second of `seconds`, on the event of this number; and how many."""
        script = self.directory / "reserve.sql"
        script.write_text(SCRIPT.format(event=event), encoding="ascii")
        self.sql("ALTER SEQUENCE turns RESTART")
        output = self.call("pgbench", "-h", self.directory, "-U", "postgres", "-n", "-M", "prepared",
                           "-c", clients, "-j", 1, "-T", seconds, "-f", script, "postgres",
                           core=core)
        made = int(re.search(r"transactions actually processed: (\d+)", output).group(1))
        failed = int(re.search(r"failed transactions: (\d+)", output).group(1))
        assert failed == 0, output
        return float(re.search(r"tps = ([\d.]+)", output).group(1)), made
