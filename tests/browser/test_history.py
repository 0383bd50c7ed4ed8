"""Back in the browser and Ctrl-Z take back what was chosen, one choice at a time; what a page settles itself is no choice."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from benchmarks.browser import click_plane, wait_for_plane


def test_back_and_ctrl_z_go_through_pins_and_runs_and_leave_the_app_after_the_first(page, address):
    page.goto(f"{address}/_stcore/health")
    page.goto(address)
    wait_for_plane(page)
    page.wait_for_url(re.compile("run=mnist"))
    first, seen = page.url, []
    for x, y in ((1.0, -1.0), (-1.0, 1.0)):
        seen.append(page.url)
        click_plane(page, x, y)
        page.wait_for_url(lambda url, before=page.url: url != before)
    seen.append(page.url)
    page.locator(".st-key-run_picker input").click()
    page.get_by_role("option", name=re.compile(r"^digits \(")).click()
    page.wait_for_url(re.compile("run=digits"))
    wait_for_plane(page)

    page.go_back()
    expect(page).to_have_url(seen[2])
    expect(page.locator(".st-key-run_picker input")).to_have_value("mnist (mnist, 2-D, beta 1)")
    wait_for_plane(page)
    page.locator("body").press("Control+z")
    expect(page).to_have_url(seen[1])
    page.locator("body").press("Control+Shift+Z")
    expect(page).to_have_url(seen[2])
    page.locator("body").press("Control+z")
    expect(page).to_have_url(seen[1])
    page.locator("body").press("Control+z")
    expect(page).to_have_url(first)
    page.locator("body").press("Control+z")
    expect(page).to_have_url(first)
    page.go_back()
    expect(page).to_have_url(f"{address}/_stcore/health")
