"""What is in the accounts whose pages are looked at: a life as it may be, and one full of markup."""

import contextlib
import json
import tempfile
import zipfile
from pathlib import Path

LONG = "Donaudampfschifffahrtsgesellschaft" * 9
# Texts that would do something if a page took them for anything but text. Whatever a script in
# them does sets `__xss` or opens an alert, and whatever they load is called `markup`.
HOSTILE = [
    "<script>window.__xss = 1; alert(1)</script>",
    '"><img src=markup onerror="window.__xss = 2; alert(2)">',
    "'><svg onload=alert(3)><a href=javascript:alert(3)>go</a>",
    "</textarea></title></script><script>alert(4)</script>",
    "{{ 7 * 7 }} ${7 * 7} <%= 7 * 7 %> &lt;b&gt;once&lt;/b&gt;",
    f"A very long word: {LONG}",
    "Right to left: \u05e9\u05dc\u05d5\u05dd \u202e gnp.txt \u202c and \u0627\u0644\u0633\u0644\u0627\u0645",
    "Emoji: 👩\u200d👩\u200d👧\u200d👦 🏳️\u200d🌈 é\u0301\u0301\u0301 \u200b\u2028",
]
# What of it a page shows where it shows it as text.
SHOWN = "<script>window.__xss = 1; alert(1)</script>"


def lived_in(account):
    """Memories in buckets, conversations, a trash and receipts, as a year leaves them; the pages of some of them."""
    account.has_bucket("Work", "Projects, colleagues and how things are done there.")
    account.has_bucket("Home", "The flat, the garden and whoever lives there.")
    account.has_bucket("Travel")
    facts = {
        "Work": [
            "Leads the harbour survey until March 2027; Ines takes over then.",
            "Writes reports in British English and keeps them under four pages.",
            "The weekly meeting with Rotterdam is on Tuesdays at 10:00.",
            "Prefers PostgreSQL where more than one machine writes.",
            "The budget of the survey is 48,000 euros, of which 31,200 are spent.",
        ],
        "Home": [
            "The boiler was serviced on 3 October; the next visit is due in a year.",
            "Olive is a grey cat, is nine years old and gets her pills in the evening.",
            "Tomatoes go out in the middle of May, after the last frost.",
            "The wall of the study is painted in “Lichen”, number 19.",
        ],
        "Travel": [
            "Travels by night train where there is one, in the lower berth.",
            "Is in Lisbon from 12 to 19 June with Mara.",
            "Takes a window seat on the left side, to see the mountains.",
        ],
        None: [
            "Drinks coffee black, and none after four in the afternoon.",
            "Is allergic to hazelnuts; almonds are fine.",
            "Speaks German and Portuguese, and reads some Dutch.",
            "Learns to play the viola da gamba since September; the teacher is called Agnes, "
            "lessons are on Thursday evenings in the old town hall, and the bow is lent until Easter.",
        ],
    }
    sources = ["claude-code", "chatgpt", "cursor", "mcp"]
    memories = []
    for month in range(1, 13):
        for bucket, texts in facts.items():
            for place, text in enumerate(texts):
                day = 1 + (place * 7 + month * 3) % 28
                said = text if month == 12 else f"{text.rstrip('.')} (noted in month {month})."
                memory = {"text": said, "createdAt": f"2025-{month:02}-{day:02}", "source": sources[(place + month) % 4]}
                memories.append(memory | ({"bucket": bucket} if bucket else {}))
    account.remembers(*memories)
    edited = account.remembers_one("The spare key is with the neighbours on the second floor.")
    account.call("POST", "/api/v2/memory/update", {"memoryId": edited, "text": "The spare key is with Ada, on the third floor."})
    gone = [account.remembers_one(f"Parked the car on level {level} of the station garage.") for level in range(1, 7)]
    account.forgets(*gone[:4])
    account.forgets(*gone[4:], purge=True)
    account.heard(
        "chatgpt", "c1", "A week in Lisbon",
        "Where should we stay in Lisbon in June?",
        "Alfama is quiet in the evenings, and the flat near the Miradouro is free from the 12th to the 19th.",
        "Good. How do we get there from Porto?",
        "By train from Campanhã to Santa Apolónia, three hours and ten minutes.",
    )
    account.heard(
        "claude", "c2", "Rye bread",
        "How long does the sourdough of a rye bread rest?",
        "Twelve hours at room temperature:\n\n1. Mix 200 g of rye flour and 200 ml of water.\n2. Cover it.\n\n```\nrest = 12 * 60\n```",
        at="2025-10-02T18:00:00Z",
    )
    for number in range(3, 15):
        account.heard(
            ("chatgpt", "claude", "cursor")[number % 3], f"c{number}", f"The harbour survey, week {number}",
            f"Summarise what was measured in week {number}.",
            f"The depth at pier {number} was {number + 3.5} metres; the sonar was calibrated on Monday.",
            at=f"2025-{1 + number % 12:02}-11T08:00:00Z",
        )
    account.call("POST", "/api/chat-history/search", {"query": "sourdough"})
    account.finds("boiler")
    return [f"/memories/{edited}", f"/buckets/{account.bucket('Work')}"]


