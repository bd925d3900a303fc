"""TLS as clients see it: versions, ALPN, resumption, certificates that change, bodies, slowness."""

import hashlib
import os
import shutil
import signal
import ssl
import subprocess
import time
import warnings

import pytest

from door import (HELLO, NET_SERVER, TIMEOUT_S, Door, Product, curl, environment, head_of,
                  insecure_tls, run_product, wait_until)

HSTS = "max-age=31536000; includeSubDomains"


def make_certificate(place, name, *more):
    """A certificate for localhost and its key, as an operator makes them."""
    certificate, key = place / f"{name}.crt", place / f"{name}.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj", f"/CN={name}",
                    "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out",
                    certificate, *more], check=True, capture_output=True, timeout=TIMEOUT_S)
    key.chmod(0o600)
    return certificate, key


def verifying(certificate):
    return ssl.create_default_context(cafile=certificate)


def certificate_at(door):
    """What a new connection is shown, as a digest."""
    with door.client(tls=insecure_tls()) as client:
        return hashlib.sha256(client.socket.getpeercert(binary_form=True)).hexdigest()


def digest_of(certificate):
    der = ssl.PEM_cert_to_DER_cert(certificate.read_text(encoding="ascii"))
    return hashlib.sha256(der).hexdigest()


@pytest.fixture(scope="module", params=[0, 2], ids=["reactors=0", "reactors=2"])
def tls_door(request, tmp_path_factory):
    place = tmp_path_factory.mktemp("tls")
    with Door(tls=f"self:{place}", reactors=request.param) as door:
        yield door


# ---- protocol ----

@pytest.mark.parametrize("version, name", [(ssl.TLSVersion.TLSv1_2, "TLSv1.2"),
                                           (ssl.TLSVersion.TLSv1_3, "TLSv1.3")])
def test_versions(tls_door, version, name):
    context = insecure_tls()
    context.minimum_version = context.maximum_version = version
    with tls_door.client(tls=context) as client:
        assert client.socket.version() == name
        assert client.ask("GET", "/hello").body == HELLO
        cipher, _, bits = client.socket.cipher()
        assert bits >= 128
        assert "GCM" in cipher or "CHACHA20" in cipher


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_old_versions_are_refused(tls_door, version):
    before = tls_door.refusals("tls")
    context = insecure_tls()
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = version
    with pytest.raises(ssl.SSLError, match="(?i)protocol.version"):
        tls_door.client(tls=context)
    assert wait_until(lambda: tls_door.refusals("tls") == before + 1)


@pytest.mark.parametrize("ciphers", ["AES128-SHA", "AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-SHA"])
def test_weak_ciphers_are_refused(tls_door, ciphers):
    context = insecure_tls()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(f"{ciphers}:@SECLEVEL=0")
    with pytest.raises(ssl.SSLError):
        tls_door.client(tls=context)


@pytest.mark.parametrize("offered, chosen", [
    (("h2", "http/1.1"), "h2"), (("http/1.1", "h2"), "h2"), (("http/1.1",), "http/1.1"),
    ((), None),
])
def test_alpn(tls_door, offered, chosen):
    with tls_door.client(tls=insecure_tls(*offered)) as client:
        assert client.socket.selected_alpn_protocol() == chosen
        if chosen != "h2":
            assert client.ask("GET", "/hello").body == HELLO


def test_protocols_that_nobody_speaks(tls_door):
    with pytest.raises(ssl.SSLError, match="no application protocol"):
        tls_door.client(tls=insecure_tls("spdy/3"))


def resume(door, context, session):
    with door.client(tls=context, session=session) as client:
        assert client.ask("GET", "/hello").status == 200
        return client.socket.session_reused, client.socket.session


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_resumption(tls_door, version):
    context = insecure_tls()
    context.minimum_version = context.maximum_version = version
    reused, session = resume(tls_door, context, None)
    assert not reused
    assert session is not None
    # Whichever reactor gets it.
    for _ in range(10):
        reused, session = resume(tls_door, context, session)
        assert reused


def test_by_curl(tls_door, place):
    for version in "--tlsv1.2", "--tlsv1.3":
        out, said = curl("-v", "-k", "--http1.1", version, "--tls-max", version[-3:],
                         tls_door.url("/hello", "https"), tls_door.url("/hello", "https"))
        assert out == 2 * HELLO
        assert "Re-using existing connection" in said
        assert f"SSL connection using TLSv{version[-3:]}" in said
    body = bytes(range(256)) * 4096
    (place / "body").write_bytes(body)
    out, _ = curl("-k", "--http1.1", "--data-binary", f"@{place / 'body'}",
                  tls_door.url("/echo", "https"))
    assert out == body


# ---- what is sent over it ----

