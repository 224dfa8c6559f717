"""The Flask application of the cloud."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
from flask import Flask, current_app, request
from werkzeug.middleware.proxy_fix import ProxyFix

from schemas.catalog import Catalog
from server import tracing
from server.config import Config
from server.database import Database, open_database
from server.guarding.headers import harden
from server.guarding.origin import refuse_foreign_origin
from server.guarding.rates import limit_rates
from server.keys.root import open_key
from server.master_key import MasterKey
from server.news_line import NewsLine
from server.notices import Notices, Waking
from server.photo_store import PhotoStore
from server.photo_stores import open_photo_store
from server.request_ids import name_requests
from server.request_spans import trace_requests
from server.shared_news import SharedNews
from server.unavailable import answer_while_away
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
    notices: Waking
    shared_news: SharedNews
    news_line: NewsLine


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
    database, key = open_database(config), open_key(config)
    app.extensions[_EXTENSION] = Services(
        config=config,
        database=database,
        key=key,
        catalog=Catalog(
            _FOLDER / "translations", "driver", "manager", "reports", "administration", "sign_in"
        ),
        notices=Notices(database, config.notice_s, config.streams_max),
        shared_news=SharedNews(database, key, config.changes_per_answer),
        news_line=NewsLine(),
    )
    app.extensions[_PHOTOS] = open_photo_store(config, key)
    if config.behind_proxies:
        hops = config.behind_proxies
        # Flask's documented way to wrap the application, which its types do not foresee.
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops
        )
    name_requests(app)
    answer_while_away(app)
    tracing.begin(config)
    trace_requests(app)
    watch_over(app, config)
    limit_rates(app, config)
    app.before_request(refuse_foreign_origin)
    app.register_blueprint(driver)
    app.register_blueprint(manager)
    register_api(app)
    app.after_request(harden)
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
