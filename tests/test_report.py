"""The page of a run: complete, well-formed, self-contained, and safe whatever its texts are."""

import hashlib
import io
import json
import re
from base64 import b64encode
from html.parser import HTMLParser
from itertools import pairwise
from types import SimpleNamespace

import pytest
from fake_claims import claim, false, hostile
from rich.console import Console

from theory_checks import appendix, report
from theory_checks.claims import CLAIMS
from theory_checks.errata import ERRATA
from theory_checks.palette import PALETTE
from theory_checks.results import ClaimResult, ResultsError, load
from theory_checks.runner import run
from theory_checks.vector import gauge, inline
from theory_checks.verdict import Quantity

VOID = {"meta", "input", "br", "hr", "img", "link"}
ATTACK = "<script>alert('x')</script> & \"quoted\" {{ 7 * 7 }}"


class Page(HTMLParser):
    """Elements of a page in order, each with its tag, attributes, text and the tags around it."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.open = [], []
        self.feed(text)
        self.close()
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag, attrs):
        element = SimpleNamespace(tag=tag, attributes=dict(attrs), text="", within=list(self.open))
        self.elements.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop().tag == tag

    def handle_data(self, data):
        for element in self.open:
            element.text += data

    def all(self, tag, **attributes):
        """Return the elements of a tag with the given attributes."""
        wanted = {name.rstrip("_"): value for name, value in attributes.items()}
        return [e for e in self.elements if e.tag == tag and wanted.items() <= e.attributes.items()]

    def within(self, element, tag):
        """Return the elements of a tag that lie within another."""
        return [each for each in self.all(tag) if element in each.within]


def written(folder, *claims, seed=3):
    """Return the text of the page of a run of the claims."""
    run(claims, "quick", seed, folder, Console(file=io.StringIO()))
    return (folder / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    """Return the page of a run whose claims have all kinds of results."""
    claims = (
        claim("lemma-C.2", panels=3),
        false("proposition-A.1"),
        claim("theorem-4.2", high=0.0),
        claim("own-claim", recorded="fails as printed"),
        hostile("theorem-4.3", ATTACK),
    )
    return written(tmp_path_factory.mktemp("report"), *claims)


@pytest.fixture(scope="module")
def page(text):
    return Page(text)


def test_the_page_has_landmarks_a_language_and_headings_in_order(text, page):
    assert text.startswith("<!doctype html>")
    assert page.all("html")[0].attributes["lang"] == "en"
    for landmark in ("header", "main", "footer", "h1", "title"):
        assert len([e for e in page.all(landmark) if "svg" not in [w.tag for w in e.within]]) == 1
    levels = [int(e.tag[1]) for e in page.elements if re.fullmatch(r"h\d", e.tag)]
    assert levels[0] == 1
    assert all(b <= a + 1 for a, b in pairwise(levels))
    assert page.all("a")[0].attributes == {"class": "skip", "href": "#verdicts"}


def test_every_identifier_is_unique_and_every_reference_has_its_target(text, page):
    names = [e.attributes["id"] for e in page.elements if "id" in e.attributes]
    assert len(names) == len(set(names))
    found = set(re.findall(r"url\(#([^)]+)\)", text))
    for element in page.elements:
        for key in ("aria-labelledby", "aria-describedby", "for"):
            found.update(element.attributes.get(key, "").split())
        if element.attributes.get("href", "").startswith("#"):
            found.add(element.attributes["href"][1:])
    assert found <= set(names)
    assert len(found) > 30


def test_nothing_is_loaded_from_elsewhere(text, page):
    assert not {"link", "img", "iframe", "object", "image", "base"} & {e.tag for e in page.elements}
    for element in page.elements:
        assert not {"src", "srcset", "data", "action", "xlink:href"} & set(element.attributes)
        target = element.attributes.get("href", "#")
        assert target.startswith("#") or (element.tag, target) == ("a", report.PAPER)
    assert not re.search(r"url\((?!#)|@import|@font-face", text)
    assert set(re.findall(r"https?://[^\s\"<)]+", text)) == {report.PAPER}


def test_the_browser_is_told_to_load_nothing_and_to_run_one_script(page):
    policy = [e for e in page.all("meta") if "http-equiv" in e.attributes]
    (script,) = page.all("script")
    digest = b64encode(hashlib.sha256(script.text.encode()).digest()).decode()
    assert policy[0].attributes["content"] == (
        f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    )
    assert len(script.text.splitlines()) < 100


def test_every_claim_is_there_in_the_order_of_the_paper(page):
    wanted = ["theorem-4-2", "theorem-4-3", "proposition-A-1", "lemma-C-2", "own-claim"]
    assert [e.attributes["id"] for e in page.all("section", class_="claim")] == wanted
    rows = [e for e in page.all("tr") if "data-verdict" in e.attributes]
    links = [page.within(row, "a")[0].attributes["href"] for row in rows]
    assert links == [f"#{name}" for name in wanted]
    for row, verdict in zip(rows, ["inconclusive", "holds", "fails as printed"], strict=False):
        assert row.attributes["data-verdict"] == verdict
        assert verdict in row.text


def test_a_claim_says_all_about_itself(page):
    (section,) = page.all("section", id="lemma-C-2")
    words = " ".join(section.text.split())
    for part in (
        "Lemma C.2: Title of lemma-C.2",
        "✓ holds, the verdict on record",
        "Lemma C.2, Appendix C of the paper",
        "E|gap| ≤ C",
        "The *gap* falls.",
        "slopen | log-log tests the statement as printed",
        "−0.5 99 %: [−0.6, −0.45] ≤ −0.4 ✓ inside",
        "slope | broken",
        "Seed 3, quick profile",
        "theory-checks run lemma-C.2 --profile quick --seed 3 --out results",
    ):
        assert part in words
    (other,) = page.all("section", id="theorem-4-2")
    assert "the verdict on record is “holds”" in other.text
    assert "? straddles the edge" in other.text


def test_the_head_says_what_was_run(page):
    words = " ".join(page.all("header")[0].text.split())
    assert re.search(r"Version levychaos \S+ Date \d{4}-\d\d-\d\d Profile quick Seed 3", words)
    summary = " ".join(page.all("section", id="verdicts")[0].text.split())
    assert "2 ✓ holds, 1 ✗ fails as printed, 1 ? inconclusive" not in summary
    assert "3 ✓ holds, 1 ✗ fails as printed, 1 ? inconclusive" in summary
    assert "Not as on record: Theorem 4.2, own-claim" in summary
    assert "theory-checks run lemma-C.2 proposition-A.1 theorem-4.2 own-claim" not in summary
    assert "theory-checks run theorem-4.2 theorem-4.3 proposition-A.1 lemma-C.2 own" in summary


def test_a_run_of_all_claims_is_repeated_without_naming_them(tmp_path):
    all_claims = [claim(name) for name in CLAIMS]
    assert "theory-checks run --profile quick --seed 3" in written(tmp_path, *all_claims)
    assert "theory-checks run theorem-3.1" in written(tmp_path / "fewer", *all_claims[:-1])


def test_every_figure_has_panels_with_a_title_a_description_and_strokes(page):
    counts = {}
    for drawing in page.all("svg", role="img"):
        section = next(e for e in drawing.within if e.attributes.get("class") == "claim")
        name = section.attributes["id"]
        counts[name] = counts.get(name, 0) + 1
        assert page.within(drawing, "title")[0].text.strip()
        assert " against " in page.within(drawing, "desc")[0].text
        assert len(page.within(drawing, "path")) > 10
        assert drawing.attributes["viewbox"]
    assert counts.pop("lemma-C-2") == 3
    assert counts == dict.fromkeys(
        ["theorem-4-2", "theorem-4-3", "proposition-A-1", "own-claim"], 1
    )
    assert all(page.within(figure, "figcaption")[0].text for figure in page.all("figure"))


def test_colours_of_figures_follow_the_page(text):
    drawings = "".join(re.findall(r"<svg viewBox.*?</svg>", text, re.DOTALL))
    for name in ("data-1", "law", "guarantee", "control", "grid"):
        assert f"var(--{name})" in drawings
    assert not re.search(r"(fill|stroke): #", drawings)


def test_text_is_escaped_everywhere(text, page):
    assert len(page.all("script")) == 1
    assert "alert" not in page.all("script")[0].text
    (section,) = page.all("section", id="theorem-4-3")
    assert section.text.count("<script>alert('x')</script>") >= 11
    assert "49" not in section.text
    assert text.count("<script") == 1


def test_what_a_results_file_says_is_escaped_too():
    quantity = Quantity("slope", -0.5, -0.6, -0.45, -0.4, "<=", role="printed")
    texts = (ATTACK,) * 4
    found = ClaimResult(*texts, "holds", "holds", (quantity,), (), (), {}, 0.1, date=ATTACK)
    text = report.render(report.Report(ATTACK, 0, ATTACK, (found,)), {})
    assert text.count("<script") == 1
    assert text.count("&lt;script&gt;") > 10
    assert len(Page(text).all("script")) == 1


CALIBRATION = {
    "version": "0.1.0",
    "profile": "quick",
    "date": "2026-01-31",
    "command": "theory-checks calibrate --seeds 100",
    "covered": [195, 200],
    "expected_misses": 0.0367,
    "claims": [
        {
            "id": "lemma-C.2",
            "recorded": "holds",
            "seeds": 100,
            "right": 98,
            "coverages": [
                {"covered": 96, "seeds": 100, "met": False},
                {"covered": 99, "seeds": 100, "met": True},
            ],
            "met": False,
        },
        {
            "id": "lemma-C.1",
            "recorded": "fails as printed",
            "seeds": 100,
            "right": 100,
            "coverages": [],
            "met": True,
        },
    ],
    "mutants": [
        {
            "name": "rate",
            "description": "n^(-0.4) <script>",
            "seeds": 100,
            "caught": 99,
            "by_claim": [["theorem-4.2", 100, 99], ["lemma-C.2", 100, 7]],
            "met": True,
        }
    ],
}


def test_a_calibration_beside_the_results_is_the_appendix(tmp_path, monkeypatch):
    monkeypatch.setattr(appendix, "RECORDED", tmp_path / "nothing")
    assert "calibration" not in written(tmp_path, claim("lemma-C.2"))
    (tmp_path / "calibration.json").write_text(json.dumps(CALIBRATION))
    page = Page(report.write(tmp_path).read_text())
    words = " ".join(page.all("section", id="calibration")[0].text.split())
    for part in (
        "195 of 200 do. 1 of the 2 intervals of the claims cover less often than their target; 0.0",
        "Lemma C.2holds98 of 1001 of 296 of 100✗ not met",
        "Lemma C.1fails as printed100 of 100none–✓ met",
        "rate n−0.4 <script>99 of 100Theorem 4.2: 99 of 100; Lemma C.2: 7 of 100✓ met",
    ):
        assert part in words


def test_the_recorded_calibration_is_the_appendix_of_other_reports(tmp_path):
    recorded = json.loads((appendix.RECORDED / "calibration.json").read_text(encoding="utf-8"))
    assert {each["id"] for each in recorded["claims"]} == set(CLAIMS)
    assert recorded["command"] in written(tmp_path, claim("lemma-C.2"))


def test_a_broken_calibration_is_refused(tmp_path):
    written(tmp_path, claim("lemma-C.2"))
    (tmp_path / "calibration.json").write_text('{"claims": [{}]}')
    with pytest.raises(ResultsError, match="theory-checks calibrate"):
        report.write(tmp_path)


def test_tables_have_captions_and_heads_with_a_scope(page):
    for table in page.all("table"):
        assert page.within(table, "caption")[0].text.strip()
        assert page.within(table, "th")
        assert all("scope" in head.attributes for head in page.within(table, "th"))


def test_every_slip_is_listed_with_what_this_run_found(page):
    listed = page.all("article")
    assert [page.within(e, "h4")[0].text for e in listed] == [each.where for each in ERRATA]
    by_claim = dict(zip([each.claim for each in ERRATA], listed, strict=True))
    assert "not run" in by_claim["proposition-B.1"].text
    found = " ".join(by_claim["proposition-A.1"].text.split())
    for part in ("✗ fails as printed", "slope, if bounded", "1 99 %: [0.9, 1.1] ≤ 0 ✗ outside"):
        assert part in found
    assert "width" not in found
    assert not page.within(by_claim["lemma-C.3"], "table")


def test_the_errata_name_claims_of_the_paper():
    for each in ERRATA:
        assert re.fullmatch(r"(theorem|proposition|lemma|section|equation)-[1-4A-D]\S*", each.claim)
        assert all((each.where, each.printed, each.reason, each.correction))
    assert sum(each.false for each in ERRATA) == 5


def test_an_empty_run_has_a_page_too():
    page = Page(report.render(report.Report("0.1.0", 0, "quick", ()), {}))
    assert "No claim was checked." in page.all("section", id="verdicts")[0].text
    assert "Date not recorded" in " ".join(page.all("header")[0].text.split())


def test_results_of_earlier_versions_have_no_date(tmp_path):
    written(tmp_path, claim("lemma-C.2"))
    data = json.loads((tmp_path / "results.json").read_text())
    del data["claims"][0]["date"]
    (tmp_path / "results.json").write_text(json.dumps(data))
    assert load(tmp_path).claims[0].date == ""
    assert "not recorded" in report.write(tmp_path).read_text()


@pytest.mark.parametrize("content", [None, "<svg>", "not a drawing"])
def test_a_figure_that_is_missing_or_broken_is_refused(tmp_path, content):
    written(tmp_path, claim("lemma-C.2"))
    (tmp_path / "lemma-C.2.svg").unlink()
    if content is not None:
        (tmp_path / "lemma-C.2.svg").write_text(content)
    with pytest.raises(ResultsError, match=r"need a readable .*lemma-C\.2\.svg"):
        report.write(tmp_path)


def test_a_drawing_keeps_nothing_that_acts():
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        'viewBox="0 0 1 1" onload="a()"><script>a()</script><style>* {color: red}</style>'
        '<g onclick="a()" style="fill: url(http://a); stroke: #000000"><a xlink:href="http://a"/>'
        '<use xlink:href="http://a"/><foreignObject/><path d="M0 0" id="p"/></g>'
        '<use xlink:href="#p"/></svg>'
    )
    drawing = str(inline(svg, "x"))
    assert not re.search(r"<script|style>|on\w+=|http|foreign|url\(|<a", drawing)
    assert '<path d="M0 0" id="x-p" />' in drawing
    assert '<use href="#x-p" />' in drawing


def test_a_gauge_shades_the_region_and_marks_the_interval():
    drawn = gauge(Quantity("q", 1.0, 0.5, 1.5, 0.0, "<="))
    assert (re.findall(r'rect x="(.*?)" y="0.5" width="(.*?)"', drawn)) == [("0.0", "12.0")]
    low, high = re.findall(r'd="M(.*?) 7H(.*?)"', drawn)[0]
    assert (float(low), float(high)) == (44.0, 108.0)
    assert 'class="gauge outside"' in drawn


def test_the_closest_call_is_outside_where_one_is():
    inside = Quantity("far", 0.0, -0.1, 0.1, 5.0, "<=", role="printed")
    outside = Quantity("out", 1.0, 0.9, 1.1, 0.0, "<=", role="printed")
    law = Quantity("law", 1.0, 0.0, 2.0, 1.0, "=", tolerance=0.1)
    parts = ("fails as printed", "fails as printed", (inside, law, outside), (), (), {}, 0.1)
    assert report.closest_call(ClaimResult("t", "T", "s", "p", *parts)) == outside
    parts = ("holds", "holds", (law,), (), (), {}, 0.1)
    assert report.closest_call(ClaimResult("t", "T", "s", "p", *parts)) is None


def luminance(colour):
    channels = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize("name", [name for name in PALETTE if name != "grid"])
def test_what_is_drawn_stands_out_from_light_and_dark_paper(text, name):
    papers = re.findall(r"--paper: (#\w{6})", text)
    assert len(papers) == 2
    for paper, colour in zip(papers, (PALETTE[name].light, PALETTE[name].dark), strict=True):
        darker, lighter = sorted((luminance(paper), luminance(colour)))
        assert (lighter + 0.05) / (darker + 0.05) >= 3
