"""What people do, from the first start on."""

from client import SdkClient, callback
from person import expect


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


STORIES = [first_run, sign_in_and_out, change_password, consent]
