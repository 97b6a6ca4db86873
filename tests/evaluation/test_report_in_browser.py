"""The report page in a real browser: what it draws is what its data say, and it answers to address, buttons, mouse."""

import json
import re
import shutil
import subprocess

import numpy as np
import pytest

from l2l_tf.evaluation import report_page
from tests.evaluation import pages

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs a browser: apt-get install chromium")

SWITCHES = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--window-size=1200,900"),
)
WATCH = """<script>
window.faults = [];
addEventListener("error", (event) => faults.push(String(event.message)));
addEventListener("securitypolicyviolation", (event) => faults.push(`loads ${event.blockedURI}`));
</script>"""
TELL = "<script>document.body.dataset.faults = JSON.stringify(faults)</script>"


@pytest.fixture
def opened(tmp_path):
    """Opens the page of `results` at an address, lets a script of the test act, and gives the page as it is then."""

    def run(fragment="", script="", results=None):
        page = report_page.page(results or pages.results(), pages.ABOUT, pages.MARKUP)
        act = f"<script>{script}</script>" if script else ""
        page = page.replace("<title>", f"{WATCH}<title>").replace("</body>", f"{act}{TELL}</body>")
        (tmp_path / "report.html").write_text(page)
        address = f"{(tmp_path / 'report.html').as_uri()}{fragment}"
        command = [CHROMIUM, *SWITCHES, f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", address]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
        (body,) = pages.elements(done.stdout, "body")
        assert json.loads(body["data-faults"]) == []
        assert not pages.elements(done.stdout, "img"), "A name was taken for markup."
        return done.stdout

    return run


def ticks(page, axis, logarithmic=False):
    """Pixel to value along an axis, as the labels of its ticks say."""
    found = pages.elements(_part(page, "curves"), "text", class_=f"{axis}-tick")
    values, pixels = (np.array([float(element[name]) for element in found]) for name in ("data-value", "data-at"))
    assert len(found) >= 3
    labels = [float(element.text) for element in found]
    np.testing.assert_allclose(labels, values, rtol=1e-5)
    values = np.log10(values) if logarithmic else values
    slope, offset = np.polyfit(pixels, values, 1)
    np.testing.assert_allclose(slope * pixels + offset, values, atol=1e-6 * np.ptp(values))
    return lambda pixel: 10 ** (slope * pixel + offset) if logarithmic else slope * pixel + offset


def curves(page):
    """Name to the pixels of its curve, `[points, 2]`."""
    found = pages.elements(_part(page, "curves"), "path", class_="curve")
    return {path["data-name"]: np.array(re.findall(r"([-\d.]+),([-\d.]+)", path["d"]), float) for path in found}


def _part(page, identifier):
    return page.split(f'id="{identifier}"')[1].split("</svg>")[0]


def pressed(page):
    return {
        element.attributes.get("data-choice") or element["data-name"]
        for element in pages.elements(page, "button")
        if element["aria-pressed"] == "true"
    }


@pytest.mark.parametrize(
    ("scale", "by", "loss"),
    [("log", "step", "loss"), ("linear", "second", "loss"), ("log", "second", "test loss"), ("linear", "step", "loss")],
)
def test_what_is_drawn_is_what_the_data_say(opened, scale, by, loss):
    results = pages.results()
    page = opened(f"#scale={scale}&by={by}&loss={loss.replace(' ', '+')}", results=results)
    (chart, *_) = pages.elements(page, "svg", data_scale=scale, data_by=by)
    assert chart["aria-label"] == f"Learning curves: {loss}"
    assert {f"scale={scale}", f"by={by}", f"loss={loss}"} <= pressed(page)
    across, up = ticks(page, "x"), ticks(page, "y", scale == "log")
    drawn = curves(page)
    assert list(drawn) == [result.name for result in (results[2], results[1], results[0])]  # Learned ones on top.
    for result in results:
        measured = result.curves.losses if loss == "loss" else result.curves.held_out["test"]
        mean = measured.astype(np.float64).mean(0)
        steps = np.arange(21) if loss == "loss" else np.array([10, 20])
        steps, mean = steps[np.isfinite(mean)], mean[np.isfinite(mean)]
        along = steps * (result.curves.seconds[0] / 20 if by == "second" else 1)
        points = drawn[result.name]
        assert len(points) == len(steps)
        seen = mean < 25  # Beyond that the pixels are far outside of the picture.
        pixel = abs(across(1) - across(0))
        np.testing.assert_allclose(across(points[:, 0]), along, atol=0.02 * pixel)
        if scale == "log":
            np.testing.assert_allclose(up(points[seen, 1]), mean[seen], rtol=2e-3)
        else:
            np.testing.assert_allclose(up(points[seen, 1]), mean[seen], atol=0.02 * abs(up(1) - up(0)))
    # What diverges does not squeeze the others: the start is 2.
    assert 6 < up(12) < 30


def test_buttons_and_legend_switch(opened):
    click = """
      const named = (name) => (button) => (button.dataset.choice ?? button.dataset.name) === name;
      const button = (name) => [...document.querySelectorAll("button")].find(named(name));
      button("by=second").click(); button("scale=linear").click(); button("L2L").click(); button("SGD").click();
      button("SGD").click(); document.body.dataset.address = location.hash;"""
    page = opened(script=click)
    assert set(curves(page)) == {pages.MARKUP, "SGD"}
    assert pressed(page) == {"by=second", "scale=linear", "loss=loss", pages.MARKUP, "SGD"}
    (body,) = pages.elements(page, "body")
    assert body["data-address"] == "#scale=linear&by=second&loss=loss&off=L2L"
    assert pages.elements(page, "svg", data_scale="linear", data_by="second")
    again = opened(body["data-address"])
    assert {name: d.tolist() for name, d in curves(again).items()} == {
        name: d.tolist() for name, d in curves(page).items()
    }


def test_the_mouse_shows_values(opened):
    hover = """
      const chart = document.querySelector("#curves svg"), box = chart.getBoundingClientRect();
      const tick = [...chart.querySelectorAll(".x-tick")].find((tick) => tick.textContent === "10");
      const at = {clientX: box.left + Number(tick.dataset.at) + 3, clientY: box.top + 90};
      chart.dispatchEvent(new PointerEvent("pointermove", at));"""
    page = opened(script=hover)
    (tip, *_) = pages.elements(page, "div", class_="tip")
    assert "hidden" not in tip.attributes
    assert tip.text.startswith("step 10")
    results = pages.results()
    for result in results[:2]:
        bounds = report_page.report.interval(result.curves.losses[:, 10])
        shown = tip.text.split(result.name)[1].split(" ± ")
        assert float(shown[0]) == pytest.approx(bounds.mean, rel=1e-3)
        assert float(re.match(r"[\d.]+", shown[1])[0]) == pytest.approx(bounds.high - bounds.mean, rel=0.06)
    order = [tip.text.index(result.name) for result in results]
    assert order == sorted(order), "The lowest loss stands first."
    left = opened(script=f"{hover} chart.dispatchEvent(new PointerEvent('pointerleave'));")
    assert "hidden" in pages.elements(left, "div", class_="tip")[0].attributes


def test_searches_are_drawn(opened):
    page = opened()
    chart = page.split('id="tuning"')[1].split("</svg>")[0]
    (chosen,) = pages.elements(chart, "circle", class_="chosen")
    assert (chosen["data-name"], chosen["data-rate"]) == (pages.MARKUP, "0.1")
    dots = pages.elements(chart, "circle", class_="dot")
    assert len(dots) == 3 and len(pages.elements(chart, "path", class_="diverged")) == 1
    heights = [float(dot["cy"]) for dot in dots]
    assert heights[1] > heights[2] > heights[0], "0.4, 0.5 and 0.9 from below."
    assert (chosen["cx"], chosen["cy"]) == (dots[1]["cx"], dots[1]["cy"])


def test_losses_without_a_logarithm_are_shown_on_a_linear_scale(opened):
    first = pages.results()[0]
    curves_below = first.curves._replace(losses=first.curves.losses - 10)
    page = opened("#scale=log", results=[first._replace(curves=curves_below)])
    assert pages.elements(page, "svg", data_scale="linear", data_by="step")
    (button,) = pages.elements(page, "button", data_choice="scale=log")
    assert "disabled" in button.attributes
    assert pressed(page) >= {"scale=linear"}
    held_out = opened("#scale=log&loss=test+loss", results=[first._replace(curves=curves_below)])
    assert pages.elements(held_out, "svg", data_scale="log", data_by="step")


def test_the_page_answers_to_its_width(opened):
    narrow = """document.querySelector("main").style.width = "390px";"""
    page = opened(script=f"{narrow} dispatchEvent(new Event('hashchange'));")
    chart = next(element for element in pages.elements(page, "svg", data_by="step"))
    assert int(chart["viewbox"].split()[2]) < 390
