"""POST auth/register and auth/login, and what a token is good for."""

import base64
import json
import signal
import subprocess
import time

import pytest
from platform_api import EVENT, Platform, base64url, cli, key, sign

REGISTER = "/api/v1/auth/register"
LOGIN = "/api/v1/auth/login"


@pytest.fixture(scope="module")
def platform():
    with Platform() as running:
        yield running


def account(name, **changes):
    return {"username": name, "password": "secret12", "email": f"{name}@example.org",
            "display_name": "Some Body"} | changes


def claims_of(token):
    text = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


def test_register(platform):
    reply = platform.client().post(REGISTER, account("Alice1"))
    assert reply.status == 201
    assert reply.json["username"] == "Alice1"
    assert reply.json["display_name"] == "Some Body"
    assert reply.json["role"] == "user"
    assert reply.json["expires_in"] == 86400


def test_claims(platform):
    user = platform.register("claims1").user
    claims = claims_of(user["token"])
    assert claims["sub"] == claims["user_id"] == user["user_id"]
    assert claims["username"] == "claims1"
    assert claims["role"] == "user"
    assert claims["exp"] - claims["iat"] == 86400
    assert (claims["iss"], claims["aud"]) == ("traffic-tacos", "traffic-tacos-api")


@pytest.mark.parametrize("changes, field", [
    ({"username": "ab"}, "username"),
    ({"username": "a" * 21}, "username"),
    ({"username": "with space"}, "username"),
    ({"username": None}, "username"),
    ({"username": 12345}, "username"),
    ({"password": "12345"}, "password"),
    ({"password": "x" * 73}, "password"),
    ({"email": "nobody"}, "email"),
    ({"display_name": ""}, "display_name"),
])
def test_register_invalid(platform, changes, field):
    reply = platform.client().post(REGISTER, account("valid1", **changes))
    assert (reply.status, reply.code) == (400, "INVALID_REQUEST")
    assert reply.details["field"] == field
    assert reply.details["reason"]
    assert field in reply.details["fields"]
    assert "secret12" not in reply.body.decode()


def test_every_wrong_field_is_named(platform):
    reply = platform.client().post(REGISTER, {"username": "x", "password": "y"})
    assert set(reply.details["fields"]) == {"username", "password", "email", "display_name"}


def test_username_exists(platform):
    client = platform.client()
    client.ok("POST", REGISTER, account("taken1"), 201)
    reply = client.post(REGISTER, account("TAKEN1"))
    assert (reply.status, reply.code) == (409, "USERNAME_EXISTS")


def test_register_again_with_the_same_key(platform):
    client = platform.client()
    idempotency = key()
    first = client.post(REGISTER, account("twice1"), idempotency=idempotency)
    again = client.post(REGISTER, account("twice1"), idempotency=idempotency)
    assert (first.status, again.status) == (201, 201)
    assert again.json == first.json
    assert again.get("x-idempotency-cached") == "true"
    other = client.post(REGISTER, account("twice2"), idempotency=idempotency)
    assert (other.status, other.code) == (409, "IDEMPOTENCY_CONFLICT")


def test_login(platform):
    user = platform.register("login1").user
    reply = platform.client().post(LOGIN, {"username": "LOGIN1", "password": "secret12"})
    assert reply.status == 200
    assert reply.json["user_id"] == user["user_id"]
    assert claims_of(reply.json["token"])["sub"] == user["user_id"]


@pytest.mark.parametrize("name, password", [("login2", "wrong-password"), ("nobody9", "secret12")])
def test_login_refused(platform, name, password):
    if name == "login2":
        platform.register("login2")
    reply = platform.client().post(LOGIN, {"username": name, "password": password})
    assert (reply.status, reply.code) == (401, "INVALID_CREDENTIALS")


def test_login_needs_both(platform):
    reply = platform.client().post(LOGIN, {"username": "login1"})
    assert (reply.status, reply.code) == (400, "INVALID_REQUEST")
    assert reply.details["field"] == "password"


def test_guessing_is_limited(platform):
    platform.register("guessed1")
    client = platform.client()
    replies = [client.post(LOGIN, {"username": "guessed1", "password": "wrong-one"})
               for _ in range(12)]
    assert replies[0].code == "INVALID_CREDENTIALS"
    last = replies[-1]
    assert (last.status, last.code) == (429, "RATE_LIMITED")
    assert int(last.get("retry-after")) > 0


# ---- tokens ----

def good_claims(**changes):
    now = int(time.time())
    return {"sub": "u1", "user_id": "u1", "username": "u1", "role": "user", "iat": now,
            "exp": now + 3600, "iss": "traffic-tacos", "aud": "traffic-tacos-api"} | changes


def ask(platform, token):
    return platform.client(token).get("/api/v1/reservations")


def test_a_token_of_our_secret(platform):
    assert ask(platform, sign(good_claims(), platform.secret("jwt"))).status == 200


@pytest.mark.parametrize("changes", [{"exp": 1000}, {"iss": "somebody"}, {"aud": "other"},
                                     {"role": "root"}, {"sub": "", "user_id": ""}])
