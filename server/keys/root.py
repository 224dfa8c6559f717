"""The master key of these settings: from the environment, a file, or a file that KMS opens."""

from __future__ import annotations

import secrets
from dataclasses import replace

from server.config import PREFIX, Config
from server.keys import kms
from server.keys.data_keys import DataKeys
from server.master_key import (
    KeyFileError,
    MasterKey,
    key_in,
    key_text,
    load_master_key,
    replace_key_text,
)

_SETTING = f"{PREFIX}MASTER_KEY"


def open_root(config: Config) -> MasterKey:
    """The master key alone; made at the first call where there is none. Raises `KeyFileError`."""
    if config.master_key:
        return _opened(config, config.master_key, _SETTING)
    if not config.kms_key and not _is_wrapped_file(config):
        return load_master_key(config.key_file)
    return _opened(config, key_text(config.key_file, lambda: _new(config)), str(config.key_file))


def open_key(config: Config) -> MasterKey:
    """The master key with the data keys in the database of these settings. They are looked up at
    their first use. Raises `KeyFileError`."""
    root = open_root(config)
    return replace(root, seal_keys=DataKeys(config.database_url, root))


def existing_root(config: Config) -> MasterKey:
    """The master key, which is not made here. Raises `KeyFileError` without one."""
    if not config.master_key and not config.key_file.exists():
        raise KeyFileError(
            f"{config.key_file}: there is no master key here. It is never in a backup: put it "
            "back from where it is kept"
        )
    return open_root(config)


def existing_key(config: Config) -> MasterKey:
    """As `existing_root`, with the data keys."""
    root = existing_root(config)
    return replace(root, seal_keys=DataKeys(config.database_url, root))


def wrap_file(config: Config) -> None:
    """Put the master key's file into the envelope of the settings' KMS key, out of plain text or
    out of another envelope. The key stays the same. Raises `KeyFileError`."""
    if not config.kms_key:
        raise KeyFileError(f"name the KMS key in {PREFIX}KMS_KEY")
    if config.master_key:
        raise KeyFileError(f"the master key is in {_SETTING}, not in a file")
    text = kms.wrap(existing_root(config).secret, config.kms_key, config.kms_region)
    replace_key_text(config.key_file, text)


def _new(config: Config) -> str:
    if config.kms_key:
        return kms.generate(config.kms_key, config.kms_region)
    return secrets.token_hex(32)


def _is_wrapped_file(config: Config) -> bool:
    try:
        return kms.is_wrapped(config.key_file.read_text())
    except (OSError, UnicodeDecodeError):
        return False


def _opened(config: Config, text: str, where: str) -> MasterKey:
    if kms.is_wrapped(text):
        return MasterKey(kms.unwrap(text, config.kms_region))
    return key_in(text, where)
