import msgspec
import pytest

from gestalt_contracts import errors

KINDS = [
    (errors.InvalidRequest("no"), 400, "invalid_request"),
    (errors.Unauthorized(), 401, "unauthorized"),
    (errors.Forbidden("no"), 403, "forbidden"),
    (errors.NotFound("no"), 404, "not_found"),
    (errors.MethodNotAllowed("GET, POST"), 405, "method_not_allowed"),
    (errors.Conflict("no"), 409, "conflict"),
    (errors.PayloadTooLarge("no"), 413, "payload_too_large"),
    (errors.Misdirected("no"), 421, "misdirected_request"),
    (errors.Unprocessable("no", code="line_too_long"), 422, "line_too_long"),
    (errors.Unavailable("no"), 503, "service_unavailable"),
    (errors.TimedOut("no"), 504, "gateway_timeout"),
    (errors.worker_unavailable(), 503, "worker_unavailable"),
]


@pytest.mark.parametrize(("error", "status", "code"), KINDS)
def test_every_error_has_one_shape(error: errors.GestaltError, status: int, code: str) -> None:
    body = error.body()
    assert error.status == status
    assert body.endswith(b"\n")
    assert msgspec.json.decode(body) == {"message": error.message, "error": error.message, "code": code}


def test_an_error_says_more_only_where_it_is_named() -> None:
    body = errors.Conflict("taken", session_id="Coder 1").body()
    assert body == b'{"message":"taken","error":"taken","code":"conflict","session_id":"Coder 1"}\n'
    assert b'"session_id":"Coder 1"' in errors.worker_unavailable("Coder 1").body()


def test_headers_say_what_may_be_done() -> None:
    assert errors.Unauthorized().headers == {"WWW-Authenticate": "Bearer"}
    assert errors.MethodNotAllowed("GET").headers == {"Allow": "GET"}
    assert errors.worker_unavailable().headers == {"Retry-After": "1"}


@pytest.mark.parametrize(
    ("status", "code"), [(500, "internal_error"), (507, "internal_error"), (418, "invalid_request")]
)
def test_a_status_without_a_code_of_its_own_has_one_all_the_same(status: int, code: str) -> None:
    assert errors.code_of(status) == code