def test_hsts_only_over_tls(tls_door, door):
    with tls_door.client(tls=insecure_tls()) as client:
        for path in "/hello", "/nowhere":
            assert client.ask("GET", path).get("strict-transport-security") == HSTS
        client.send(b"nonsense\r\n\r\n")
        reply = client.reply()
        assert (reply.status, reply.get("strict-transport-security")) == (400, HSTS)
        assert client.ended()
    with door.client() as client:
        for path in "/hello", "/nowhere":
            assert client.ask("GET", path).get("strict-transport-security") is None


def test_handlers_know(tls_door, door):
    with tls_door.client(tls=insecure_tls()) as client:
        assert client.ask("GET", "/who").json()["secure"] is True
    with door.client() as client:
        assert client.ask("GET", "/who").json()["secure"] is False


def test_large_bodies(tls_door):
    body = os.urandom(1 << 20)
    with tls_door.client(tls=insecure_tls()) as client:
        for _ in range(2):
            assert client.ask("POST", "/echo", body=body).body == body
            assert client.ask("GET", "/size/20000000").body == b"x" * 20000000


def test_pipelined(tls_door):
    with tls_door.client(tls=insecure_tls()) as client:
        client.send(b"".join(head_of("GET", "/hello", X_Request_ID=f"r{i}") for i in range(2000)))
        for i in range(2000):
            assert client.reply().get("x-request-id") == f"r{i}"
        client.send_slowly(head_of("GET", "/size/100000") + head_of("GET", "/hello"))
        assert len(client.reply().body) == 100000
        assert client.reply().body == HELLO


def test_the_end_is_told(tls_door):
    """close_notify: a client knows that nothing was cut off (RFC 8446 6.1)."""
    with tls_door.client(tls=insecure_tls()) as client:
        client.socket.suppress_ragged_eofs = False
        reply = client.ask("GET", "/size/3000000", Connection="close")
        assert len(reply.body) == 3000000
        assert client.socket.recv(1) == b""


def test_half_closed_client_gets_its_reply(tls_door):
    with tls_door.client(tls=insecure_tls()) as client:
        client.send(head_of("GET", "/later/100") + head_of("GET", "/hello"))
        client.finish()
        assert client.reply().body == HELLO
        assert client.reply().body == HELLO


def test_client_that_never_reads(place):
    with Door(tls=f"self:{place}", write_stall_ms=500) as door:
        with door.client(tls=insecure_tls(), receive_bytes=4096) as stalled, \
             door.client(tls=insecure_tls()) as other:
            assert other.ask("GET", "/hello").status == 200
            before = door.resident_bytes()
            stalled.send(head_of("GET", "/size/20000000"))
            while door.refusals("write_stall") == 0:
                assert other.ask("GET", "/hello").status == 200
                assert door.resident_bytes() - before < 8 << 20


# ---- time ----

