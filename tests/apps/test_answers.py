"""What the gallery's server does not answer: other names, other pages, files, other methods."""

from collections.abc import Iterator

import pytest

from tests.browser.served import Served, ask, served
from xrai_widgets.io.notebooks import notebook_folder


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    log = tmp_path_factory.mktemp("answers") / "log"
    with served(notebook_folder(), log, pool=0) as running:
        yield running


@pytest.mark.parametrize("name", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "192.168.7.7", ""])
@pytest.mark.parametrize("path", ["/", "/voila/render/00_start_here.ipynb", "/voila/static/voila.js", "/api/kernels"])
def test_a_strange_host_name_is_refused_whatever_is_asked(server: Served, name: str, path: str) -> None:
    status, text = ask(server.url, path, {"Host": name})
    assert status in (400, 421), text
    assert "Audit a model" not in text


@pytest.mark.parametrize("name", ["localhost", "LOCALHOST:1234", "127.0.0.1", "[::1]:80"])
def test_this_machines_own_names_are_served(server: Served, name: str) -> None:
    assert ask(server.url, "/", {"Host": name})[0] == 200


def test_a_socket_from_another_page_is_refused(server: Served) -> None:
    socket = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    headers = {**socket, "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Origin": "http://evil.example"}
    kernel = "00000000-0000-0000-0000-000000000000"
    assert ask(server.url, f"/api/kernels/{kernel}/channels", headers)[0] in (403, 404)


@pytest.mark.parametrize(
    "path",
    [
        "/voila/files/00_start_here.ipynb",
        "/voila/files/../pyproject.toml",
        "/voila/render/../pyproject.toml",
        "/voila/render/..%2f..%2fpyproject.toml",
        "/voila/render/../../secret.ipynb",
        "/voila/render/%2e%2e/secret.ipynb",
        "/voila/render//etc/passwd",
        "/voila/render/.ipynb_checkpoints/00_start_here-checkpoint.ipynb",
        "/voila/render/",
        "/voila/tree/..",
        "/voila/api/contents/00_start_here.ipynb",
        "/voila/api/contents/..",
        "/voila/static/../../../../../../../../etc/passwd",
        "/voila/static/..%2f..%2f..%2f..%2f..%2f..%2f..%2fetc%2fpasswd",
        "/voila/templates/xrai/static/../index.html.j2",
        "/voila/templates/../static/../../../../../../../etc/passwd",
        "/voila/templates/xrai/static/..%2f..%2f..%2f..%2f..%2f..%2fetc%2fpasswd",
        "/voila/templates/nonsense",
        "/voila/labextensions/..%2f..%2f..%2f..%2f..%2fetc%2fpasswd",
        "/voila/api/themes/..%2f..%2f..%2f..%2f..%2fetc%2fpasswd",
        "/api/kernels",
        "/api/contents",
        "/pyproject.toml",
    ],
)
def test_no_file_is_handed_out_and_no_path_leads_outside(server: Served, path: str) -> None:
    status, text = ask(server.url, path)
    assert status in (403, 404), text
    for word in ("root:", "[project]", "nbformat", "Traceback", "site-packages", "extends"):
        assert word not in text


def test_no_kernel_is_started_for_a_method_or_a_file_that_is_not_served(server: Served) -> None:
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        status, text = ask(server.url, "/voila/render/00_start_here.ipynb", method=method)
        assert status in (403, 404, 405), method
        assert "Traceback" not in text
    assert server.kernels() == {}
