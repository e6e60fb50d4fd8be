"""The pages in a real browser: they show what they should, load nothing from elsewhere, and their console stays silent."""


import pytest

import contract
from browser import Browser
from client import check_error
from service import ROOT

SHOTS = ROOT / "build/reports/pages"
OPERATIONS = [operation["operationId"] for item in contract.document()["paths"].values() for method, operation in item.items()
              if method in contract.METHODS]


@pytest.fixture(scope="module")
def browser():
    SHOTS.mkdir(parents=True, exist_ok=True)
    browser = Browser()
    yield browser
    browser.close()


def was_built(package):
    """Whether npm brought it when the master was built; without it, its page is not there and says so."""
    return (ROOT / "web/node_modules" / package).is_dir()


def finish(browser, name):
    browser.screenshot(SHOTS / f"{name}.png")
    assert browser.complaints() == []


def test_swagger_ui_shows_every_operation(client, browser):
    if not was_built("swagger-ui-dist"):
        return check_error(client.get("/docs"), 404, "not_found")
    browser.open(client.url + "/docs")
    browser.wait_for(f"document.querySelectorAll('.opblock').length == {len(OPERATIONS)}", "every operation is there")
    browser.run("document.querySelector('.opblock-post .opblock-summary-control').click()")
    browser.wait_for("document.querySelector('.opblock-post .body-param__text, .opblock-post .body-param__example')", "it opens")
    finish(browser, "docs")


def test_redoc_shows_every_operation(client, browser):
    if not was_built("redoc"):
        return check_error(client.get("/redoc"), 404, "not_found")
    browser.open(client.url + "/redoc")
    script = "[...document.querySelectorAll('[data-section-id*=\"operation/\"]')].map((e) => e.dataset.sectionId.split('operation/')[1])"
    browser.wait_for(f"{script}.length >= {len(OPERATIONS)}", "every operation is there")
    assert set(browser.run(f"return {script}")) == set(OPERATIONS)
    finish(browser, "redoc")


def fill(browser, values):
    browser.run("for (const [selector, value] of Object.entries(arguments[0])) document.querySelector(selector).value = value",
                values)


def test_a_program_is_tried_on_the_page(client, browser):
    browser.open(client.url + "/")
    browser.wait_for("document.querySelectorAll('#load tr').length > 2", "the queues are there")
    names = browser.run("return [...document.querySelectorAll('#language option')].map((o) => o.value)")
    assert names == [language["name"] for language in client.get("/languages").json()["languages"]]
    browser.run("document.getElementById('language').value = 'python';"
                "document.getElementById('language').dispatchEvent(new Event('change'))")
    assert "print" in browser.run("return document.getElementById('code').value"), "the language's example"
    browser.run("document.getElementById('add').click(); document.getElementById('add').click()")
    fill(browser, {"#code": "print(int(input()) * 2)", "#cases li:nth-child(1) .input": "4",
                   "#cases li:nth-child(1) .expected": "8", "#cases li:nth-child(2) .input": "1",
                   "#cases li:nth-child(2) .expected": "<b>3</b>"})
    browser.run("document.dispatchEvent(new KeyboardEvent('keydown', {key: 'Enter', ctrlKey: true}))")
    browser.wait_for("document.querySelector('#result li')", "the result is shown")
    verdicts = browser.run("return [...document.querySelectorAll('#result .verdict')].map((e) => e.textContent)")
    assert verdicts == ["wrong answer", "accepted", "wrong answer"]
    assert "<b>3</b>" in browser.run("return document.getElementById('result').textContent"), "text stays text"
    finish(browser, "page")


def test_a_run_is_cancelled_and_a_mistake_is_told(client, browser):
    browser.open(client.url + "/")
    browser.wait_for("document.querySelectorAll('#language option').length > 0", "the languages are there")
    fill(browser, {"#language": "python", "#code": "import time\ntime.sleep(60)"})
    browser.run("document.getElementById('run').click()")
    browser.wait_for("!document.getElementById('cancel').hidden", "it may be cancelled")
    browser.run("document.getElementById('cancel').click()")
    browser.wait_for("document.getElementById('result').textContent.includes('cancelled')", "it was")
    assert browser.complaints() == []
    fill(browser, {"#code": "x".ljust(60_000)})
    browser.run("document.getElementById('run').click()")
    browser.wait_for("document.getElementById('state').textContent.includes('code must have')", "the refusal is shown")


def test_every_control_has_a_name_and_a_place(client, browser):
    """For those who use a screen reader or only a keyboard."""
    browser.open(client.url + "/")
    browser.wait_for("document.querySelectorAll('#language option').length > 0", "the languages are there")
    browser.run("document.getElementById('add').click()")
    nameless = browser.run("""return [...document.querySelectorAll('input, select, textarea, button, a')]
        .filter((e) => !(e.labels?.length || e.textContent.trim() || e.getAttribute('aria-label'))).map((e) => e.outerHTML)""")
    assert nameless == []
    assert browser.run("return document.activeElement.className") == "input", "a new test case is where one types on"
    assert browser.run("return [...document.querySelectorAll('[tabindex]')].every((e) => e.tabIndex < 1)")


def test_pages_load_nothing_from_elsewhere(client):
    for path in ["/", *(["/docs"] if was_built("swagger-ui-dist") else []), *(["/redoc"] if was_built("redoc") else [])]:
        response = client.get(path)
        policy = response.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "http" not in policy and "unsafe-eval" not in policy, policy
        assert "//" not in response.text.replace("<!DOCTYPE html>", ""), "no other host is named"
