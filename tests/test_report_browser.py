"""The page of a run in a browser: headless Chromium, driven through its own driver."""

import importlib.util
import io
import json
import shutil

import pytest
from fake_claims import claim, false, hostile
from rich.console import Console
from test_report import CALIBRATION

from theory_checks import report
from theory_checks.runner import run

BROWSER, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
MISSING = [
    what
    for what, there in (
        ("the package selenium", importlib.util.find_spec("selenium")),
        ("chromium", BROWSER),
        ("chromedriver", DRIVER),
    )
    if not there
]
pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"needs {', '.join(MISSING)}")

OPTIONS = (
    "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync "
    "--disable-dev-shm-usage"
)
NAMES = ["theorem-4.2", "theorem-4.3", "proposition-A.1", "lemma-C.2", "own-claim"]

# The least contrast, and where: of text with what is behind it (as a share of the 4.5 that large
# and small text need), and of strokes and fills of the figures, but for the grid (of 3).
CONTRAST = """
const channel = c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
const parse = text => (text.match(/[0-9.]+/g) || []).map(Number);
const luminance = ([r, g, b]) =>
  0.2126 * channel(r / 255) + 0.7152 * channel(g / 255) + 0.0722 * channel(b / 255);
function behind(element) {
  for (let e = element; e; e = e.parentElement) {
    const colour = parse(getComputedStyle(e).backgroundColor);
    if (colour.length === 3) return colour;
  }
  return [255, 255, 255];
}
function ratio(element, colour) {
  const [a, b] = [luminance(parse(colour)), luminance(behind(element))].sort((x, y) => x - y);
  return (b + 0.05) / (a + 0.05);
}
const grid = getComputedStyle(document.documentElement).getPropertyValue("--grid").trim();
const probe = document.createElement("i");
probe.style.color = grid;
document.body.append(probe);
const faint = getComputedStyle(probe).color;
probe.remove();
const found = [];
for (const e of document.body.querySelectorAll("*")) {
  if (!e.getClientRects().length) continue;
  const style = getComputedStyle(e), own = [...e.childNodes].some(
    n => n.nodeType === Node.TEXT_NODE && n.data.trim());
  const shown = e instanceof SVGElement ? style.fill : style.color;
  if (own) found.push([ratio(e, shown) / 4.5, e.outerHTML.slice(0, 120)]);
  if (!own && e.closest(".panels") && ["path", "use", "rect"].includes(e.tagName)) {
    if (e.closest("defs") || Number(style.opacity) < 1 || Number(style.fillOpacity) < 1) continue;
    for (const paint of [style.stroke, style.fill])
      if (paint !== "none" && paint !== faint)
        found.push([ratio(e, paint) / 3, e.outerHTML.slice(0, 120)]);
  }
}
found.sort((a, b) => a[0] - b[0]);
return [found.length, found[0]];
"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """Return a headless browser with a fresh profile."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    for option in (*OPTIONS.split(), f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(option)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(executable_path=DRIVER))
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """Return the address of the page of a run of fake claims."""
    folder = tmp_path_factory.mktemp("report")
    claims = (
        claim("lemma-C.2", panels=3),
        false("proposition-A.1"),
        claim("theorem-4.2", high=0.0),
        claim("own-claim", recorded="fails as printed"),
        hostile("theorem-4.3", "<script>console.error('x')</script>_a_long_word_unbroken"),
    )
    run(claims, "quick", 3, folder, Console(file=io.StringIO()))
    (folder / "calibration.json").write_text(json.dumps(CALIBRATION))
    return report.write(folder).as_uri()


@pytest.fixture
def page(browser, address):
    """Return the browser with the page just loaded, light and 1280 pixels wide."""
    show(browser, 1280, "light")
    browser.get(address)
    return browser


def show(browser, width, scheme, media="screen"):
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500},
    )
    feature = {"name": "prefers-color-scheme", "value": scheme}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": media, "features": [feature]})


def press(browser, *keys):
    """Send keys to whatever has the focus."""
    from selenium.webdriver import ActionChains

    ActionChains(browser).send_keys(*keys).perform()


def tab_to(browser, condition, *, back=False):
    """Move the focus forward, or back, until the focused element `e` meets a condition."""
    from selenium.webdriver import ActionChains, Keys

    for _ in range(20):
        step = ActionChains(browser).key_down(Keys.SHIFT) if back else ActionChains(browser)
        step.send_keys(Keys.TAB).key_up(Keys.SHIFT).perform()
        if browser.execute_script(f"const e = document.activeElement; return {condition}"):
            return
    pytest.fail(f"no element with {condition} within 20 steps of the keyboard")


def rows(browser):
    """Return the claims of the rows that the table shows, from the top."""
    found = browser.execute_script(
        "return [...document.querySelectorAll('#verdict-table tbody tr')]"
        ".filter(row => row.getClientRects().length)"
        ".map(row => row.querySelector('a').getAttribute('href').slice(1))"
    )
    by_anchor = {name.replace(".", "-"): name for name in NAMES}
    return [by_anchor[anchor] for anchor in found]


def sorted_by(browser):
    return browser.execute_script(
        "return [...document.querySelectorAll('#verdict-table th[aria-sort]')]"
        ".map(head => [head.textContent.trim(), head.getAttribute('aria-sort')])"
    )


