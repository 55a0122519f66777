"""The library for C, called by ctypes, under the names of the package for Python: so that the package's judge of vectors judges it.

KEYWARD_LIBRARY names the shared library. Not for applications, which take the package."""

import os
from ctypes import (CDLL, POINTER, Structure, addressof, byref, c_bool, c_char_p, c_int32, c_int64, c_size_t, c_uint32, c_uint64, c_void_p,
                    create_string_buffer, string_at)

_library = CDLL(os.environ["KEYWARD_LIBRARY"])
_NEVER = 2**63 - 1
ANY_PRODUCT = object()


class _Text(Structure):
    _fields_ = [("data", c_void_p), ("length", c_size_t)]


class _ListOptions(Structure):
    _fields_ = [("uri", _Text), ("refuses_older", c_bool), ("not_older_than", c_int64), ("max_token_bytes", c_size_t),
                ("max_list_bytes", c_size_t)]


class _HealthCheck(Structure):
    _fields_ = [("now", c_int64), ("warning_days", c_uint32), ("leeway_seconds", c_uint32), ("looks_at_lists", c_bool),
                ("lists", POINTER(c_void_p)), ("list_count", c_size_t), ("max_list_age_seconds", c_uint64)]


class _Health(Structure):
    _fields_ = [("state", c_char_p), ("state_by_times", c_char_p), ("unknown", c_char_p), ("valid", c_bool), ("begins_at", c_int64),
                ("ends_at", c_int64), ("expires_at", c_int64), ("changes_at", c_int64), ("list_age_seconds", c_int64)]


class _Question(Structure):
    _fields_ = [("license_key", _Text), ("version", _Text), ("nonce", _Text), ("machine_id", _Text)]


class KeywardError(Exception):
    def __init__(self, code):
        super().__init__(code)
        self.code = code


def _call(name, *arguments):
    function = getattr(_library, name)
    function.restype = c_char_p
    code = function(*arguments)
    if code is not None:
        raise KeywardError(code.decode())


def _ask(kind, name, *arguments):
    function = getattr(_library, name)
    function.restype = kind
    return function(*arguments)


def _text(value):
    """The argument, and what it points to; no text for None."""
    if value is None:
        return _Text(None, 0)
    data = value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value
    text = _Text(None, len(data))
    text.kept = create_string_buffer(data, max(len(data), 1))
    text.data = addressof(text.kept)
    return text


def _said(text):
    return None if text.data is None else string_at(text.data, text.length).decode()


def _instant(at):
    return None if at == _NEVER else at


class _Handle:
    """A handle, freed with the object that has it."""

    def __init__(self, free, make, *arguments):
        self._free, self.pointer = free, c_void_p()
        _call(make, *arguments, byref(self.pointer))

    def __del__(self):
        if self.pointer:
            _ask(None, self._free, self.pointer)


def _made(name, *arguments):
    text = _Text()
    _call(name, *arguments, byref(text))
    said = _said(text) or ""
    _ask(None, "keyward_text_free", text)
    return said


def pasted(text):
    return _made("keyward_pasted", _text(text))


class Keyring:
    def __init__(self, reader, text):
        self.handle = _Handle("keyward_keys_free", reader, _text(text))

    @classmethod
    def from_jwks(cls, text):
        return cls("keyward_keys_from_jwks", text)

    @classmethod
    def from_pem(cls, text):
        return cls("keyward_keys_from_pem", text)

    def __iter__(self):
        for place in range(_ask(c_size_t, "keyward_keys_count", self.handle.pointer)):
            yield _Key(_said(_ask(_Text, "keyward_keys_kid", self.handle.pointer, c_size_t(place))))


class _Key:
    def __init__(self, kid):
        self.kid = kid


class PublicKey:
    @staticmethod
    def from_pem(text):
        return Keyring("keyward_key_from_pem", text)

    @staticmethod
    def from_jwk(text):
        return Keyring("keyward_key_from_jwk", text)

    @staticmethod
    def from_paserk(text):
        return Keyring("keyward_key_from_paserk", text)


class Verifier:
    def __init__(self, keys, product, *, or_products=(), or_without_product=False, issuers=(), audience="license-key",
                 organization=None, subject=None, leeway_seconds=0, max_token_bytes=None):
        builder = c_void_p()
        if product is ANY_PRODUCT:
            _call("keyward_verifier_for_any_product", byref(builder))
        else:
            _call("keyward_verifier_for_product", _text(product), byref(builder))
        texts = [("or_product", id) for id in or_products] + [("issuer", issuer) for issuer in issuers]
        texts += [("audience", audience), ("organization", organization), ("subject", subject)]
        for name, value in texts:
            if value is not None:
                _call(f"keyward_verifier_{name}", builder, _text(value))
        if audience is None:
            _call("keyward_verifier_any_audience", builder)
        if or_without_product:
            _call("keyward_verifier_or_without_product", builder)
        _call("keyward_verifier_leeway", builder, c_uint32(leeway_seconds))
        if max_token_bytes is not None:
            _call("keyward_verifier_max_token_bytes", builder, c_size_t(max_token_bytes))
        self.handle = _Handle("keyward_verifier_free", "keyward_verifier_build", builder, keys.handle.pointer)

    def verify(self, token, now):
        return License(_Handle("keyward_license_free", "keyward_verify", self.handle.pointer, _text(token), c_int64(now)))

    def authenticate(self, token):
        # A token that is refused at every second is refused at once.
        license = AuthenticLicense(self, token)
        license.health(0)
        return license


