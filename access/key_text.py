"""The text of a key: `rw_`, its id, a secret, and a checksum. Pure but for the random bits.

    rw_k7f3m2q9xd_3kTn…(32 characters)…9aB2xY
       id         secret                 checksum

The id stays the same when the key is rotated. A mistyped key is refused by its checksum, without a look into the database; tools that
search for leaked secrets find a key by its beginning. Only the SHA-256 of the whole text is stored.
"""

import hashlib
import re
import secrets
import string
import zlib

PREFIX = "rw_"
# Without characters that people confuse.
_ID_ALPHABET = "abcdefghjkmnpqrstvwxyz23456789"
_ALPHABET = string.digits + string.ascii_letters
ID_LENGTH = 10
_ID_START, _ID_END = len(PREFIX), len(PREFIX) + ID_LENGTH
# 190 bits: nobody finds one by trial, so a plain hash is as good as a slow one.
_SECRET_LENGTH = 32
_CHECK_LENGTH = 6
# Characters of the secret that are shown, so that people can tell two secrets of one key apart.
_SHOWN = 4
LENGTH = len(PREFIX) + ID_LENGTH + 1 + _SECRET_LENGTH + _CHECK_LENGTH
_KEY = re.compile(
    rf"rw_([{_ID_ALPHABET}]{{{ID_LENGTH}}})_[0-9A-Za-z]{{{_SECRET_LENGTH + _CHECK_LENGTH}}}", re.ASCII
)
_KEY_ID = re.compile(rf"[{_ID_ALPHABET}]{{{ID_LENGTH}}}", re.ASCII)
# Enough to tell all secrets apart, too little to be of use to anybody.
_FINGERPRINT_LENGTH = 24


def generate_key_id() -> str:
    """Return a new id of a key."""
    return "".join(secrets.choice(_ID_ALPHABET) for _ in range(ID_LENGTH))


def generate_key(key_id: str) -> str:
    """Return the text of a new key with this id."""
    body = f"{PREFIX}{key_id}_" + "".join(secrets.choice(_ALPHABET) for _ in range(_SECRET_LENGTH))
    return body + _checksum(body)


def parse_key_id(text: str) -> str | None:
    """Return the id of the key in its text; `None` if the text is not that of a key."""
    match = _KEY.fullmatch(text)
    if match is None or _checksum(text[:-_CHECK_LENGTH]) != text[-_CHECK_LENGTH:]:
        return None
    return match[1]


def cut_key_id(text: str) -> str:
    """Return the characters in place of the id, without checking the text."""
    return text[_ID_START:_ID_END]


def parse_shown_id(text: str) -> str | None:
    """Return the id in what people copy from a list: the id itself, or the beginning of a key.

    `None` for anything else, and for a whole key: that would be in the list of processes and in the history of the shell.
    """
    shown = text.strip().removeprefix(PREFIX).partition("_")[0]
    return shown if _KEY_ID.fullmatch(shown) and parse_key_id(text.strip()) is None else None


def show_beginning(text: str) -> str:
    """Return the part of a key that may be shown."""
    return text[: len(PREFIX) + ID_LENGTH + 1 + _SHOWN]


def hash_key(text: str) -> bytes:
    """Return the SHA-256 of a key, which is all that is stored of its secret."""
    return hashlib.sha256(text.encode()).digest()


def fingerprint(digest: bytes) -> str:
    """Return what stands for a secret in memory, in logs and in errors: a part of its hash."""
    return digest.hex()[:_FINGERPRINT_LENGTH]


def _checksum(body: str) -> str:
    value, digits = zlib.crc32(body.encode()), ""
    for _ in range(_CHECK_LENGTH):
        value, digit = divmod(value, len(_ALPHABET))
        digits = _ALPHABET[digit] + digits
    return digits
