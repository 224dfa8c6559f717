"""Who may sign in beside by password: PINs, second factors, accounts of the city; and who did."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import LargeBinary, false
from sqlalchemy.orm import Mapped, mapped_column

from server.models.table import Table


class StaffPinRow(Table):
    """Somebody's PIN at the booths, see `schemas.staff_pin.PinDocSchema`.

    `sealed`: its Argon2id text under the master key; null where there is none. `change_id`: of the
    change at a station that it came with.
    """

    __tablename__ = "staff_pins"

    person_id: Mapped[str] = mapped_column(primary_key=True)
    sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    since: Mapped[datetime | None]
    set_by: Mapped[str | None]
    change_id: Mapped[str | None]
    is_temporary: Mapped[bool] = mapped_column(server_default=false())
    is_locked: Mapped[bool] = mapped_column(server_default=false())
    unlocked_at: Mapped[datetime | None]


class SecondFactorRow(Table):
    """The authenticator app of somebody who signs in on the web (TOTP, RFC 6238).

    `sealed`: its secret under the master key. It counts from `confirmed_at` on. `last_step`: the
    newest time step whose code was taken. `wrong_tries` and `locked_until` outlive a restart.
    """

    __tablename__ = "second_factors"

    person_id: Mapped[str] = mapped_column(primary_key=True)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    made_at: Mapped[datetime]
    confirmed_at: Mapped[datetime | None]
    last_step: Mapped[int]
    wrong_tries: Mapped[int]
    locked_until: Mapped[datetime | None]


class RecoveryCodeRow(Table):
    """A code that stands for the authenticator app once; kept as a keyed digest."""

    __tablename__ = "recovery_codes"

    digest: Mapped[str] = mapped_column(primary_key=True)
    person_id: Mapped[str] = mapped_column(index=True)
    made_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class PasskeyRow(Table):
    """A passkey of somebody who signs in on the web (WebAuthn).

    `id`: of the credential, `public_key`: as COSE, both base64url. `sign_count`: the highest that
    its device has said; 0 where the device keeps none.
    """

    __tablename__ = "passkeys"

    id: Mapped[str] = mapped_column(primary_key=True)
    person_id: Mapped[str] = mapped_column(index=True)
    public_key: Mapped[str]
    sign_count: Mapped[int]
    name: Mapped[str]
    made_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class PasskeyChallengeRow(Table):
    """What a passkey is asked to sign, once. `digest`: of the session, or of the cookie, of the
    browser that asked."""

    __tablename__ = "passkey_challenges"

    digest: Mapped[str] = mapped_column(primary_key=True)
    challenge: Mapped[str]
    expires_at: Mapped[datetime] = mapped_column(index=True)


class SignInRow(Table):
    """A sign-in on the web, or one that was refused. `network`: where from, without the last
    part of the address."""

    __tablename__ = "sign_ins"

    id: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(index=True)
    person_id: Mapped[str] = mapped_column(index=True)
    how: Mapped[str]
    outcome: Mapped[str]
    network: Mapped[str]


class CityAccountRow(Table):
    """An account of the city's own sign-in (OpenID Connect), and the person whose it is."""

    __tablename__ = "city_accounts"

    issuer: Mapped[str] = mapped_column(primary_key=True)
    subject: Mapped[str] = mapped_column(primary_key=True)
    person_id: Mapped[str] = mapped_column(index=True)
    linked_at: Mapped[datetime]


class CitySignInRow(Table):
    """A sign-in that is under way at the city's provider. `digest`: of what the browser's cookie
    holds; `state`, `nonce` and `verifier` as OpenID Connect and PKCE name them."""

    __tablename__ = "city_sign_ins"

    digest: Mapped[str] = mapped_column(primary_key=True)
    state: Mapped[str]
    nonce: Mapped[str]
    verifier: Mapped[str]
    after: Mapped[str]
    expires_at: Mapped[datetime] = mapped_column(index=True)
