"""A provider of OpenID Connect on loopback, which answers as it should or with one fault.

    with CityProvider("valet", "secret") as provider:
        provider.fault = "wrong_nonce"

It checks what a provider checks: client and its secret, the code, its use, and PKCE.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import threading
from datetime import datetime
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

from flask import Flask, Response, request
from joserfc import jwt
from joserfc.jwk import ECKey
from werkzeug.serving import WSGIRequestHandler, make_server

HOUR_S = 3600


class CityProvider:
    """Runs inside the `with` block. `claims` are what it says of whoever signs in."""

    def __init__(self, client_id: str, client_secret: str) -> None:
        self._client = (client_id, client_secret)
        self._key = ECKey.generate_key("P-256", {"kid": "one", "use": "sig"})
        self._server = make_server(
            "127.0.0.1", 0, self._app(), threaded=True, request_handler=_Quiet
        )
        self.issuer = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._under_way: dict[str, dict[str, str]] = {}
        self.now_s = 0
        self.fault = ""
        self.claims: dict[str, Any] = {}

    def __enter__(self) -> CityProvider:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def reset(self, now: datetime) -> None:
        """Carla of the management signs in, and nothing is wrong."""
        self.now_s, self.fault = int(now.timestamp()), ""
        self.claims = {
            "sub": "c-17",
            "name": "Carla Díaz",
            "preferred_username": "carla",
            "groups": ["valet-gerencia", "vecinos"],
        }

    def authorize(self, address: str) -> str:
        """Somebody signs in at the page that a browser was sent to; where it is sent back."""
        parts = urlsplit(address)
        assert f"{parts.scheme}://{parts.netloc}{parts.path}" == f"{self.issuer}/authorize"
        asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
        assert asked["client_id"] == self._client[0]
        code = secrets.token_urlsafe(16)
        self._under_way[code] = asked
        back = urlencode({"code": code, "state": asked["state"]})
        return f"{asked['redirect_uri']}?{back}"

    def _app(self) -> Flask:
        app = Flask("city")

        @app.get("/.well-known/openid-configuration")
        def discovery() -> dict[str, str]:
            named = "https://evil.example" if self.fault == "discovery_of_another" else self.issuer
            token = f"{self.issuer}/token"
            if self.fault == "endpoint_in_plain":
                token = "http://city.example/token"
            return {
                "issuer": named,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": token,
                "jwks_uri": f"{self.issuer}/keys",
            }

        @app.get("/keys")
        def keys() -> dict[str, list[Any]]:
            return {"keys": [{"kty": "oct", "k": "AAAA"}, self._key.as_dict(private=False)]}

        @app.post("/token")
        def token() -> Response:
            return self._token()

        return app

    def _token(self) -> Response:
        if self.fault == "error_500":
            return Response("out of order", 500)
        if self.fault == "not_json":
            return Response("<html>", 200)
        both = base64.b64decode(request.headers["Authorization"].removeprefix("Basic ")).decode()
        client = tuple(unquote(half) for half in both.split(":", 1))
        asked = self._under_way.pop(request.form.get("code", ""), None)
        if client != self._client or asked is None:
            return Response('{"error":"invalid_grant"}', 400)
        digest = hashlib.sha256(request.form["code_verifier"].encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        is_fit = request.form["redirect_uri"] == asked["redirect_uri"]
        if challenge != asked["code_challenge"] or not is_fit:
            return Response('{"error":"invalid_grant"}', 400)
        if self.fault == "no_token":
            return Response('{"access_token":"x"}', 200)
        body = {"access_token": "x", "token_type": "Bearer", "id_token": self._signed(asked)}
        return Response(json.dumps(body), 200, mimetype="application/json")

    def _signed(self, asked: dict[str, str]) -> str:
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "aud": self._client[0],
            "iat": self.now_s,
            "exp": self.now_s + HOUR_S,
            "nonce": asked["nonce"],
            **self.claims,
        }
        changes: dict[str, dict[str, Any]] = {
            "wrong_nonce": {"nonce": "another"},
            "wrong_audience": {"aud": "parking"},
            "other_audience_too": {"aud": [self._client[0], "parking"]},
            "wrong_issuer": {"iss": "https://evil.example"},
            "expired": {"iat": self.now_s - 2 * HOUR_S, "exp": self.now_s - HOUR_S},
            "from_tomorrow": {"iat": self.now_s + HOUR_S, "exp": self.now_s + 2 * HOUR_S},
        }
        claims |= changes.get(self.fault, {})
        for fault, name in (("no_nonce", "nonce"), ("no_expiry", "exp")):
            if self.fault == fault:
                del claims[name]
        if self.fault == "alg_none":
            return f"{_part({'alg': 'none'})}.{_part(claims)}."
        if self.fault == "alg_hmac":
            # Signed with what everybody can read, as if the public key were a password.
            said = f"{_part({'alg': 'HS256', 'kid': 'one'})}.{_part(claims)}"
            made = hmac.digest(self._key.as_pem(private=False), said.encode(), "sha256")
            return f"{said}.{base64.urlsafe_b64encode(made).rstrip(b'=').decode()}"
        key = ECKey.generate_key("P-256") if self.fault == "other_key" else self._key
        token = jwt.encode({"alg": "ES256", "kid": "one"}, claims, key)
        if self.fault == "bad_signature":
            head, _, signature = token.split(".")
            return f"{head}.{_part({**claims, 'groups': ['valet-gerencia']})}.{signature}"
        return token


class _Quiet(WSGIRequestHandler):
    """Says nothing of requests, whose addresses hold codes."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing."""


def _part(said: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(said).encode()).rstrip(b"=").decode()
