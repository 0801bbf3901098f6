"""What holds of every page, whoever adds one: see `every_page`."""

import re
from pathlib import Path
from urllib.parse import quote, urlsplit

from client import Client, callback
from contents import HOSTILE, SHOWN, full_of_markup, lived_in
from person import Keys, expect

AXE = Path(__file__).parents[1] / "clients" / "node_modules" / "axe-core" / "axe.min.js"
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
WIDTHS = (1280, 390)
SCHEMES = ("light", "dark")
# The first load of a page: its bytes on the wire, with those of headers, and its requests.
MOST_BYTES = 150_000
MOST_REQUESTS = 10

# Pages that no link of the navigation leads to. Those that begin with ! are for nobody who is signed in.
FURTHER = ["/account", "/nothing/is/here", "/oauth/authorize", "!/sign-in", "!/welcome?link=none"]
# What the console says about a page that is a refusal itself.
REFUSALS = [r"nothing/is/here.* 404 ", r"oauth/authorize.* 400 ", r"welcome\?link=none.* \d{3} "]
# Pages that answer, and what is asked of them.
ASKED = {
    "/memories?q={}": "When does the cat get her pills?",
    "/conversations?q={}": "How long does the sourdough rest?",
    "/recall?q={}": "How long does the sourdough rest?",
}
# Where what is full of markup has to be seen as text.
SEEN = ["/memories", "/trash", "/buckets", "/conversations", "/connect"]

RUN_AXE = """
const done = arguments[arguments.length - 1];
axe.run(document, {
  runOnly: { type: "tag", values: arguments[0] },
  rules: { "target-size": { enabled: true } },
  resultTypes: ["violations"],
}).then(({ violations }) => done(violations.map(({ id, help, nodes }) =>
  `${id}: ${help}\\n    ` + nodes.slice(0, 3).map((node) => `${node.html.slice(0, 200)} ${node.any.concat(node.all, node.none).map((check) => check.message).join("; ")}`).join("\\n    "),
)), (error) => done([String(error)]));
"""

# What only text that was taken for markup would leave in a page.
INJECTED = """
const bad = [...document.querySelectorAll("[src*='markup'], [onerror], [onload], [href^='javascript:' i]")];
bad.push(...[...document.scripts].filter((script) => !script.getAttribute("src")?.startsWith("/assets/")));
const found = bad.map((element) => element.outerHTML.slice(0, 200));
if (window.__xss !== undefined) found.push(`a script ran: ${window.__xss}`);
return found;
"""

# The links of a page that lead to further pages here, without those that are files.
LINKS = """
return [...document.links].filter((link) => link.origin === location.origin && !link.hasAttribute("download"))
  .map((link) => link.pathname + link.search);
"""
IS_PAGE = """
const done = arguments[arguments.length - 1];
fetch(arguments[0]).then((answer) => done(answer.headers.get("content-type")?.startsWith("text/html") ?? false), () => done(false));
"""

# Whether what has the focus shows it, and can be seen.
FOCUS = """
const element = document.activeElement;
if (!element || element === document.body) return null;
const style = getComputedStyle(element);
const shown = element.labels?.length && parseFloat(style.opacity) === 0 ? getComputedStyle(element.labels[0]) : style;
const box = element.getBoundingClientRect();
const at = document.elementFromPoint(box.left + box.width / 2, box.top + Math.min(box.height, innerHeight) / 2);
window.__tabbed ??= new WeakSet();
const again = window.__tabbed.has(element);
window.__tabbed.add(element);
return {
  again,
  html: element.outerHTML.slice(0, 160),
  outlined: (shown.outlineStyle !== "none" && parseFloat(shown.outlineWidth) >= 1) || shown.boxShadow !== "none",
  inSight: box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth,
  covered: at !== null && !element.contains(at) && !at.contains(element) && ![...(element.labels ?? [])].some((label) => label.contains(at)) && at.outerHTML.slice(0, 160),
};
"""


def kind(path):
    """Pages that differ only by which thing they are about have the same kind."""
    parts = urlsplit(path).path.split("/")
    return "/".join("*" if re.search(r"\d", part) or len(part) > 20 else part for part in parts)


def name_of(path):
    if "client_id" in path:
        return "consent"
    if "?q=" in path:
        return name_of(path.split("?")[0]) + "-found"
    return re.sub(r"[^a-z-]+", "-", kind(path).replace("*", "one").strip("/").lower()).strip("-") or "overview"


