"""A page that many tests share is as new for each of them."""

from playwright.sync_api import expect

from tests.browser.shared import AfreshPage


def test_what_one_test_did_to_a_shared_page_is_gone_for_the_next(first_app: AfreshPage) -> None:
    page = first_app.show()
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": 420, "height": 900})
    page.get_by_role("checkbox", name="Evasion attack").check()
    page.get_by_role("tab", name="Numbers").click()
    page.context.new_page()
    page = first_app.show()
    assert not page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    assert page.viewport_size == {"width": 1400, "height": 1100}
    assert len(page.context.pages) == 1
    expect(page.locator(".xrai-app")).to_have_count(1)
    expect(page.get_by_role("checkbox", name="Evasion attack")).not_to_be_checked()
    expect(page.get_by_role("tab", name="Figure")).to_have_attribute("aria-selected", "true")