@pytest.mark.parametrize("dribble", [False, True], ids=["silent", "dribbling"])
def test_slow_handshake(place, dribble):
    with Door(tls=f"self:{place}", first_byte_ms=300, head_ms=300) as door:
        with door.client() as client:
            start = time.monotonic()
            if dribble:
                client.send_slowly(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
                client.socket.settimeout(0.05)
                while time.monotonic() - start < 10:
                    try:
                        client.send(b"x")
                        if client.socket.recv(1) == b"":
                            break
                    except TimeoutError:
                        continue
                    except OSError:
                        break
            else:
                assert client.ended()
            assert 0.25 < time.monotonic() - start < 10
        assert wait_until(lambda: door.refusals("tls") == 1)
        with door.client(tls=insecure_tls()) as client:
            assert client.ask("GET", "/hello").status == 200


def test_silence_after_the_handshake(place):
    with Door(tls=f"self:{place}", first_byte_ms=400) as door:
        with door.client(tls=insecure_tls()) as client:
            reply = client.reply()
            assert (reply.status, reply.error_code()) == (408, "REQUEST_TIMEOUT")
            assert client.ended()


# ---- certificates ----

def test_a_certificate_of_its_own(place):
    """The same one after a restart, as long as it is valid."""
    directory = place / "tls"
    shown = []
    for _ in range(2):
        with Door(tls=f"self:{directory}") as door:
            shown.append(certificate_at(door))
            file, = directory.iterdir()
            assert file.stat().st_mode & 0o777 == 0o600
            with door.client(tls=verifying(file)) as client:
                assert client.ask("GET", "/hello").status == 200
    assert shown[0] == shown[1]


def test_certificate_of_files(place):
    certificate, key = make_certificate(place, "first")
    with Door(tls=f"{certificate},{key}") as door:
        assert certificate_at(door) == digest_of(certificate)
        with door.client(tls=verifying(certificate)) as client:
            assert client.ask("GET", "/hello").status == 200
        out, _ = curl("--http1.1", "--cacert", certificate, door.url("/hello", "https"))
        assert out == HELLO


@pytest.mark.parametrize("reactors", [0, 2])
def test_reload(place, reactors):
    """New connections get the new certificate; those that are there go on."""
    certificate, key = make_certificate(place, "used")
    others = [make_certificate(place, name) for name in ("second", "third")]
    with Door(tls=f"{certificate},{key}", reactors=reactors) as door:
        context = insecure_tls()
        with door.client(tls=context) as stays:
            assert stays.ask("GET", "/hello").status == 200
            _, session = resume(door, context, None)
            for new_certificate, new_key in others:
                before = certificate_at(door)
                shutil.copy(new_key, key)
                shutil.copy(new_certificate, certificate)
                assert certificate_at(door) == before
                door.process.send_signal(signal.SIGHUP)
                assert wait_until(lambda: certificate_at(door) != before)
                assert certificate_at(door) == digest_of(new_certificate)
                assert stays.ask("GET", "/hello").status == 200
            assert resume(door, context, session)[0]
        assert door.log() == ""


@pytest.mark.parametrize("broken", ["absent", "no PEM", "other key", "key mode"])
def test_reload_of_a_broken_certificate(place, broken):
    certificate, key = make_certificate(place, "used")
    other, other_key = make_certificate(place, "other")
    before = digest_of(certificate)
    with Door(tls=f"{certificate},{key}") as door:
        with door.client(tls=insecure_tls()) as stays:
            assert stays.ask("GET", "/hello").status == 200
            if broken == "absent":
                certificate.unlink()
            elif broken == "no PEM":
                certificate.write_text("hello", encoding="ascii")
            elif broken == "other key":
                shutil.copy(other_key, key)
            else:
                shutil.copy(other_key, key)
                shutil.copy(other, certificate)
                key.chmod(0o644)
            door.process.send_signal(signal.SIGHUP)
            assert wait_until(lambda: door.log() != "")
            assert str(certificate) in door.log() or str(key) in door.log()
            assert certificate_at(door) == before
            assert stays.ask("GET", "/hello").status == 200


def expect_no_start(tls, words):
    done = subprocess.run([NET_SERVER, "port=0", "ops=0", f"tls={tls}"], capture_output=True,
                          text=True, check=False, timeout=TIMEOUT_S, env=environment())
    assert (done.returncode, done.stdout) == (1, "")
    for word in words:
        assert word in done.stderr


def test_certificates_that_cannot_be_used(place):
    certificate, key = make_certificate(place, "one")
    _, other_key = make_certificate(place, "other")
    expect_no_start(f"{place}/none,{key}", [f"{place}/none"])
    expect_no_start(f"{certificate},{place}/none", [f"{place}/none"])
    expect_no_start(f"{certificate},{other_key}", [str(other_key)])
    expect_no_start(f"{key},{key}", [str(key)])
    for mode in 0o644, 0o604, 0o620:
        key.chmod(mode)
        expect_no_start(f"{certificate},{key}", [str(key)])
    # A group of those who may read keys is usual.
    for mode in 0o400, 0o640:
        key.chmod(mode)
        with Door(tls=f"{certificate},{key}") as door:
            assert certificate_at(door) == digest_of(certificate)


# ---- the product ----

def test_product(place):
    certificate, key = make_certificate(place, "one")
    other, other_key = make_certificate(place, "two")
    with Product(place / "data", "--tls-cert", certificate, "--tls-key", key) as product:
        assert product.scheme == "https"
        url = f"https://localhost:{product.port}/healthz"
        assert curl("--http1.1", "--cacert", certificate, url)[0] == b'{"status":"ok"}'
        # Operators' endpoint is in clear: it does not leave the machine.
        assert product.metrics()["tacos_ready"] == 1
        shutil.copy(other_key, key)
        shutil.copy(other, certificate)
        product.process.send_signal(signal.SIGHUP)
        assert wait_until(lambda: "certificate_reloaded" in product.log())
        assert curl("--http1.1", "--cacert", other, url)[0] == b'{"status":"ok"}'
        certificate.write_text("", encoding="ascii")
        product.process.send_signal(signal.SIGHUP)
        assert wait_until(lambda: "certificate_kept" in product.log())
        assert curl("--http1.1", "--cacert", other, url)[0] == b'{"status":"ok"}'
        assert product.end() == 0
    with Product(place / "data", "--tls", "self") as product:
        assert product.scheme == "https"
        out, _ = curl("-k", "--http1.1", f"https://localhost:{product.port}/readyz")
        assert out == b'{"status":"ready"}'
        assert product.end() == 0


def test_product_options(place):
    certificate, key = make_certificate(place, "one")
    for words, message in (
            (["--tls", "yes"], "--tls 'yes' is unknown: 'self', or give --tls-cert and --tls-key"),
            (["--tls-cert", certificate], "--tls-cert and --tls-key go together"),
            (["--tls-key", key], "--tls-cert and --tls-key go together"),
            (["--tls", "self", "--tls-cert", certificate, "--tls-key", key],
             "give --tls self or --tls-cert, not both")):
        done = run_product(place / "data", *words)
        assert done.returncode != 0
        assert message in done.stderr
    key.chmod(0o644)
    done = run_product(place / "data", "--tls-cert", certificate, "--tls-key", key)
    assert done.returncode == 1
    assert str(key) in done.stderr