class License:
    def __init__(self, handle):
        self.handle = handle
        self.json = _said(_ask(_Text, "keyward_license_json", handle.pointer))


class AuthenticLicense:
    def __init__(self, verifier, token):
        self._verifier, self._token = verifier, token

    def health(self, now, *, warning_days=30, leeway_seconds=0, lists=None, max_list_age_seconds=2**64 - 1):
        pointers = (c_void_p * max(len(lists or ()), 1))(*[found.handle.pointer for found in lists or ()])
        check = _HealthCheck(now, warning_days, leeway_seconds, lists is not None, pointers, len(lists or ()), max_list_age_seconds)
        health = _Health()
        _call("keyward_health", self._verifier.handle.pointer, _text(self._token), byref(check), byref(health))
        return _Seen(health)


class _Seen:
    def __init__(self, health):
        self.state, self.state_by_times = health.state.decode(), health.state_by_times.decode()
        self.unknown = health.unknown and health.unknown.decode()
        self.is_valid = health.valid
        self.begins_at, self.ends_at = _instant(health.begins_at), _instant(health.ends_at)
        self.expires_at, self.changes_at = _instant(health.expires_at), _instant(health.changes_at)
        self.list_age_seconds = None if health.list_age_seconds < 0 else health.list_age_seconds


class StatusListVerifier:
    def __init__(self, keys, *, uri=None, not_older_than=None, max_token_bytes=0, max_list_bytes=0):
        self._keys, self._uri = keys, _text(uri)
        self._options = _ListOptions(self._uri, not_older_than is not None, not_older_than or 0, max_token_bytes, max_list_bytes)

    def verify(self, token, now):
        return StatusList(_Handle("keyward_status_list_free", "keyward_status_list_verify", self._keys.handle.pointer,
                                  byref(self._options), _text(token), c_int64(now)))

    def check(self, lists, license, now):
        texts = [_text(found) for found in lists]
        array = (_Text * max(len(texts), 1))(*texts)
        _call("keyward_status_lists_check", self._keys.handle.pointer, byref(self._options), array, c_size_t(len(texts)),
              license.handle.pointer, c_int64(now), None)


class StatusList:
    def __init__(self, handle):
        self.handle = handle
        self.uri = _said(_ask(_Text, "keyward_status_list_uri", handle.pointer))
        self.issued_at = _ask(c_int64, "keyward_status_list_issued_at", handle.pointer)
        self.expires_at = _instant(_ask(c_int64, "keyward_status_list_expires_at", handle.pointer))

    def __len__(self):
        return _ask(c_uint64, "keyward_status_list_length", self.handle.pointer)

    def status(self, index):
        return _ask(c_int32, "keyward_status_list_status", self.handle.pointer, c_uint64(index))

    def is_stale(self, now):
        return _ask(c_bool, "keyward_status_list_is_stale", self.handle.pointer, c_int64(now))


class ClockFloor:
    def __init__(self, built, *, tolerance_seconds=86_400, handle=None):
        made = ("keyward_clock_floor_free", "keyward_clock_floor_new", c_int64(built), c_uint32(tolerance_seconds))
        self.handle = handle or _Handle(*made)

    @classmethod
    def open(cls, text, key, built, *, tolerance_seconds=86_400):
        return cls(built, handle=_Handle("keyward_clock_floor_free", "keyward_clock_floor_open", _text(text), _text(key),
                                         c_int64(built), c_uint32(tolerance_seconds)))

    def saw_signed(self, signed):
        _call("keyward_clock_floor_saw_signed", self.handle.pointer, c_int64(signed))

    def observe(self, now, ran):
        by = c_uint64()
        _call("keyward_clock_floor_observe", self.handle.pointer, c_int64(now), c_uint64(ran), byref(by))
        return by.value

    @property
    def at(self):
        return _ask(c_int64, "keyward_clock_floor_at", self.handle.pointer)

    def seal(self, key):
        return _made("keyward_clock_floor_seal", self.handle.pointer, _text(key))


class Question:
    def __init__(self, license_key, version, nonce, machine_id):
        self.texts = [_text(value) for value in (license_key, version, nonce, machine_id)]
        self.asked = _Question(*self.texts)


class AnswerVerifier:
    def __init__(self, keys, product_id, *, clock_tolerance_seconds=300):
        self._keys, self._product, self._tolerance = keys, product_id, clock_tolerance_seconds

    def verify(self, body, question, now):
        return _Handle("keyward_answer_free", "keyward_answer_verify", self._keys.handle.pointer, _text(self._product),
                       c_uint32(self._tolerance), _text(body), byref(question.asked), c_int64(now))

    def recall(self, kept, question, now, *, offline_seconds):
        until = c_int64()
        answer = _Handle("keyward_answer_free", "keyward_answer_recall", self._keys.handle.pointer, _text(self._product), _text(kept),
                         byref(question.asked), c_int64(now), c_uint32(offline_seconds), byref(until))
        return answer, until.value

    def decide(self, question, body, kept, now, *, offline_seconds):
        """As the documentation of the header tells an application to decide."""
        try:
            answer = (self.verify(body, question, now) if body is not None
                      else self.recall(kept, question, now, offline_seconds=offline_seconds)[0])
        except KeywardError:
            return _Decision(False)
        return _Decision(_ask(c_bool, "keyward_answer_valid", answer.pointer))


class _Decision:
    def __init__(self, may_run):
        self.may_run = may_run
