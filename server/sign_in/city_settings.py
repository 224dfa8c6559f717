"""Settings of the city's own sign-in (OpenID Connect): none, or all that it takes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from environs import Env, ValidationError, validate

from schemas.district import ROLES

CITY_NAMES = frozenset(
    {
        *("OIDC_ISSUER", "OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET", "OIDC_CLIENT_SECRET_FILE"),
        *("OIDC_NAME", "OIDC_SCOPES", "OIDC_ROLE_CLAIM", "OIDC_ROLES", "OIDC_PERSON_CLAIM"),
        *("OIDC_TIMEOUT_S", "OIDC_LEEWAY_S"),
    }
)
"""What the settings are called, without their prefix."""
_LOCAL = frozenset({"127.0.0.1", "localhost", "::1"})
_PAIR = re.compile(r"([^=,]{1,120})=([a-z]+)")


@dataclass(frozen=True, slots=True)
class CitySettings:
    """`issuer` empty: there is none. `roles`: what the provider calls a group (a value of the
    claim `role_claim`) and the role that goes with it. `person_claim`: whose value is the id of
    somebody whom the district knows already; empty: nobody is known by a claim. `timeout_s`: how
    long the provider may take for an answer; `leeway_s`: by how much its clock may differ."""

    issuer: str = ""
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    name: str = ""
    scopes: str = "openid profile"
    role_claim: str = "groups"
    roles: Mapping[str, str] = field(default_factory=dict)
    person_claim: str = ""
    timeout_s: int = 5
    leeway_s: int = 30

    @property
    def is_on(self) -> bool:
        """Whether there is one."""
        return bool(self.issuer)


def city_settings(env: Env) -> CitySettings:
    """The settings `OIDC_…`."""
    issuer = env.str("OIDC_ISSUER", "", validate=_is_issuer) or ""
    secret_file = env.path("OIDC_CLIENT_SECRET_FILE", None, validate=_is_readable)
    secret = env.str("OIDC_CLIENT_SECRET", "")
    claim = validate.Regexp(r"[A-Za-z0-9_.:/-]{0,120}\Z", error="name a claim")
    known: dict[str, Any] = {
        "client_id": env.str("OIDC_CLIENT_ID") if issuer else env.str("OIDC_CLIENT_ID", ""),
        "client_secret": _text_in(secret_file) or secret,
        "name": env.str("OIDC_NAME", ""),
        "scopes": env.str(
            "OIDC_SCOPES", "openid profile", validate=validate.Regexp(r"openid( [a-z_]+)*\Z")
        ),
        "role_claim": env.str("OIDC_ROLE_CLAIM", "groups", validate=claim),
        "roles": _pairs_in(env.str("OIDC_ROLES", "", validate=_are_pairs) or ""),
        "person_claim": env.str("OIDC_PERSON_CLAIM", "", validate=claim),
        "timeout_s": env.int("OIDC_TIMEOUT_S", 5, validate=validate.Range(1, 30)),
        "leeway_s": env.int("OIDC_LEEWAY_S", 30, validate=validate.Range(0, 300)),
    }
    return CitySettings(issuer=issuer, **known)


def _is_issuer(text: str) -> None:
    parts = urlsplit(text)
    is_safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOCAL)
    if text and (not is_safe or parts.query or parts.fragment):
        raise ValidationError("write the issuer as https://…, as the provider itself names it")


def _text_in(file: Path | None) -> str:
    return file.read_text().strip() if file is not None and file.is_file() else ""


def _is_readable(file: Path | None) -> None:
    if file is not None and not file.is_file():
        raise ValidationError("the file cannot be read")


def _are_pairs(text: str) -> None:
    for pair in filter(None, map(str.strip, text.split(","))):
        found = _PAIR.fullmatch(pair)
        if found is None or found[2] not in ROLES:
            raise ValidationError(f"write group=role,…, with roles of {', '.join(ROLES)}")


def _pairs_in(text: str) -> Mapping[str, str]:
    pairs = filter(None, map(str.strip, text.split(",")))
    return {found[1]: found[2] for found in map(_PAIR.fullmatch, pairs) if found is not None}
