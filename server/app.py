"""The Flask application of the cloud."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
from flask import Flask, Response, current_app, request
from werkzeug.middleware.proxy_fix import ProxyFix

from schemas.catalog import Catalog
from schemas.problems import Refusal
from server.config import Config
from server.database import Database
from server.master_key import MasterKey, load_master_key
from server.photo_store import PhotoStore
from server.photo_stores import open_photo_store
from server.request_ids import name_requests
from server.version_watch import VersionWatch
from server.watch import watch_over

log = structlog.get_logger()
_FOLDER = Path(__file__).parent
_EXTENSION = "valet"
_PHOTOS = "valet_photos"


@dataclass(frozen=True, slots=True)
class Services:
    """What every request works with."""

    config: Config
    database: Database
    key: MasterKey
    catalog: Catalog
    watch: VersionWatch


class _Application(Flask):
    def log_exception(self, exc_info: Any) -> None:
        """Name the route instead of the address, which for a driver holds the token."""
        route = None if request.url_rule is None else request.url_rule.rule
        log.error("request_failed", method=request.method, route=route, exc_info=exc_info)


def create_app(config: Config) -> Flask:
    """The application, with nothing global: two of them can live in one process."""
    from server.api import register_api
    from server.driver import blueprint as driver
    from server.manager import blueprint as manager

    app = _Application(__name__, static_folder="static", template_folder="templates")
    app.config["MAX_CONTENT_LENGTH"] = config.body_bytes_max
    app.config["MAX_FORM_MEMORY_SIZE"] = config.form_bytes_max
    database, key = Database(config.database_url), load_master_key(config.key_file)
    app.extensions[_EXTENSION] = Services(
        config=config,
        database=database,
        key=key,
        catalog=Catalog(_FOLDER / "translations", "driver", "manager", "reports", "administration"),
        watch=VersionWatch(database),
    )
    app.extensions[_PHOTOS] = open_photo_store(config, key)
    if config.behind_proxies:
        hops = config.behind_proxies
        # Flask's documented way to wrap the application, which its types do not foresee.
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops
        )
    name_requests(app)
    watch_over(app, config)
    app.register_blueprint(driver)
    app.register_blueprint(manager)
    register_api(app)
    app.after_request(_harden)
    return app


def services() -> Services:
    """The services of the application that handles this request."""
    found = current_app.extensions[_EXTENSION]
    assert isinstance(found, Services)
    return found


def photo_store() -> PhotoStore:
    """Where the application that handles this request keeps photos."""
    found: PhotoStore = current_app.extensions[_PHOTOS]
    return found


def refuse_foreign_origin() -> None:
    """Stop a POST that another site's page made. Raises `Refusal("foreign_origin")`.

    Browsers say where a request comes from in `Sec-Fetch-Site`; older ones at least send
    `Origin` with a POST.
    """
    if request.method in ("GET", "HEAD", "OPTIONS"):
        return
    site = request.headers.get("Sec-Fetch-Site")
    origin = request.headers.get("Origin")
    if site is not None:
        own = site in ("same-origin", "none")
    else:
        own = origin is None or origin == request.host_url.rstrip("/")
    if not own:
        raise Refusal("foreign_origin")


def _harden(response: Response) -> Response:
    headers = response.headers
    headers.setdefault("X-Content-Type-Options", "nosniff")
    # Not no-referrer: older browsers would then blank the Origin of our own forms.
    headers.setdefault("Referrer-Policy", "same-origin")
    headers.setdefault("X-Frame-Options", "DENY")
    headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    headers.setdefault(
        "Content-Security-Policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    )
    if request.is_secure:
        headers.setdefault("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
    return response