def nav(person):
    """The pages of the navigation."""
    person.opens("/")
    return person.browser.js("return [...document.querySelectorAll('nav[aria-label=Main] a')].map((link) => link.getAttribute('href'))")


def pages(person):
    """A page of each kind: the navigation, what else there is, and what these lead to."""
    found = {}
    for path in nav(person) + [path for path in FURTHER if not path.startswith("!")]:
        found[kind(path)] = path
    waiting = list(found.values())
    while waiting:
        person.opens(waiting.pop(0))
        for path in person.browser.js(LINKS):
            if kind(path) not in found and person.driver.execute_async_script(IS_PAGE, path):
                found[kind(path)] = path
                waiting.append(path)
    person.browser.taken_wrong()
    return list(found.values())


class Looks:
    """Looks at pages in every width and colour, and remembers all that is wrong with them."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.axe = AXE.read_text()
        self.wrong = []
        self.count = 0

    def at(self, person, path, state, scene="", play=None):
        """Looks at a page; with `play`, after that was done there, which is called `scene`."""
        browser = person.browser
        for width in WIDTHS:
            for scheme in SCHEMES:
                browser.looks(width, scheme)
                if scheme == SCHEMES[0]:
                    person.opens(path)
                    if play:
                        play(person)
                        person.settles()
                where = f"{state} {path} {scene} at {width} {scheme}".replace("  ", " ")
                found = self._axe(browser) + browser.js(INJECTED)
                wide = browser.js("return document.documentElement.scrollWidth")
                if wide > width:
                    found.append(f"scrolls sideways: {wide} wide")
                name = "-".join(filter(None, [name_of(path), scene, state, str(width), scheme]))
                browser.shot(self.folder / f"{name}.png", whole=not play)
                found += [one for one in browser.taken_wrong() if not any(re.search(known, one) for known in REFUSALS)]
                self.wrong += [(where, one) for one in found]
                self.count += 1

    def _axe(self, browser):
        if not browser.js("return 'axe' in window"):
            browser.js(self.axe)
        return browser.driver.execute_async_script(RUN_AXE, TAGS)

    def expects_nothing_wrong(self):
        by_what = {}
        for where, what in self.wrong:
            by_what.setdefault(what, []).append(where)
        told = [f"{what}\n    at {', '.join(places)}" for what, places in by_what.items()]
        expect(not told, f"{len(told)} defects in {self.count} looks:\n" + "\n".join(told))


def signed_out(looks, place, state):
    with place.visitor() as stranger:
        for path in FURTHER:
            if path.startswith("!"):
                looks.at(stranger, path.removeprefix("!"), state)
        looks.at(stranger, place.link, state)


def selects_rows(person):
    boxes = [box for box in person.all("checkbox") if box.get_attribute("name") == "id"]
    for box in boxes[:2]:
        box.click()


def reviews(person):
    selects_rows(person)
    person.presses("Delete…")
    person.finds("dialog")


def opens_filters(person):
    person.presses("Filters and order")


def opens_all_steps(person):
    for summary in person.all("button"):
        if summary.tag_name == "summary" and summary.find_elements("tag name", "h3"):
            summary.click()


# What comes up only when something is done: its name, the page, and what is done there.
SCENES = [
    ("selected", "/memories", selects_rows),
    ("review", "/memories", reviews),
    ("filters", "/memories", opens_filters),
    ("selected", "/trash", selects_rows),
    ("selected", "/conversations", selects_rows),
    ("steps", "/connect", opens_all_steps),
]


def every_page(place, folder):
    """Every page is right with a life in it, with nothing in it, and full of markup."""
    looks = Looks(folder)
    further = lived_in(place.account("lived"))
    signed_out(looks, place, "out")
    with place.visitor("lived") as person, callback() as (redirect, _):
        person.signs_in()
        client = Client(place.address, "Claude", redirect)
        asked = [path.format(quote(question)) for path, question in ASKED.items()]
        for path in [*pages(person), *further, *asked, client.path()]:
            looks.at(person, path, "lived")
        for scene, path, play in SCENES:
            looks.at(person, path, "lived", scene, play)
    looks.expects_nothing_wrong()
    return f"{looks.count} looks"


def every_empty_page(place, folder):
    """What is there before anything is stored teaches, and is as right as the rest."""
    looks = Looks(folder)
    place.account("empty")
    with place.visitor("empty") as person:
        person.signs_in()
        for path in nav(person):
            looks.at(person, path, "empty")
    looks.expects_nothing_wrong()


def text_is_never_markup(place, folder):
    """Texts, titles and names full of markup and script are shown as text, and do nothing."""
    looks = Looks(folder)
    further = full_of_markup(place.account("markup"))
    for text in HOSTILE[:3]:
        place.commonplace("token", "create", text, "--user", "markup")
    with place.visitor("markup") as person, callback() as (redirect, arrived):
        person.signs_in()
        for text in HOSTILE[:3]:
            client = Client(place.address, text, redirect)
            person.opens(client.path())
            person.presses("Allow")
            client.redeems(arrived.get(timeout=60)["code"])
        person.browser.taken_wrong()
        there = nav(person)
        asked = [path.format(quote(SHOWN)) for path in ASKED]
        for path in [*pages(person), *further, *asked, Client(place.address, SHOWN, redirect).path()]:
            looks.at(person, path, "markup")
            if path in [*SEEN, *further, *asked] or "client_id" in path:
                expect(SHOWN in person.everything(), f"{path} does not show {SHOWN} as text")
        missing = [path for path in SEEN if path not in there]
        expect(not missing, f"The navigation does not lead to {', '.join(missing)}")
    looks.expects_nothing_wrong()


def the_keyboard_reaches_everything(place, _):
    """The first stop skips to the content; each stop shows the focus, in sight; the last one ends."""
    lived_in(place.account("lived"))
    wrong = []
    with place.visitor("lived") as person:
        person.browser.looks(1280, "light")
        person.signs_in()
        for path in pages(person):
            person.opens(path)
            if not person.browser.js("return document.querySelector('header') !== null"):
                continue
            begins_at_the_top(person)
            person.types(Keys.TAB)
            expect(person.focus().text == "Skip to the content", f"{path}: the first stop is {person.focus().text!r}")
            person.types(Keys.ENTER)
            expect(person.focus().get_attribute("id") == "main", f"{path}: skipping does not lead to the content")
            person.opens(path)
            if boxes := [box for box in person.all("checkbox") if box.get_attribute("name") == "id"]:
                # What can be done with selected rows comes up, and must not cover them.
                boxes[0].click()
            found = list(dict.fromkeys(stops(person)))
            wrong += [f"{path}: {one}" for one in found[:3]]
            if len(found) > 3:
                wrong.append(f"{path}: and {len(found) - 3} more")
    expect(not wrong, "\n".join(wrong))


def begins_at_the_top(person):
    """The next key Tab goes to the first stop, wherever the page put the focus."""
    person.browser.js("document.body.tabIndex = -1; document.body.focus(); document.body.removeAttribute('tabindex')")


def stops(person):
    """What is wrong with the stops of the key Tab."""
    begins_at_the_top(person)
    for _ in range(600):
        person.types(Keys.TAB)
        stop = person.browser.js(FOCUS)
        if stop is None or stop["again"]:
            return
        if not stop["outlined"]:
            yield f"the focus can't be seen on {stop['html']}"
        if not stop["inSight"]:
            yield f"the focus is out of sight on {stop['html']}"
        if stop["covered"]:
            yield f"{stop['html']} has the focus behind {stop['covered']}"
    yield "the key Tab never comes to an end"


def the_first_load_is_small(place, _):
    """A first load has at most 150 kB in at most 10 requests."""
    lived_in(place.account("lived"))
    with place.visitor("lived") as person:
        person.signs_in()
        said = []
        for path in nav(person):
            count, size, interactive = first_load(person, path)
            said.append(f"{path}: {count} requests, {size:,} bytes, interactive after {interactive:.0f} ms")
            expect(count <= MOST_REQUESTS, f"{path} takes {count} requests")
            expect(size <= MOST_BYTES, f"{path} takes {size} bytes")
    return "\n".join(said)


def first_load(person, path):
    """Requests, bytes and milliseconds until it can be used, of a page that nothing is known of."""
    browser = person.browser
    browser.taken_wrong()
    browser.cdp("Network.clearBrowserCache")
    browser.requests.clear()
    person.opens(path)
    timing = browser.js("return performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd")
    return len(browser.requests), sum(request["bytes"] for request in browser.requests), timing
