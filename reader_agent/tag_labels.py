"""What is printed on a tag, and which number comes next."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import Final

from schemas.district import BADGE, CLAIM_TAG, KEY_TAG, TAG_RETIRED, Tag
from schemas.problems import Refusal
from schemas.tag_ids import is_hint

LABEL_MAX: Final = 20
FIRST: Final = {KEY_TAG: "K-001", CLAIM_TAG: "C-001", BADGE: "B-001"}

_LABEL = re.compile(r"[A-Z0-9][A-Z0-9-]{0,19}")
_NUMBERED = re.compile(r"(.*?)([0-9]+)")


def check_label(text: str) -> str:
    """The label in upper case. Refusal `bad_label`: letters, digits and dashes, up to 20."""
    label = text.strip().upper()
    if not _LABEL.fullmatch(label):
        raise Refusal("bad_label")
    return label


def next_label(tags: Iterable[Tag], kind: str, *, is_radio: bool = False) -> str:
    """One more than the highest number in the style that most labels of this kind have.

    A retired tag's number is not given again: it still stands on a piece of plastic. A radio tag
    shares the label of a key tag, so for those the first key label without one is next.
    """
    known = [tag for tag in tags if tag.kind == kind]
    if is_radio:
        return _unheard(known)
    styles = Counter(found[1] for tag in known if (found := _NUMBERED.fullmatch(tag.label)))
    if not styles:
        return FIRST[kind]
    style = styles.most_common(1)[0][0]
    digits = [
        found[2] for tag in known if (found := _NUMBERED.fullmatch(tag.label)) and found[1] == style
    ]
    width = max(len(number) for number in digits)
    return f"{style}{max(map(int, digits)) + 1:0{width}d}"


def label_after(tags: Iterable[Tag], label: str) -> str | None:
    """The next number after `label` that no tag has or had: a box of tags is numbered in a row.
    None where the label has no number."""
    found = _NUMBERED.fullmatch(label)
    if found is None:
        return None
    taken = {tag.label.upper() for tag in tags}
    style, digits = found.groups()
    number = int(digits) + 1
    while (following := f"{style}{number:0{len(digits)}d}") in taken:
        number += 1
    return following if len(following) <= LABEL_MAX else None


def check_free(tags: Iterable[Tag], label: str, kind: str, *, is_radio: bool) -> None:
    """Refusal `label_in_use` where another tag that is not retired has the label. A radio tag
    and the key tag beside it on the same ring may share theirs."""
    for tag in tags:
        are_a_pair = kind == tag.kind == KEY_TAG and is_hint(tag.id) != is_radio
        if tag.label.upper() == label and tag.status != TAG_RETIRED and not are_a_pair:
            raise Refusal("label_in_use")


def _unheard(keys: list[Tag]) -> str:
    in_use = [tag for tag in keys if tag.status != TAG_RETIRED]
    heard = {tag.label for tag in in_use if is_hint(tag.id)}
    unheard = sorted(tag.label for tag in in_use if tag.label not in heard)
    return unheard[0] if unheard else FIRST[KEY_TAG]
