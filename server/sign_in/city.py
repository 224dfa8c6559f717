"""Signing in with the city's own account: OpenID Connect, authorization code with PKCE.

1. `begin`: the browser is sent to the provider with a state, a nonce and a PKCE challenge, which
   are kept here under the digest of a cookie that only this browser has.
2. `finish`: the provider sends it back with a code. State and cookie have to fit, once. The code is
   changed for an id token, whose signature, issuer, audience, time and nonce are checked
   (OpenID Connect Core 1.0, 3.1.3.7; RFC 9700 for the rest).

Signatures are `joserfc`'s work; only algorithms with a public key are taken.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

import structlog
import urllib3
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from sqlalchemy import delete
from sqlalchemy.orm import Session

from schemas.problems import Refusal
from server.config import Config
from server.database import Database
from server.models import CitySignInRow
from server.sign_in.city_settings import CitySettings

log = structlog.get_logger()

ALGORITHMS: Final = ["RS256", "PS256", "ES256", "ES384", "EdDSA", "Ed25519"]
_DISCOVERY = "/.well-known/openid-configuration"
_ANSWER_BYTES_MAX = 256 * 1024
_LOCAL = frozenset({"127.0.0.1", "localhost", "::1"})
_FORM = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}


@dataclass(frozen=True, slots=True)
class Departure:
    """Where the browser is sent, and the cookie that it brings back."""

    url: str
    cookie: str


@dataclass(frozen=True, slots=True)
class Arrived:
    """Who came back: the checked claims, and the page that was asked for at first."""

    claims: Mapping[str, Any]
    after: str


class CityFault(Exception):
    """The provider does not answer, or not as it should; the message is for the log."""


def begin(
    database: Database, config: Config, callback: str, after: str, now: datetime
) -> Departure:
    """Send a browser to the provider. Raises `CityFault`."""
    city = config.city
    found = _discovered(city)
    state, nonce, verifier, cookie = (secrets.token_urlsafe(32) for _ in range(4))

    def work(session: Session) -> None:
        session.execute(delete(CitySignInRow).where(CitySignInRow.expires_at <= now))
        session.add(
            CitySignInRow(
                digest=_digest(cookie),
                state=state,
                nonce=nonce,
                verifier=verifier,
                after=after,
                expires_at=now + timedelta(seconds=config.sign_in_step_s),
            )
        )

    database.write(work)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=")
    asked = {
        "response_type": "code",
        "client_id": city.client_id,
        "redirect_uri": callback,
        "scope": city.scopes,
        "state": state,
        "nonce": nonce,
        "code_challenge": challenge.decode(),
        "code_challenge_method": "S256",
    }
    place = _endpoint(found, "authorization_endpoint")
    return Departure(f"{place}{'&' if '?' in place else '?'}{urlencode(asked)}", cookie)


def finish(
    database: Database,
    config: Config,
    callback: str,
    cookie: str,
    answer: Mapping[str, str],
    now: datetime,
) -> Arrived:
    """Check what the browser came back with. Raises `Refusal("bad_sign_in")` for what does not fit
    or is over, `CityFault` for what the provider did wrong."""
    under_way = database.write(lambda session: _take(session, cookie, now))
    if under_way is None or not hmac.compare_digest(under_way.state, answer.get("state", "")):
        raise Refusal("bad_sign_in")
    said_issuer = answer.get("iss")
    if said_issuer is not None and said_issuer != config.city.issuer:
        # RFC 9207: an answer of another provider, mixed in.
        raise CityFault("the answer names another issuer")
    if "code" not in answer:
        raise Refusal("bad_sign_in")
    token = _token_for(config.city, callback, answer["code"], under_way.verifier)
    claims = read_token(config.city, token, under_way.nonce, now)
    return Arrived(claims, under_way.after)


def read_token(city: CitySettings, token: str, nonce: str, now: datetime) -> Mapping[str, Any]:
    """The claims of an id token that was given to us, now, for this sign-in. Raises `CityFault`."""
    keys = _fetched(city, _endpoint(_discovered(city), "jwks_uri"))
    try:
        decoded = jwt.decode(token, KeySet.import_key_set(_key_set(keys)), algorithms=ALGORITHMS)
        registry = jwt.JWTClaimsRegistry(
            now=int(now.timestamp()),
            leeway=city.leeway_s,
            iss={"essential": True, "value": city.issuer},
            aud={"essential": True, "value": city.client_id},
            exp={"essential": True},
            iat={"essential": True},
            sub={"essential": True},
            nonce={"essential": True, "value": nonce},
        )
        registry.validate(decoded.claims)
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise CityFault(f"the id token does not hold: {type(error).__name__}") from None
    claims: Mapping[str, Any] = decoded.claims
    audience = claims["aud"]
    others = [each for each in audience if each != city.client_id] if _is_list(audience) else []
    if others or claims.get("azp", city.client_id) != city.client_id:
        raise CityFault("the id token is for others too")
    return claims


def _take(session: Session, cookie: str, now: datetime) -> CitySignInRow | None:
    """What is under way for this browser; it can be finished once."""
    row = session.get(CitySignInRow, _digest(cookie), with_for_update=True)
    if row is None:
        return None
    session.delete(row)
    session.flush()
    return row if row.expires_at > now else None


def _token_for(city: CitySettings, callback: str, code: str, verifier: str) -> str:
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": callback,
        "client_id": city.client_id,
        "code_verifier": verifier,
    }
    headers = dict(_FORM)
    if city.client_secret:
        # RFC 6749, 2.3.1: both halves are encoded as a form before.
        both = f"{quote(city.client_id, safe='')}:{quote(city.client_secret, safe='')}"
        headers["Authorization"] = f"Basic {base64.b64encode(both.encode()).decode()}"
    place = _endpoint(_discovered(city), "token_endpoint")
    token = _fetched(city, place, urlencode(form), headers).get("id_token")
    if not isinstance(token, str):
        raise CityFault("no id token was given")
    return token


def _discovered(city: CitySettings) -> Mapping[str, Any]:
    found = _fetched(city, city.issuer.rstrip("/") + _DISCOVERY)
    if found.get("issuer") != city.issuer:
        raise CityFault("the provider calls itself otherwise")
    return found


def _endpoint(found: Mapping[str, Any], name: str) -> str:
    place = found.get(name)
    parts = urlsplit(place) if isinstance(place, str) else None
    is_safe = parts is not None and (
        parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOCAL)
    )
    if not is_safe:
        raise CityFault(f"the provider names no {name} that is safe")
    return str(place)


def _fetched(
    city: CitySettings,
    url: str,
    form: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Mapping[str, Any]:
    """The JSON object at an address, or the answer to a form. Redirects are not followed."""
    timeout = urllib3.Timeout(total=city.timeout_s)
    try:
        with urllib3.PoolManager(retries=False, timeout=timeout) as pool:
            response = pool.request(
                "GET" if form is None else "POST",
                url,
                body=form,
                headers=headers,
                redirect=False,
                preload_content=False,
            )
            content = response.read(_ANSWER_BYTES_MAX + 1, decode_content=True)
            response.release_conn()
    except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
        raise CityFault(f"the provider does not answer: {type(error).__name__}") from None
    if response.status != 200 or len(content) > _ANSWER_BYTES_MAX:
        raise CityFault(f"the provider answers with {response.status}")
    try:
        found = json.loads(content)
    except ValueError:
        raise CityFault("the provider's answer is no JSON") from None
    if not isinstance(found, dict):
        raise CityFault("the provider's answer is no object")
    return found


def _key_set(found: Mapping[str, Any]) -> Any:
    """The public keys that may have signed; a provider may list others besides."""
    listed = found.get("keys")
    keys = [key for key in listed if isinstance(key, dict)] if isinstance(listed, list) else []
    fit = [
        {name: value for name, value in key.items() if name not in ("d", "p", "q")}
        for key in keys
        if key.get("kty") in ("RSA", "EC", "OKP") and key.get("use", "sig") == "sig"
    ]
    if not fit:
        raise CityFault("the provider has no keys")
    return {"keys": fit}


def _is_list(audience: object) -> bool:
    return isinstance(audience, list)


def _digest(cookie: str) -> str:
    return hashlib.sha256(cookie.encode()).hexdigest()