def test_the_page_loads_without_a_message_and_shows_every_claim(page):
    assert page.title == "Theory checks: quick profile, seed 3"
    assert page.get_log("browser") == []
    assert rows(page) == NAMES
    for name in NAMES:
        box = page.find_element("id", name.replace(".", "-")).rect
        assert box["width"] > 600
        assert box["height"] > 300


def test_a_script_that_is_not_the_page_s_own_does_not_run(page):
    page.execute_script(
        "const s = document.createElement('script'); s.textContent = 'window.ran = 1';"
        "document.body.append(s)"
    )
    assert page.execute_script("return window.ran") is None
    assert any("Content Security Policy" in entry["message"] for entry in page.get_log("browser"))


@pytest.mark.parametrize("width", [390, 820, 1280])
def test_no_figure_is_empty_and_nothing_scrolls_sideways(page, width):
    show(page, width, "light")
    page.execute_script("document.querySelectorAll('details').forEach(e => { e.open = true })")
    boxes = page.execute_script(
        "return [...document.querySelectorAll('.panels svg')].map(svg => {"
        "const inner = svg.getBBox(), outer = svg.getBoundingClientRect();"
        "return [inner.width, inner.height, outer.width, outer.height]})"
    )
    assert len(boxes) == 7
    assert min(min(box) for box in boxes) > 150
    assert page.execute_script("return document.documentElement.scrollWidth") <= width
    beyond = page.execute_script(
        "return [...document.body.querySelectorAll(':not(.skip):not(svg *)')].filter("
        "e => e.getBoundingClientRect().right > innerWidth + 1).map(e => e.outerHTML.slice(0, 90))"
    )
    assert beyond == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_text_and_figures_have_contrast(page, scheme, width):
    show(page, width, scheme)
    page.execute_script("document.querySelectorAll('details').forEach(e => { e.open = true })")
    dark = page.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert (dark == "rgb(255, 255, 255)") == (scheme == "light")
    count, (least, where) = page.execute_script(CONTRAST)
    assert count > 300
    assert least >= 1, where


def test_print_is_light_and_shows_details_but_no_controls(page):
    show(page, 800, "dark", "print")
    background = "return getComputedStyle(document.body).backgroundColor"
    assert page.execute_script(background) == "rgb(255, 255, 255)"
    count, (least, where) = page.execute_script(CONTRAST)
    assert count > 300
    assert least >= 1, where
    page.execute_script("window.dispatchEvent(new Event('beforeprint'))")
    closed = "return document.querySelectorAll('details:not([open])').length"
    assert page.execute_script(closed) == 0
    assert not page.find_element("id", "filter").is_displayed()


def test_the_table_is_sorted_with_the_keyboard_alone(page):
    from selenium.webdriver import Keys

    assert sorted_by(page) == [["claim", "ascending"]]
    tab_to(page, "e.tagName === 'BUTTON' && e.textContent === 'verdict'")
    outline = "return getComputedStyle(document.activeElement).outlineStyle"
    assert page.execute_script(outline) == "solid"
    press(page, Keys.ENTER)
    assert sorted_by(page) == [["verdict", "ascending"]]
    ordered = ["theorem-4.3", "lemma-C.2", "own-claim", "proposition-A.1", "theorem-4.2"]
    assert rows(page) == ordered
    press(page, Keys.SPACE)
    assert sorted_by(page) == [["verdict", "descending"]]
    assert rows(page) == [*ordered[:2:-1], *ordered[:3]]
    tab_to(page, "e.tagName === 'BUTTON' && e.textContent === 'seconds'")
    press(page, Keys.ENTER)
    seconds = page.execute_script(
        "return [...document.querySelectorAll('#verdict-table tbody tr')]"
        ".map(row => Number(row.cells[3].dataset.key))"
    )
    assert seconds == sorted(seconds)
    tab_to(page, "e.tagName === 'BUTTON' && e.textContent === 'claim'", back=True)
    press(page, Keys.ENTER)
    assert rows(page) == NAMES


def test_the_table_is_filtered_with_the_keyboard_alone(page):
    from selenium.webdriver import Keys

    def count():
        return page.find_element("id", "filter-count").text

    assert count() == "5 of 5 shown"
    tab_to(page, "e.labels && e.labels[0] && e.labels[0].textContent === 'Filter by text'")
    press(page, "PROPOSITION a")
    assert rows(page) == ["proposition-A.1"]
    assert count() == "1 of 5 shown"
    press(page, Keys.ENTER)  # does not leave the page
    press(page, *(Keys.BACKSPACE,) * 13)
    assert rows(page) == NAMES
    press(page, Keys.TAB, "hol")  # the verdict that starts so
    assert rows(page) == ["theorem-4.3", "lemma-C.2", "own-claim"]
    press(page, Keys.ARROW_DOWN)
    assert rows(page) == ["proposition-A.1"]


def test_the_first_stop_of_the_keyboard_skips_to_the_verdicts(page):
    from selenium.webdriver import Keys

    tab_to(page, "e.className === 'skip' && e.getBoundingClientRect().left >= 0")
    press(page, Keys.ENTER)
    assert page.execute_script("return document.activeElement.id") == "verdicts"


def test_the_page_is_whole_without_scripts(page, address):
    page.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        page.get(address)
        assert not page.find_element("id", "filter").is_displayed()
        table = page.find_element("id", "verdict-table").text
        assert "Lemma C.2: Title of lemma-C.2" in table
        assert page.find_element("tag name", "summary").is_displayed()
    finally:
        page.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
