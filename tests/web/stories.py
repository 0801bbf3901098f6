"""What people do, from the first start on."""

import re

from client import Client, SdkClient, callback
from contents import chatgpt_export
from person import Keys, expect
from place import Account

# Remembers every bar of progress that comes into the page.
WATCH_PROGRESS = """
window.__progress = [];
new MutationObserver(() => window.__progress.push(...document.querySelectorAll("progress")))
  .observe(document.body, { childList: true, subtree: true });
"""


def first_run(place):
    """The link of the first start leads to a password, and from there to an overview that teaches."""
    with place.visitor() as person:
        person.opens(place.link)
        person.sees("Choose a password")
        person.fills("Password", "too short"[:7])
        person.fills("The same again", "too short"[:7])
        person.presses("Set password and go on")
        expect(person.path() == "/welcome", "A password of seven characters is taken")
        person.sets_password(place.link)
        person.is_at("/")
        person.sees("Nothing is remembered yet")
        person.expects_nothing_wrong()
    with place.visitor() as another:
        another.opens(place.link)
        another.sees("This link does not work any more")
        expect(not another.has("button", "Set password and go on"), "The link works twice")
        another.signs_in()


def sign_in_and_out(place):
    """A wrong password is refused; who is signed out, here or everywhere, sees nothing any more."""
    with place.owner_at_home() as person, place.visitor() as elsewhere:
        person.signs_out()
        person.sees("You are signed out.")
        person.opens("/account")
        person.is_at("/sign-in")
        person.fills_in_sign_in("not the password")
        person.sees("This name and password don't match")
        person.fills_in_sign_in()
        person.is_at("/account")
        elsewhere.signs_in()
        person.presses("Sign out everywhere")
        person.sees("You are signed out, here and in every other browser.")
        elsewhere.opens("/")
        elsewhere.is_at("/sign-in")
        person.expects_nothing_wrong(but=[r"/sign-in.* 4\d\d "])
        elsewhere.expects_nothing_wrong()


def change_password(place):
    """A changed password signs other browsers out, and the old one opens nothing."""
    with place.owner_at_home() as person, place.visitor() as elsewhere:
        elsewhere.signs_in()
        person.opens("/account")
        person.fills("Current password", "correct horse battery staple")
        person.fills("New password", "another horse entirely")
        person.fills("The new password again", "another horse entirely")
        person.presses("Change password")
        person.sees("Your password is changed.")
        elsewhere.opens("/")
        elsewhere.is_at("/sign-in")
        elsewhere.fills_in_sign_in()
        elsewhere.sees("This name and password don't match")
        elsewhere.fills_in_sign_in("another horse entirely")
        elsewhere.is_at("/")


def consent(place):
    """A client of the Python SDK asks; the person signs in on the way and allows; the client stores and finds."""

    async def uses(client):
        await client.call_tool("store_memory", {"text": "Keeps bees since 2024."})
        found = await client.call_tool("search_memories", {"query": "bees"})
        return [memory["text"] for memory in found.structured_content["memories"]]

    with place.owner_at_home() as person, callback() as (redirect, arrived):
        person.signs_out()
        client = SdkClient(place.address, redirect, arrived, uses)
        person.opens(client.asks.get(timeout=60))
        person.is_at("/sign-in")
        person.fills_in_sign_in()
        person.sees("Let “A real client” use your memory?")
        person.expects_nothing_wrong()
        person.presses("Allow")
        person.sees("Go back to the client.")
        expect(client.answer() == ["Keeps bees since 2024."], "The client does not find what it stored")


def add_search_edit_and_undo(place):
    """A memory is written, found as one types by a word and by meaning, edited, and put back as it was."""
    with place.owner_at_home() as person:
        person.goes_to("Memories")
        for text in ("Olive is a grey cat of nine years.", "The boiler is serviced each October."):
            if not person.has("field", "What is to be remembered"):
                person.presses("Add a memory")
            person.fills("What is to be remembered", text)
            person.presses("Add")
            person.sees("The memory is stored.")
        person.types_into("Search memories", "cats")
        found = person.row("Olive is a grey cat")
        found.sees("“cat” for “cats”")
        person.row("Olive").follows("Olive is a grey cat of nine years.")
        person.fills("Text", "Olive is a grey cat of ten years.")
        person.presses("Save")
        person.sees("Your change is saved.")
        expect(place.owner.finds("Olive") == ["Olive is a grey cat of ten years."], "A tool finds the older text")
        person.presses("Restore version 1")
        person.sees("The older text is restored.")
        expect(place.owner.finds("Olive") == ["Olive is a grey cat of nine years."], "A tool finds the newer text")
        person.expects_nothing_wrong()


