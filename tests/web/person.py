"""A person at a browser, and the verbs with which stories are told.

What a person uses is found by its role and its name, as in `find.js`, and never by
a class, so that a page can be restyled. Every verb waits until it can be done.
"""

import re
from pathlib import Path

from selenium.common.exceptions import (
    ElementClickInterceptedException,
    ElementNotInteractableException,
    StaleElementReferenceException,
    TimeoutException,
    WebDriverException,
)
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select, WebDriverWait

FIND = (Path(__file__).parent / "find.js").read_text()
PASSWORD = "correct horse battery staple"
# Seconds after which something does not come any more. No test depends on how much less it is.
PATIENCE = 30

INTO_SIGHT = "arguments[0].scrollIntoView({ block: 'center', behavior: 'instant' })"
# Characters of a page that are told where something is wrong.
MOST_SAID = 1_500

# What a page may do while it is waited for.
PASSING = (StaleElementReferenceException, ElementClickInterceptedException, ElementNotInteractableException)
# What Chromium says, now and then, in place of the first of these.
STALE = "does not belong to the document"


class Wrong(Exception):
    """Something else happened than should."""


def expect(holds, what):
    if not holds:
        raise Wrong(what)


class Person:
    def __init__(self, browser, name="owner"):
        self.browser = browser
        self.driver = browser.driver
        self.name = name
        # Finds the part of the page that is looked at, each time anew; the page may change.
        self.place = None

    # --- waiting ----------------------------------------------------------------

    def waits(self, until, what):
        """Waits until a condition holds; answers what it answers."""
        try:
            return self._asks(until)
        except TimeoutException:
            raise Wrong(f"{what} does not come. {self._where()}") from None

    def _asks(self, until):
        def holds(_):
            try:
                return until()
            except WebDriverException as error:
                if STALE in (error.msg or ""):
                    return False
                raise

        return WebDriverWait(self.driver, PATIENCE, 0.05, PASSING).until(holds)

    def _where(self):
        said = self.reads()
        return f"At {self.driver.current_url} is shown:\n{said[:MOST_SAID]}{'…' if len(said) > MOST_SAID else ''}"

    def settles(self):
        """Waits until the page has come and asks for nothing more."""
        ready = "return document.readyState === 'complete' && !document.querySelector('[aria-busy=true]')"
        try:
            self.waits(lambda: self.browser.js(ready) and not self.browser.is_loading(), "The whole page")
        except Wrong as wrong:
            missing = [request["url"] for request in self.browser.open.values()]
            raise Wrong(f"{wrong}\nWhat it still waits for: {missing}") from None

    # --- going about ------------------------------------------------------------

    def opens(self, where):
        self.driver.get(where if "://" in where else self.browser.address + where)
        self.settles()

    def goes_to(self, page):
        """By the navigation."""
        self.within("navigation", "Main").follows(page)
        self.waits(lambda: self.has("heading", page), f"The heading “{page}”")

    def is_at(self, path):
        self.waits(lambda: self.path() == path, f"The page {path}")
        self.settles()

    def path(self):
        return self.browser.js("return location.pathname")

    def reads(self):
        """All text that is shown, as a person sees it."""
        if not self.place:
            return self.browser.js("return document.body.innerText")
        return "\n".join(place.text for place in self.place())

    def everything(self):
        """The same with what fields hold."""
        fields = "return [...document.querySelectorAll('input, textarea')].map((field) => field.value).join('\\n')"
        return f"{self.reads()}\n{self.browser.js(fields)}"

    def sees(self, words):
        self.waits(lambda: words in self.reads(), f"“{words}”")

    def sees_no(self, words):
        self.waits(lambda: words not in self.reads(), f"A page without “{words}”")

    # --- using what is there ----------------------------------------------------

    def all(self, role, name=None):
        if not self.place:
            return self.browser.js(FIND, role, name, None)
        places = self.place()
        return self.browser.js(FIND, role, name, places[0]) if len(places) == 1 else []

    def finds(self, role, name=None):
        """The only thing of that role and name."""
        one = self.waits(lambda: self.all(role, name), f"The {role} “{name}”" if name else f"A {role}")
        expect(len(one) == 1, f"There are {len(one)} of the {role} “{name}” at {self.driver.current_url}")
        return one[0]

    def has(self, role, name=None):
        return bool(self.all(role, name))

    def _uses(self, role, name, how):
        """Does something to an element, again where the page changed meanwhile."""
        def use():
            found = self.all(role, name)
            if len(found) != 1:
                return False
            # WebDriver scrolls to the edge, where a bar may stand; a person scrolls on.
            self.browser.js(INTO_SIGHT, found[0])
            how(found[0])
            return True

        try:
            self._asks(use)
        except TimeoutException:
            count = len(self.all(role, name))
            raise Wrong(f"The {role} “{name}” can't be used: there are {count}. {self._where()}") from None

    def presses(self, name):
        self._uses("button", name, lambda button: button.click())

    def follows(self, name):
        self._uses("link", name, lambda link: link.click())
        self.settles()

    def fills(self, name, value):
        def fill(field):
            field.clear()
            field.send_keys(value)

        self._uses("field", name, fill)

    def types_into(self, name, value):
        """As `fills`, by keys alone, for a field that answers while one types."""
        self._uses("field", name, lambda field: field.send_keys(Keys.CONTROL, "a", Keys.NULL, value))

    def chooses(self, name, option):
        # By keys, as a person does: WebDriver's own way does not tell the page of the input.
        self._uses("field", name, lambda field: field.send_keys(option))
        chosen = Select(self.finds("field", name)).first_selected_option.text
        expect(chosen == option, f"“{chosen}” is chosen instead of “{option}”")

    def checks(self, name, role="checkbox"):
        self._uses(role, name, lambda box: None if box.is_selected() else box.click())

    def unchecks(self, name):
        self._uses("checkbox", name, lambda box: box.click() if box.is_selected() else None)

    def gives(self, name, file):
        self._uses("field", name, lambda field: field.send_keys(str(file)))

    def clicks_with_shift(self, element):
        self.browser.js(INTO_SIGHT, element)
        ActionChains(self.driver).key_down(Keys.SHIFT).click(element).key_up(Keys.SHIFT).perform()

    def types(self, *keys):
        """Into whatever has the focus."""
        ActionChains(self.driver).send_keys(*keys).perform()

    def focus(self):
        """What has the focus."""
        return self.driver.switch_to.active_element

    def _looks_at(self, places):
        part = Person(self.browser, self.name)
        part.place = places
        return part

    def within(self, role, name=None):
        """A person who looks at nothing but a part of the page."""
        self.finds(role, name)
        return self._looks_at(lambda: self.all(role, name))

    def row(self, words):
        """The same for the row of a table, or the item of a list, that has these words."""
        def rows():
            found = self.all("row") or self.all("article") or self.all("item")
            return [row for row in found if words in row.text]

        self.waits(lambda: len(rows()) == 1, f"One row with “{words}”")
        return self._looks_at(rows)

    # --- signing in and out -----------------------------------------------------

    def sets_password(self, link, password=PASSWORD):
        """Opens a link for a first password and sets it."""
        self.opens(link)
        self.fills("Password", password)
        self.fills("The same again", password)
        self.presses("Set password and go on")
        self.sees("Your password is set.")

    def fills_in_sign_in(self, password=PASSWORD):
        self.fills("User name", self.name)
        self.fills("Password", password)
        self.presses("Sign in")

    def signs_in(self, password=PASSWORD):
        self.opens("/sign-in")
        self.fills_in_sign_in(password)
        self.is_at("/")

    def signs_out(self):
        self.presses(f"Account: {self.name}")
        self.presses("Sign out")
        self.is_at("/sign-in")

    # --- at the end -------------------------------------------------------------

    def expects_nothing_wrong(self, but=()):
        """No error in the console, nothing refused by the policy, no request elsewhere."""
        wrong = [one for one in self.browser.taken_wrong() if not any(re.search(known, one) for known in but)]
        expect(not wrong, "The browser notices:\n" + "\n".join(wrong))


__all__ = ["Keys", "Person", "PASSWORD", "Wrong", "expect"]
