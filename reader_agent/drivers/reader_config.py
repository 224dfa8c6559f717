"""A line of configuration that names a reader: `em125:/dev/valet-em125?mode=single&name=desk`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl

EXAMPLE = "em125:/dev/valet-em125"


class ReaderConfigError(ValueError):
    """The line of configuration opens no reader; the message says what to write instead.

    `code` is `reader_family_unknown`, `reader_device_missing` or `reader_option_wrong`.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class ReaderConfig:
    """What the line says: which family, which device, and settings by name."""

    family: str
    device: str
    options: Mapping[str, str]

    @classmethod
    def parse(cls, text: str) -> ReaderConfig:
        """Take `family:device?option=value&…` apart; nothing is checked yet."""
        family, _, rest = text.partition(":")
        device, _, query = rest.partition("?")
        return cls(family, device, dict(parse_qsl(query, keep_blank_values=True)))

    def check(self, families: Sequence[str]) -> None:
        """Raise `ReaderConfigError` if this names none of `families` or no device."""
        if self.family not in families:
            known = ", ".join(families)
            raise ReaderConfigError(
                "reader_family_unknown",
                f"no reader family {self.family!r}: write {EXAMPLE}; known families: {known}",
            )
        if not self.device:
            raise ReaderConfigError(
                "reader_device_missing",
                f"which device? write the family, a colon and its path: {EXAMPLE}",
            )


class Options:
    """The settings of one reader, read one by one so that a wrong one can be named."""

    def __init__(self, given: Mapping[str, str]) -> None:
        self._left = dict(given)
        self._known: list[str] = []

    def text(self, name: str, default: str) -> str:
        """The setting as it is written."""
        self._known.append(name)
        return self._left.pop(name, default)

    def choice(self, name: str, choices: Sequence[str], default: str) -> str:
        """The setting, which has to be one of `choices`."""
        text = self.text(name, default)
        if text not in choices:
            raise wrong_option(f"{name}={text}: write one of {', '.join(choices)}")
        return text

    def positive(self, name: str, default: int) -> int:
        """The setting as a whole number above zero."""
        text = self.text(name, str(default))
        if not text.isdecimal() or int(text) == 0:
            raise wrong_option(f"{name}={text}: write a whole number above 0")
        return int(text)

    def number(self, name: str, default: int, allowed: range) -> int:
        """The setting as a whole number, which may be negative, in `allowed`."""
        text = self.text(name, str(default))
        digits = text.removeprefix("-")
        if not digits.isdecimal() or int(text) not in allowed:
            raise wrong_option(
                f"{name}={text}: write a whole number from {allowed.start} to {allowed.stop - 1}"
            )
        return int(text)

    def refuse_others(self) -> None:
        """Complain of a setting that nobody asked for: it is a slip of the pen."""
        if self._left:
            unknown = ", ".join(self._left)
            known = ", ".join(self._known)
            raise wrong_option(f"no such setting: {unknown}; there are {known}")


def wrong_option(message: str) -> ReaderConfigError:
    """The error for one setting that is wrong."""
    return ReaderConfigError("reader_option_wrong", message)