def select_rows(place):
    """A range of rows is selected with Shift, all on a page with one box, and none again."""
    place.owner.remembers(*[f"Row number {number}." for number in range(120)])
    with place.owner_at_home() as person:
        person.goes_to("Memories")
        boxes = [box for box in person.all("checkbox") if box.get_attribute("name") == "id"]
        boxes[2].click()
        person.clicks_with_shift(boxes[6])
        person.sees("5 selected")
        person.clicks_with_shift(boxes[3])
        person.presses("Select none")
        person.sees_no(" selected")
        person.checks("Select all on this page")
        person.sees(f"{len(boxes)} selected")
        person.checks("Select all 120 that match")
        person.sees("120 selected")
        person.expects_nothing_wrong()


def move_all_that_match(place):
    """Before all that match is moved, it is said how many from where."""
    place.owner.has_bucket("Kitchen")
    place.owner.remembers(*[f"Shelf {number} has jam." for number in range(70)], "The cellar has cider.")
    with place.owner_at_home() as person:
        person.goes_to("Memories")
        person.types_into("Search memories", "jam")
        person.follows("70 memories with every word")
        person.checks("Select all 70 that match")
        person.chooses("Bucket to move them to", "Kitchen")
        person.presses("Move")
        dialog = person.within("dialog")
        dialog.sees("Move 70 memories to “Kitchen”?")
        dialog.sees("70 from General")
        dialog.presses("Move 70 memories")
        person.sees("70 memories were moved.")
        expect(place.owner.counts("Kitchen") == 70, "Others than these are moved, or not all of these")
        person.expects_nothing_wrong()


def delete_5000_and_undo(place):
    """All that a filter matches are selected, counted, deleted at once, and put back."""
    place.owner.has_bucket("Imported")
    place.owner.remembers(*[{"text": f"Imported line {number}.", "bucket": "Imported"} for number in range(5_000)])
    place.owner.remembers("Stays: coffee is taken black.", "Stays: allergic to hazelnuts.")
    with place.owner_at_home() as person:
        person.goes_to("Memories")
        person.presses("Filters and order")
        person.chooses("Bucket", "Imported")
        person.sees("of 5,000 memories")
        person.checks("Select all 5,000 that match")
        person.sees("5,000 selected")
        person.presses("Delete…")
        dialog = person.within("dialog")
        dialog.sees("Delete 5,000 memories?")
        dialog.sees("5,000 from Imported")
        dialog.presses("Delete 5,000 memories")
        person.sees("5,000 memories are in the trash. They can be restored for 30 days.")
        expect(place.owner.counts() == 2, "Others than these are deleted, or not all of these")
        person.presses("Undo")
        person.sees("5,000 memories are back.")
        expect(place.owner.counts() == 5_002, "Not everything is back")
        person.goes_to("Receipts")
        person.row("5,000").sees("restored")
        person.expects_nothing_wrong()


def purge_and_find_nothing(place):
    """What is purged is found by no page, no tool, and in no file of the server."""
    word = "Zwetschgenwald"
    place.owner.remembers(f"The hut in the {word} has a blue door.", "The hut by the lake has a red door.")
    with place.owner_at_home() as person:
        person.goes_to("Memories")
        person.types_into("Search memories", word)
        person.row(word).follows(f"The hut in the {word} has a blue door.")
        person.presses("Delete…")
        dialog = person.within("dialog")
        dialog.sees("Delete 1 memory?")
        dialog.checks("Purge now", role="radio")
        dialog.presses("Delete 1 memory")
        person.sees("1 memory is gone for good.")
        expect(place.owner.finds(f"the hut in the {word}") == ["The hut by the lake has a red door."], "A tool finds it")
        person.goes_to("Memories")
        person.types_into("Search memories", word)
        person.waits(lambda: all(word not in row.text for row in person.all("row")), "A list without it")
        person.goes_to("Trash")
        person.sees("No memories are in the trash.")
        person.goes_to("Receipts")
        person.sees("1 purged")
        person.waits(lambda: not place.files_with(word), f"Files without {word}")
        person.expects_nothing_wrong()