def full_of_markup(account):
    """The same kinds of things, each of whose texts and names is hostile; pages of some of these."""
    for text in HOSTILE:
        # Names are shorter than texts, have no control characters and no line ends.
        name = text.replace("\u2028", "")[:90]
        account.has_bucket(name, text)
        account.remembers({"text": text, "bucket": name, "source": "web"}, {"text": f"General: {text}"})
    edited = account.remembers_one(f"Before {SHOWN}")
    account.call("POST", "/api/v2/memory/update", {"memoryId": edited, "text": f"After {SHOWN}"})
    account.remembers(f"A duplicate {SHOWN}.", f"A duplicate: {SHOWN}")
    gone = [account.remembers_one(f"Gone {text}") for text in HOSTILE]
    account.forgets(*gone)
    for place, text in enumerate(HOSTILE):
        account.heard("chatgpt", f"m{place}", text[:200], f"Said {text}", f"Answered {text}", f"# {text}\n\n- {text}")
    return [f"/memories/{edited}", f"/buckets/{account.bucket(SHOWN)}"]


@contextlib.contextmanager
def chatgpt_export(said):
    """A file as ChatGPT gives it, with a conversation for each list of what is said in turn."""
    with tempfile.TemporaryDirectory(prefix="commonplace-export-") as folder:
        file = Path(folder) / "chatgpt-export.zip"
        conversations = [conversation(number, messages) for number, messages in enumerate(said)]
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("conversations.json", json.dumps(conversations))
            archive.writestr("user.json", json.dumps({"id": "user-1"}))
            archive.writestr("chat.html", "<html></html>")
        yield file


def conversation(number, messages):
    """One conversation of such a file: a tree of one branch."""
    began = 1_770_000_000.5 + 3_600 * number
    mapping = {"root": {"id": "root", "message": None, "parent": None, "children": ["n0"]}}
    for place, text in enumerate(messages):
        message = {
            "id": f"c{number}-{place}",
            "author": {"role": ("user", "assistant")[place % 2], "name": None, "metadata": {}},
            "create_time": began + place,
            "content": {"content_type": "text", "parts": [text]},
            "status": "finished_successfully",
            "weight": 1.0,
            "metadata": {},
            "recipient": "all",
        }
        mapping[f"n{place}"] = {
            "id": f"n{place}",
            "message": message,
            "parent": f"n{place - 1}" if place else "root",
            "children": [f"n{place + 1}"] if place + 1 < len(messages) else [],
        }
    return {
        "id": f"c{number}",
        "conversation_id": f"c{number}",
        "title": f"Topic {number}",
        "create_time": began,
        "update_time": began + len(messages),
        "mapping": mapping,
        "current_node": f"n{len(messages) - 1}",
    }
