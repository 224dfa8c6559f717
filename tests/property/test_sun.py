"""What holds for SUN links, whatever they say."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from schemas.sun import (
    COUNTER_MAX,
    SunError,
    SunMessage,
    SunRead,
    decrypt_file_data,
    encrypt_file_data,
    read_sun_url,
    sdm_mac,
    sun_url,
    verify_sun,
)

BASE = "https://valet.example/t"
KEYS = st.binary(min_size=16, max_size=16)
UIDS = st.binary(min_size=7, max_size=7).map(lambda uid: uid.hex().upper())
COUNTERS = st.integers(0, COUNTER_MAX)
PADDINGS = st.binary(min_size=5, max_size=5)
# Links made of what links are made of find more than any text.
PIECES = st.sampled_from(
    [
        *(
            "?",
            "&",
            "=",
            "#",
            "picc_data=",
            "e=",
            "p=",
            "enc=",
            "cmac=",
            "c=",
            "m=",
            "uid=",
            "ctr=",
        ),
        *("00", "AbCd", "0" * 16, "0" * 32, "0" * 48, "zz", "%30", "https://h/t", "é", "\x00"),
    ]
)
LIKELY_LINKS = st.lists(PIECES, max_size=14).map("".join)


def message_in(url: str) -> SunMessage | None:
    try:
        return read_sun_url(url)
    except SunError:
        return None


@given(st.one_of(st.text(max_size=600), LIKELY_LINKS), KEYS, KEYS)
def test_no_link_ever_raises_anything_but_what_it_should(
    url: str, meta: bytes, file: bytes
) -> None:
    message = message_in(url)
    if message is not None:
        verify_sun(message, meta, lambda _uid: file)
        verify_sun(message, meta, lambda _uid: None)


@given(UIDS, COUNTERS, KEYS, KEYS, PADDINGS)
def test_what_a_card_says_is_what_is_read(
    uid: str, counter: int, meta: bytes, file: bytes, padding: bytes
) -> None:
    url = sun_url(BASE, uid, counter, meta, file, padding)
    keys = {uid: file}
    assert verify_sun(read_sun_url(url), meta, keys.get) == SunRead(uid, counter)
    head, query = url.split("?")
    assert verify_sun(read_sun_url(f"{head}?{query.lower()}"), meta, keys.get) is not None


@given(UIDS, COUNTERS, KEYS, KEYS, PADDINGS, st.data())
def test_one_changed_digit_proves_nothing(
    uid: str, counter: int, meta: bytes, file: bytes, padding: bytes, data: st.DataObject
) -> None:
    url = sun_url(BASE, uid, counter, meta, file, padding)
    places = [at for at in range(len(BASE) + 11, len(url)) if url[at] in "0123456789ABCDEF"]
    at = data.draw(st.sampled_from(places))
    digit = data.draw(st.sampled_from([digit for digit in "0123456789ABCDEF" if digit != url[at]]))
    message = read_sun_url(url[:at] + digit + url[at + 1 :])
    # In the padding a change is no change of who or when, but of the whole block it is enciphered
    # in; so whatever still deciphers names another UID or counter, and the MAC is not over that.
    assert verify_sun(message, meta, lambda _uid: file) is None


@given(UIDS, COUNTERS, KEYS, st.integers(1, 4), st.data())
def test_file_data_comes_back_and_is_covered(
    uid: str, counter: int, key: bytes, blocks: int, data: st.DataObject
) -> None:
    plain = data.draw(st.binary(min_size=16 * blocks, max_size=16 * blocks))
    enc = encrypt_file_data(key, uid, counter, plain)
    assert decrypt_file_data(key, uid, counter, enc) == plain
    covered = f"{enc.hex().upper()}&cmac="
    mac = sdm_mac(key, uid, counter, covered.encode()).hex()
    url = f"{BASE}?uid={uid}&ctr={counter:06X}&enc={covered}{mac}"
    assert verify_sun(read_sun_url(url), b"", {uid: key}.get) == SunRead(uid, counter, plain)
    other = url.replace("&enc=" + enc.hex().upper()[:1], "&enc=" + ("0" if enc[0] >> 4 else "1"))
    assert verify_sun(read_sun_url(other), b"", {uid: key}.get) is None
