"""Chromium through WebDriver, and what it notices about a page beside what it shows."""

import base64
import contextlib
import json
import os
import shutil
import tempfile
import urllib.parse
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

# Runs in every page before the page's own scripts: what a script from outside would leave behind,
# and what the policy refused.
WATCH = """
window.__refused = [];
document.addEventListener("securitypolicyviolation", (event) => {
  window.__refused.push(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`);
});
"""
# Seconds that a page or a script in it may take before something is wrong.
LIMIT = 60


def programs():
    """Where Chromium and its driver are; `scripts/test` installs them."""
    found = [shutil.which("chromium"), shutil.which("chromedriver")]
    if not all(found):
        raise SystemExit(
            "Chromium or its driver is missing. Run this and start again:\n\n"
            "    sudo apt-get install chromium chromium-driver"
        )
    return found


class Chrome:
    """A browser with a profile of its own."""

    def __init__(self, address, downloads):
        chromium, driver = programs()
        self.address = address
        options = webdriver.ChromeOptions()
        options.binary_location = chromium
        for argument in (
            "--headless=new",
            "--disable-dev-shm-usage",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-gpu",
            "--hide-scrollbars",
            "--window-size=1280,800",
            # Nothing but this machine can be reached; an attempt is noticed all the same.
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
            # Root needs it, which is what tests in a container run as.
            *(["--no-sandbox"] if os.getuid() == 0 else []),
        ):
            options.add_argument(argument)
        options.add_experimental_option("prefs", {"download.default_directory": str(downloads)})
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=Service(executable_path=driver))
        self.driver.set_page_load_timeout(LIMIT)
        self.driver.set_script_timeout(LIMIT)
        self.cdp("Page.addScriptToEvaluateOnNewDocument", source=WATCH)
        # All that was noticed since it was last asked for.
        self.requests = []
        self.wrong = []
        self.open = {}

    def quit(self):
        self.driver.quit()

    def cdp(self, command, **parameters):
        return self.driver.execute_cdp_cmd(command, parameters)

    def js(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def looks(self, width, scheme):
        """Gives the window a width, and the system light or dark colours."""
        height = 844 if width < 500 else 800
        self.cdp(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 500
        )
        features = [
            {"name": "prefers-color-scheme", "value": scheme},
            {"name": "prefers-reduced-motion", "value": "reduce"},
        ]
        self.cdp("Emulation.setEmulatedMedia", features=features)

    def shot(self, file, whole=True):
        """A picture of the whole page, of a very long one its beginning; or of what is in sight."""
        if not whole:
            Path(file).write_bytes(base64.b64decode(self.cdp("Page.captureScreenshot")["data"]))
            return
        size = self.cdp("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": min(size["height"], 3000), "scale": 1}
        picture = self.cdp("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)
        Path(file).write_bytes(base64.b64decode(picture["data"]))

    def notices(self):
        """Takes in what happened since: requests, and what is wrong."""
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            self._network(message["method"], message["params"])
        for entry in self.driver.get_log("browser"):
            if entry["level"] in ("SEVERE", "WARNING"):
                self.wrong.append(f"console: {entry['message']}")
        for refused in self.js("return (window.__refused ?? []).splice(0)"):
            self.wrong.append(f"refused by the policy: {refused}")

    def _network(self, method, parameters):
        if method == "Network.requestWillBeSent":
            url = parameters["request"]["url"]
            parts = urllib.parse.urlsplit(url)
            if parts.scheme in ("data", "blob", "about"):
                return
            if f"{parts.scheme}://{parts.netloc}" != self.address:
                self.wrong.append(f"a request to another host: {url}")
            request = {"url": url, "type": parameters.get("type"), "loader": parameters["loaderId"], "bytes": 0}
            self.requests.append(request)
            self.open[parameters["requestId"]] = request
        elif method == "Network.loadingFinished":
            if request := self.open.pop(parameters["requestId"], None):
                request["bytes"] = int(parameters["encodedDataLength"])
        elif method == "Network.loadingFailed":
            self.open.pop(parameters["requestId"], None)
        elif method == "Page.frameNavigated" and "parentId" not in parameters["frame"]:
            # Another page has come; what the last one waited for ended with it.
            loader = parameters["frame"]["loaderId"]
            self.open = {id: request for id, request in self.open.items() if request["loader"] == loader}

    def is_loading(self):
        """Whether an answer is still to come; one that never ends is none."""
        self.notices()
        return any(request["type"] != "EventSource" for request in self.open.values())

    def taken_wrong(self):
        """What was wrong since this was last asked."""
        self.notices()
        wrong, self.wrong = self.wrong, []
        return wrong


@contextlib.contextmanager
def chrome(address):
    with tempfile.TemporaryDirectory(prefix="commonplace-downloads-") as downloads:
        browser = Chrome(address, downloads)
        browser.downloads = Path(downloads)
        try:
            yield browser
        finally:
            browser.quit()
