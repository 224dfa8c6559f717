"""Which store of photos the settings name, and keeping it tidy."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog

from server.config import Config
from server.master_key import MasterKey
from server.photo_store import PhotoFolder, PhotoStore

log = structlog.get_logger()


def open_photo_store(config: Config, key: MasterKey) -> PhotoStore:
    """The store that the settings name. Does not connect yet."""
    if config.photo_store == "s3":
        # Imported here: the SDK takes half a second that a folder does not need.
        from server.photo_bucket import PhotoBucket

        return PhotoBucket(
            config.photo_bucket,
            config.photo_region,
            config.photo_put_s,
            kms_key=config.photo_kms_key,
        )
    return PhotoFolder(config.photo_folder, key, config.photo_put_s, config.photo_puts_at_once)


def drop_old_parts(store: PhotoStore, config: Config, now: datetime) -> None:
    """Forget the halves of photos that nobody has added to for long: whoever has the photo
    begins it anew."""
    count = store.drop_parts(now - timedelta(seconds=config.photo_part_keep_s))
    if count:
        log.info("photo_parts_dropped", count=count)
