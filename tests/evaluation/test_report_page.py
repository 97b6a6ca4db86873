"""The report page: its data are the curves, its table is the table, and names in it are text and nothing else."""

import json
import re

import numpy as np
import pytest
from scipy import stats

from l2l_tf.evaluation import figures, report, report_page
from l2l_tf.evaluation.evaluator import Curves
from l2l_tf.evaluation.report import Result
from tests.evaluation import pages


def embedded(page):
    (data,) = pages.elements(page, "script", id="data")
    return json.loads(data.text)


def numbers(values):
    return np.array([np.nan if value is None else value for value in values])


def test_the_data_are_the_curves():
    results = pages.results()
    data = embedded(report_page.page(results, pages.ABOUT, "title", split="test"))
    assert data["losses"] == ["loss", "test loss"]
    assert data["shown"] == 1
    assert data["positive"] == data["some_positive"] == [True, True]
    for result, shown, color in zip(results, data["optimizers"], figures.colors(3), strict=True):
        assert (shown["name"], shown["learned"], shown["color"]) == (result.name, result.learned, color)
        assert shown["seconds_per_step"] == pytest.approx(result.curves.seconds[0] / 20)
        own = (np.arange(21), result.curves.losses), ((10, 20), result.curves.held_out["test"])
        for curve, (steps, losses) in zip(shown["curves"], own, strict=True):
            losses = losses.astype(np.float64)
            assert curve["steps"] == list(steps)
            np.testing.assert_allclose(numbers(curve["mean"]), losses.mean(0), rtol=1e-6)
            low, high = stats.t.interval(0.95, 4, losses.mean(0), stats.sem(losses))
            np.testing.assert_allclose(numbers(curve["high"]), high, rtol=1e-3)
            np.testing.assert_allclose(numbers(curve["low"]), np.maximum(low, losses.min(0)), rtol=1e-3)
    assert data["optimizers"][2]["curves"][0]["mean"][-2:] == [None, None]
    assert data["start"] == max(optimizer["curves"][0]["mean"][0] for optimizer in data["optimizers"])


def test_the_searches_are_those_of_the_record():
    (search,) = report_page.as_data(pages.results())["tuning"]
    assert (search["optimizer"], search["chosen"]) == (1, 0.1)
    assert [(trial["rate"], trial["mean"]) for trial in search["trials"]] == pages.RATES
    page = report_page.page(pages.results(), pages.ABOUT, "title")
    assert pages.elements(page, id="tuning")
    without = report_page.page([pages.results()[0]], pages.ABOUT, "title")
    assert not pages.elements(without, id="tuning")
    assert "Searches" not in without


def test_long_curves_are_thinned_and_keep_both_ends():
    losses = np.linspace(5, 1, 2_501, dtype=np.float32)[None]
    result = Result("L2L", Curves(losses, {}, (2_500,), np.ones(1)), True)
    (curve,) = report_page.as_data([result])["optimizers"][0]["curves"]
    assert curve["steps"] == [*range(0, 2_500, 3), 2_500]
    np.testing.assert_allclose(curve["mean"], losses[0, curve["steps"]], rtol=1e-6)


def test_draws_that_are_left_out_are_and_the_page_says_so():
    losses = np.array([[2, 1], [np.inf, np.inf], [4, 3]], np.float32)
    results = [Result("L2L", Curves(losses, {}, (1,), np.ones(3)), True)]
    page = report_page.page(results, {}, "title")
    assert embedded(page)["optimizers"][0]["curves"][0]["mean"] == [3, 2]
    assert [item.text for item in pages.elements(page, "li")] == report.caveats(results)
    assert "Left out are the draws" in page and "Means over 2 fresh draws" in page


def test_losses_that_have_no_logarithm():
    def data(losses):
        return report_page.as_data([Result("a", Curves(np.array(losses, np.float32), {}, (1,), np.ones(1)), True)])

    assert [data([[1, 0]])[key] for key in ("positive", "some_positive")] == [[False], [True]]
    assert [data([[-1, -2]])[key] for key in ("positive", "some_positive")] == [[False], [False]]


def test_names_are_text():
    page = report_page.page(pages.results(), pages.ABOUT, pages.MARKUP)
    assert pages.MARKUP not in page
    assert not pages.elements(page, "img")
    assert [element["id"] for element in pages.elements(page, "script") if element.attributes] == ["data"]
    assert len(pages.elements(page, "script")) == 2
    assert pages.elements(page, "h1")[0].text == pages.MARKUP
    assert pages.elements(page, "pre")[0].text == pages.ABOUT["command"]
    assert embedded(page)["optimizers"][1]["name"] == pages.MARKUP
    assert pages.MARKUP in pages.elements(page, "dl")[0].text
    # A browser ends a script at the first "</script", and starts another mode at "<!--", wherever they stand.
    raw = page.split('id="data">')[1].split("</script>")[0]
    assert not set("<>") & set(raw)


def test_the_table_is_the_table():
    results = pages.results()
    page = report_page.page(results, pages.ABOUT, "title")
    rows = [[cell.text for cell in pages.elements(page, tag)] for tag in ("th", "td")]
    expected = report.rows(results)
    assert rows[0] == expected[0]
    assert rows[1] == [cell for row in expected[1:] for cell in row]
    other = report_page.page(results, pages.ABOUT, "title", rows=[["a", "b"], ["1", "2"]])
    assert [cell.text for cell in pages.elements(other, "td")] == ["1", "2"]


def test_nothing_is_loaded():
    page = report_page.page(pages.results(), pages.ABOUT, "title")
    assert set(re.findall(r"https?://[^\s\"'<]*", page)) == {"http://www.w3.org/2000/svg"}  # A name, not an address.
    (policy,) = pages.elements(page, "meta", http_equiv="Content-Security-Policy")
    assert policy["content"].startswith("default-src 'none'; ")
    assert not [element for element in pages.elements(page) if "src" in element.attributes]
    assert [element["href"] for element in pages.elements(page) if "href" in element.attributes] == ["data:,"]


def test_written(tmp_path):
    report_page.write(tmp_path / "new" / "a.html", pages.results(), pages.ABOUT, "title")
    assert (tmp_path / "new" / "a.html").read_text() == report_page.page(pages.results(), pages.ABOUT, "title")
    with pytest.raises(ValueError, match=r"^A report's file name ends in '.html'. Received: 'a.htm'.$"):
        report_page.write("a.htm", pages.results(), pages.ABOUT, "title")