def the_trash_gives_back_and_purges(place):
    """From the trash one memory is restored; the rest is purged after a review."""
    ids = [place.owner.remembers_one(f"Parked on level {level}.") for level in range(1, 5)]
    place.owner.forgets(*ids)
    with place.owner_at_home() as person:
        person.goes_to("Trash")
        person.checks("Parked on level 2.")
        person.sees("1 selected")
        person.presses("Restore")
        person.sees("1 memory is back.")
        expect(place.owner.finds("parked") == ["Parked on level 2."], "Another one is restored")
        person.presses("Purge all 3")
        dialog = person.within("dialog")
        dialog.sees("Purge 3 memories for good?")
        dialog.presses("Purge 3 memories")
        person.sees("3 entries of the trash are gone for good.")
        person.sees("No memories are in the trash.")
        person.expects_nothing_wrong()


def a_dialog_keeps_the_focus(place):
    """By keyboard: the review opens, the key Tab stays in it, Escape closes it, and the focus is back."""
    place.owner.remembers("Drinks coffee black.")
    with place.owner_at_home() as person:
        person.goes_to("Memories")
        person.checks("Drinks coffee black.")
        opener = person.finds("button", "Delete…")
        person.browser.js("arguments[0].focus()", opener)
        person.types(Keys.ENTER)
        person.within("dialog").sees("Delete 1 memory?")
        inside = "return document.activeElement === document.body || document.activeElement.closest('dialog') !== null"
        expect(person.browser.js(inside), "The focus is not in the dialog")
        for _ in range(12):
            person.types(Keys.TAB)
            expect(person.browser.js(inside), f"Tab leaves the dialog for {person.focus().get_attribute('outerHTML')}")
        person.types(Keys.ESCAPE)
        person.waits(lambda: not person.has("dialog"), "A closed dialog")
        expect(person.focus() == opener, f"The focus is at {person.focus().get_attribute('outerHTML')}")
        expect(place.owner.counts() == 1, "Closing the dialog deletes")
        person.expects_nothing_wrong()


def import_a_chatgpt_export(place):
    """A ChatGPT export is given as it comes, with its progress shown; given again, it adds nothing."""
    said = [[f"What of topic {number}?", f"Topic {number} was settled in March."] for number in range(400)]
    said.append(["How long does the rye dough rest?", "Rye dough rests for twelve hours."])
    with place.owner_at_home() as person, chatgpt_export(said) as file:
        person.goes_to("Import & export")
        person.browser.js(WATCH_PROGRESS)
        person.gives("Choose files", file)
        card = person.row(file.name)
        card.sees("Done")
        card.sees("401")
        expect(person.browser.js("return window.__progress.length") > 0, "No progress is shown")
        person.follows("See its conversations")
        person.sees("401 conversations")
        person.goes_to("Import & export")
        person.gives("Choose files", file)
        person.waits(lambda: len([one for one in person.all("article") if "Done" in one.text]) == 2, "A second report")
        person.goes_to("Conversations")
        person.sees("401 conversations")
        person.expects_nothing_wrong()


def recall_with_citation(place):
    """A question is answered from what was said; its citation opens the message, with the passage marked."""
    place.owner.heard("chatgpt", "c1", "Rye bread", "How long does the dough rest?", "Rye dough rests for twelve hours.")
    place.owner.heard("claude", "c2", "A week in Lisbon", "Where do we stay?", "The flat in Alfama is booked.")
    with place.owner_at_home() as person:
        person.goes_to("Recall")
        person.fills("Your question", "How long does rye dough rest?")
        person.presses("Ask")
        person.within("region", "Answer").sees("Rye dough rests for twelve hours.")
        person.follows("Source 1")
        person.within("region", "Answer").follows("Rye bread")
        person.waits(lambda: person.has("heading", "Rye bread"), "The conversation")
        marked = "return [...document.querySelectorAll('mark')].map((mark) => mark.textContent).join(' ')"
        person.waits(lambda: "Rye dough rests" in person.browser.js(marked), "The passage, marked")
        in_sight = "const box = document.querySelector('mark').getBoundingClientRect(); return box.top >= 0 && box.bottom <= innerHeight"
        expect(person.browser.js(in_sight), "The passage is out of sight")
        person.expects_nothing_wrong()