def test_tokens_with_other_claims(platform, changes):
    reply = ask(platform, sign(good_claims(**changes), platform.secret("jwt")))
    assert (reply.status, reply.code) == (401, "UNAUTHORIZED")


@pytest.mark.parametrize("token", [
    "", "dev-token", "a.b.c",
    sign(good_claims(), b"", {"alg": "none"}).rpartition(".")[0] + ".",
    sign(good_claims(), b"guess"),
])
def test_no_other_token_is_good(platform, token):
    reply = ask(platform, token)
    assert (reply.status, reply.code) == (401, "UNAUTHORIZED")


@pytest.mark.parametrize("method, path", [
    ("POST", "/api/v1/reservations"), ("GET", "/api/v1/reservations"),
    ("GET", "/api/v1/reservations/rsv_1"), ("DELETE", "/api/v1/reservations/rsv_1"),
    ("POST", "/api/v1/reservations/rsv_1/confirm"), ("POST", "/api/v1/reservations/rsv_1/cancel"),
    ("POST", "/api/v1/payments/intent"), ("POST", "/api/v1/payment/process"),
    ("GET", "/api/v1/orders"), ("GET", "/api/v1/orders/ord_1"),
    ("POST", "/api/v1/admin/events"), ("PATCH", "/api/v1/admin/events/evt"),
    ("POST", "/api/v1/admin/orders/ord_1/refund"), ("GET", "/api/v1/admin/events/evt/report"),
])
def test_a_token_is_needed(platform, method, path):
    reply = platform.client().request(method, path)
    assert (reply.status, reply.code) == (401, "UNAUTHORIZED")
    assert reply.get("www-authenticate").startswith("Bearer")


@pytest.mark.parametrize("method, path", [
    ("POST", "/api/v1/admin/events"), ("PATCH", "/api/v1/admin/events/evt"),
    ("POST", "/api/v1/admin/orders/ord_1/refund"),
    ("GET", f"/api/v1/admin/events/{EVENT['event_id']}/report"),
])
def test_users_are_no_administrators(platform, method, path):
    reply = platform.buyer().request(method, path)
    assert (reply.status, reply.code) == (403, "FORBIDDEN")


# ---- tokens of another issuer ----

def openssl(*words, data=None):
    return subprocess.run(["openssl", *map(str, words)], input=data, capture_output=True,
                          check=True, timeout=60).stdout


def raw_signature(der):
    """R and S of 32 bytes each (RFC 7518 3.4) of a DER signature."""
    size = der[3]
    numbers = der[4:4 + size], der[6 + size:]
    return b"".join(number.lstrip(b"\0").rjust(32, b"\0") for number in numbers)


class Issuer:
    def __init__(self, place, kid):
        self.kid, self.file = kid, place / f"{kid}.pem"
        self.file.write_bytes(openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout"))
        point = openssl("ec", "-in", self.file, "-pubout", "-outform", "DER")[-64:]
        self.jwk = {"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": kid,
                    "x": base64url(point[:32]), "y": base64url(point[32:])}

    def token(self, **changes):
        parts = {"alg": "ES256", "kid": self.kid}, good_claims(**changes)
        text = ".".join(base64url(json.dumps(part).encode()) for part in parts)
        der = openssl("dgst", "-sha256", "-sign", self.file, data=text.encode())
        return f"{text}.{base64url(raw_signature(der))}"


def test_keys_of_another_issuer(tmp_path):
    first, second = Issuer(tmp_path, "k1"), Issuer(tmp_path, "k2")
    keys = tmp_path / "jwks.json"
    keys.write_text(json.dumps({"keys": [first.jwk]}), encoding="utf-8")
    with Platform("--jwks-file", keys) as running:
        assert ask(running, first.token()).status == 200
        assert ask(running, second.token()).status == 401
        assert ask(running, first.token(exp=1000)).status == 401
        assert ask(running, sign(good_claims(), running.secret("jwt"))).status == 200
        # A damaged file changes nothing, a good one is used at once.
        for text, status in (("{", 401), (json.dumps({"keys": [second.jwk]}), 200)):
            keys.write_text(text, encoding="utf-8")
            running.server.process.send_signal(signal.SIGHUP)
            end = time.monotonic() + 10
            while status == 200 and ask(running, second.token()).status != 200:
                assert time.monotonic() < end
                time.sleep(0.05)
            assert ask(running, second.token()).status == status
        assert ask(running, first.token()).status == 401
        assert "keys_kept" in running.stop()


def test_no_start_with_bad_keys(tmp_path):
    keys = tmp_path / "jwks.json"
    keys.write_text('{"keys":[]}', encoding="utf-8")
    done = cli.run("serve", "--data-dir", tmp_path / "data", "--jwks-file", keys,
                   TACOS_LISTEN="127.0.0.1:0", TACOS_OPERATIONS_LISTEN="127.0.0.1:0")
    assert done.returncode == 1
    assert str(keys) in done.stderr
