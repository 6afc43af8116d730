"""A headless Chromium that can reach nothing: Debian's, with its own driver; selenium only speaks to it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

NEEDED = "ENVGEN_NEED_BROWSER"  # set where a missing browser is a failure and no reason to skip: in .ci/run
_SWITCHES = (
    "--headless=new",
    "--no-first-run",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--proxy-server=127.0.0.1:9",  # the discard port: nobody answers
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--window-size=1440,1000",
)


def _programs() -> tuple[str, str]:
    """Chromium and its driver, or the end of the test: skipped, or failed where it is needed."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    driver = shutil.which("chromedriver")
    if browser and driver:
        return browser, driver
    reason = "no chromium and chromedriver here: `make browser` installs them on Debian and Ubuntu"
    if os.environ.get(NEEDED):
        pytest.fail(f"{reason}; {NEEDED} is set")
    pytest.skip(reason)


@contextmanager
def chromium(profile: Path) -> Iterator[Any]:
    """A browser with a profile of its own; its logs hold what the page said and what it asked for."""
    binary, driver = _programs()
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = binary
    for switch in (*_SWITCHES, f"--user-data-dir={profile}", *(["--no-sandbox"] if os.geteuid() == 0 else [])):
        options.add_argument(switch)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SE_OFFLINE", "true")  # and a driver that is named is not looked for
        found = webdriver.Chrome(options=options, service=Service(driver))
    try:
        found.set_script_timeout(60)
        yield found
    finally:
        found.quit()


def requested(browser: Any) -> list[str]:
    """The urls that pages asked for since the last call."""
    messages = (json.loads(entry["message"])["message"] for entry in browser.get_log("performance"))
    return [message["params"]["request"]["url"] for message in messages if message["method"] == "Network.requestWillBeSent"]


def complaints(browser: Any) -> list[str]:
    """What the console holds since the last call: errors, and what the content security policy refused."""
    return [entry["message"] for entry in browser.get_log("browser")]
