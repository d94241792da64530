"""What the gallery does not do: load from elsewhere, answer to other names, hand out files, tell why it failed."""

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.served import Served, ask, served, write_notebook

OUTSIDE = """() => {
  const refused = [];
  document.addEventListener("securitypolicyviolation", (event) => refused.push(event.effectiveDirective));
  const script = document.createElement("script");
  script.src = "http://outside.invalid/x.js";
  const image = document.createElement("img");
  image.src = "http://outside.invalid/x.png";
  const style = document.createElement("link");
  style.rel = "stylesheet";
  style.href = "http://outside.invalid/x.css";
  const frame = document.createElement("iframe");
  frame.src = "http://outside.invalid/";
  document.body.append(script, image, style, frame);
  const socket = () => { try { new WebSocket("ws://outside.invalid/"); } catch { /* refused at once */ } };
  socket();
  return fetch("http://outside.invalid/x", { mode: "no-cors" })
    .then(() => "fetched", () => new Promise((done) => setTimeout(() => done(refused.sort()), 300)));
}"""


@pytest.mark.parametrize("path", ["", "voila/render/00_start_here.ipynb"])
def test_a_page_cannot_reach_outside_hosts(browser: Browser, gallery: str, path: str) -> None:
    page = browser.new_page()  # of its own: what is tried here fails every other test
    page.goto(gallery + path)
    refused = page.evaluate(OUTSIDE)
    for directive in ("connect-src", "img-src", "script-src-elem", "style-src-elem", "frame-src"):
        assert directive in refused
    page.context.close()


def test_what_breaks_in_the_server_is_an_id_on_the_page_and_a_traceback_in_its_log(
    page: Page, tutorials: Served
) -> None:
    (tutorials.folder / "broken.ipynb").write_text('{"secret": "swordfish"', encoding="utf-8")
    response = page.goto(tutorials.app("broken"))
    assert response is not None
    assert response.status == 400 or response.status >= 500
    text = page.content()
    assert "swordfish" not in text
    assert str(tutorials.folder) not in text
    match = re.search(r"error (\w{8})", text)
    assert match
    logged = tutorials.log.partition(f"error {match[1]}")[2]
    assert "broken.ipynb" in logged
    assert "Traceback" in logged


def test_others_need_the_token_that_is_printed(page: Page, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("open")
    write_notebook(folder, "fine", "1 + 1")
    with served(folder, host="0.0.0.0", pool=0, names=("gallery.example",)) as server:
        match = re.search(r"\?token=(\w{48})", server.log)
        assert match, server.log
        page.goto(server.url)
        assert "/login" in page.url
        assert page.get_by_text("A page for a test.").count() == 0
        assert ask(server.url, "/voila/render/fine.ipynb")[0] in (302, 403)
        assert server.kernels() == {}
        page.goto(f"{server.url}?token={match[1]}")
        expect(page.get_by_text("A page for a test.")).to_be_visible()
        page.get_by_role("link", name="fine").click()  # from here on by cookie
        expect(page.get_by_role("heading", name="fine")).to_be_visible(timeout=120_000)
        page.wait_for_load_state("networkidle")  # else leaving the page would interrupt its scripts
        for name, status in (("192.168.7.7:8866", 302), ("gallery.example", 302), ("evil.example", 421)):
            assert ask(server.url, "/", {"Host": name})[0] == status, name


def test_light_and_dark_follow_the_system_and_the_choice_is_kept(browser: Browser, gallery: str) -> None:
    context = browser.new_context(color_scheme="dark", viewport={"width": 1300, "height": 900})
    page = context.new_page()
    page.goto(gallery)
    assert _darkness(page, "body") > 0.8
    page.get_by_role("button", name="Switch to the light theme").click()
    assert _darkness(page, "body") < 0.2
    page.goto(f"{gallery}voila/render/00_start_here.ipynb")
    page.get_by_role("button", name="Run").wait_for(timeout=120_000)
    assert _darkness(page, "body") < 0.2
    ink = "getComputedStyle(document.querySelector('.xrai')).color"
    light = page.evaluate(ink)
    page.get_by_role("button", name="Switch to the dark theme").click()
    assert _darkness(page, "body") > 0.8
    assert page.evaluate(ink) != light
    page.goto(gallery)
    assert _darkness(page, "body") > 0.8
    context.close()


def test_the_gallery_fits_a_phone(browser: Browser, gallery: str) -> None:
    context = browser.new_context(viewport={"width": 360, "height": 700})
    page = context.new_page()
    page.goto(gallery)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    for card in page.get_by_role("listitem").all():
        box = card.bounding_box()
        assert box is not None
        assert box["width"] >= 300
    context.close()


def _darkness(page: Page, selector: str) -> float:
    """0 for white, 1 for black, of an element's background."""
    colour = page.evaluate("(s) => getComputedStyle(document.querySelector(s)).backgroundColor", selector)
    return 1 - sum(float(part) for part in re.findall(r"[\d.]+", colour)[:3]) / (3 * 255)