def exclude_a_conversation(place):
    """An excluded conversation is gone, and the same export does not bring it back."""
    said = [["Which clinic?", "The clinic at the harbour."], ["Which bread?", "Rye."]]
    with place.owner_at_home() as person, chatgpt_export(said) as file:
        person.goes_to("Import & export")
        person.gives("Choose files", file)
        person.row(file.name).sees("Done")
        person.goes_to("Conversations")
        person.sees("2 conversations")
        person.follows("Topic 0")
        person.follows("Exclude…")
        person.checks("Exclude", role="radio")
        person.presses("Delete")
        person.sees("1 conversation was deleted")
        person.goes_to("Import & export")
        person.gives("Choose files", file)
        person.waits(lambda: len([one for one in person.all("article") if "Done" in one.text]) == 2, "A second report")
        person.goes_to("Conversations")
        person.sees("1 conversation")
        person.sees_no("Topic 0")
        person.expects_nothing_wrong()


def buckets_from_making_to_deleting(place):
    """A bucket is made, renamed and deleted; what becomes of its memories is asked."""
    with place.owner_at_home() as person:
        person.goes_to("Buckets")
        person.fills("Name", "Recipes")
        person.fills("What belongs there", "What is cooked.")
        person.presses("Create")
        person.row("Recipes").sees("What is cooked.")
        place.owner.remembers({"text": "Rye bread needs twelve hours.", "bucket": "Recipes"})
        person.goes_to("Buckets")
        person.row("Recipes").follows("Change Recipes")
        person.fills("Name", "Bread")
        person.presses("Save")
        person.goes_to("Buckets")
        person.row("Bread").follows("Change Bread")
        person.sees("What becomes of its 1 memory?")
        person.checks("Move 1 to the trash.", role="radio")
        person.presses("Delete the bucket")
        person.is_at("/buckets")
        expect(place.owner.counts() == 0, "The memory is still there")
        person.goes_to("Trash")
        person.row("Rye bread needs twelve hours.")
        person.expects_nothing_wrong()


def a_token_from_making_to_revoking(place):
    """A token is made for reading, shown once, may do no more than that, and is refused once it is revoked."""
    with place.owner_at_home() as person:
        person.goes_to("Connect")
        person.fills("Name", "phone")
        person.unchecks("change:")
        person.unchecks("administer:")
        person.presses("Make the token")
        person.sees("The token “phone” is made")
        phone = Account(place.address, re.search(r"cmpl_\w+", person.reads())[0])
        expect(phone.is_let_in() and not phone.is_let_in(writing=True), "The token may do something else")
        person.follows("I have copied it")
        expect(phone.token not in person.driver.page_source, "The token is shown twice")
        person.follows("Revoke phone")
        person.presses("Revoke")
        person.sees("The token is revoked.")
        expect(not phone.is_let_in(), "A revoked token is taken")
        person.expects_nothing_wrong()


def disconnect_a_client(place):
    """What was allowed to a client is ended on the page, and the client is refused at once."""
    with place.owner_at_home() as person, callback() as (redirect, arrived):
        client = Client(place.address, "A forgotten client", redirect)
        person.opens(client.path())
        person.presses("Allow")
        person.sees("Go back to the client.")
        client.redeems(arrived.get(timeout=60)["code"])
        expect(client.is_let_in(), "An allowed client is refused")
        # The client's own page is on another address.
        person.browser.taken_wrong()
        person.opens("/connect")
        person.follows("Disconnect A forgotten client")
        person.presses("Disconnect")
        person.is_at("/connect")
        expect(not person.has("link", "Disconnect A forgotten client"), "The client is still there")
        expect(not client.is_let_in(), "A disconnected client is let in")
        person.expects_nothing_wrong()


STORIES = [
    first_run,
    sign_in_and_out,
    change_password,
    consent,
    add_search_edit_and_undo,
    select_rows,
    move_all_that_match,
    delete_5000_and_undo,
    purge_and_find_nothing,
    the_trash_gives_back_and_purges,
    a_dialog_keeps_the_focus,
    import_a_chatgpt_export,
    recall_with_citation,
    exclude_a_conversation,
    buckets_from_making_to_deleting,
    a_token_from_making_to_revoking,
    disconnect_a_client,
]
