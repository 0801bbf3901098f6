//! What surrounds every page of the dashboard: navigation, account, and the word
//! on what was just done.

use super::signed_in::SignedIn;
use crate::auth::oauth::Params;

/// A page in the navigation.
#[derive(Debug)]
pub(super) struct Entry {
    pub path: &'static str,
    pub label: &'static str,
}

/// The navigation, in order: those pages that there are.
const NAV: &[Entry] = &[
    Entry { path: "/", label: "Overview" },
    Entry { path: "/memories", label: "Memories" },
    Entry { path: "/conversations", label: "Conversations" },
    Entry { path: "/recall", label: "Recall" },
    Entry { path: "/buckets", label: "Buckets" },
    Entry { path: "/transfer", label: "Import & export" },
    Entry { path: "/trash", label: "Trash" },
    Entry { path: "/receipts", label: "Receipts" },
    Entry { path: "/connect", label: "Connect" },
];

/// What can be said to have been done: the code in the address, the sentence of
/// one and of any other number, with # for the number.
const DONE: &[(&str, &str, &str)] = &[
    ("bucket-created", "The bucket is there.", ""),
    ("bucket-deleted", "The bucket is deleted. No memory was.", ""),
    ("bucket-merged", "The buckets are one; 1 memory was moved.", "The buckets are one; # memories were moved."),
    (
        "bucket-purged",
        "The bucket is deleted, and 1 memory for good.",
        "The bucket is deleted, and # memories for good.",
    ),
    (
        "bucket-trashed",
        "The bucket is deleted, and 1 memory is in the trash.",
        "The bucket is deleted, and # memories are in the trash.",
    ),
    ("bucket-updated", "Saved.", ""),
    ("import-received", "The file has arrived and is read now.", "# files have arrived and are read now."),
    ("import-stopped", "The import is stopped. What it has taken in stays.", ""),
    ("none-selected", "Nothing was selected. Select some rows first.", ""),
    ("no-summary", "The language model wrote no summary this time. Try again later.", ""),
    ("pinned", "1 conversation is pinned.", "# conversations are pinned."),
    ("summary", "The summary is below.", ""),
    ("unpinned", "1 conversation is not pinned any more.", "# conversations are not pinned any more."),
    ("password", "Your password is changed. Other browsers are signed out.", ""),
    ("welcome", "Your password is set. From now on you sign in with it.", ""),
    ("added", "The memory is stored.", ""),
    ("known", "This bucket had that memory already, so nothing was added. Here it is.", ""),
    ("moved", "1 memory was moved.", "# memories were moved."),
    ("saved", "Your change is saved. What it was before is in the history below.", ""),
    ("unchanged", "Nothing was changed.", ""),
    ("version", "The older text is restored. What it replaced is in the history below.", ""),
    ("restored", "1 memory is back.", "# memories are back."),
    ("conversations-restored", "1 conversation is back.", "# conversations are back."),
    ("token-revoked", "The token is revoked. Whatever used it is refused from now on.", ""),
    ("disconnected", "The tool is disconnected. It is refused from now on.", ""),
    ("signed-out", "You are signed out.", ""),
    ("signed-out-everywhere", "You are signed out, here and in every other browser.", ""),
];

/// A sentence on what was just done. It comes with the redirect after a form, as a
/// code and a number in the address, and never as text: an address is anyone's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Notice(String);

impl Notice {
    /// Where a form leads to, so that the page there says what was done: a code of
    /// [`DONE`], and of how many.
    pub(super) fn address(path: &str, code: &'static str, count: Option<u64>) -> String {
        debug_assert!(DONE.iter().any(|(known, ..)| *known == code), "{code} is not in DONE");
        let join = if path.contains('?') { '&' } else { '?' };
        let count = count.map(|count| format!("&n={count}")).unwrap_or_default();
        format!("{path}{join}done={code}{count}")
    }

    /// What the parameters of an address say was done.
    pub(super) fn in_query(query: &Params) -> Option<Self> {
        let given = |name| query.get(name).ok().flatten();
        let code = given("done")?;
        let (_, one, many) = DONE.iter().find(|(known, ..)| *known == code)?;
        let Some(count) = given("n").and_then(|count| count.parse::<u64>().ok()) else {
            // A sentence about a number is nothing without it.
            return (!one.contains('#')).then(|| Self((*one).to_owned()));
        };
        let sentence = if count == 1 { one } else { many };
        let sentence = if sentence.is_empty() { one } else { sentence };
        Some(Self(sentence.replace('#', &thousands(count))))
    }

    /// The sentence.
    pub(super) fn text(&self) -> &str {
        &self.0
    }
}

/// A number as people read it: 12,345.
pub(super) fn thousands(number: impl TryInto<u64>) -> String {
    let digits = number.try_into().unwrap_or_default().to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// What the template `layout.html` needs, a field `layout` of each page's own.
#[derive(Debug)]
pub(super) struct Layout {
    /// Of the account.
    pub name: String,
    /// What every form carries.
    pub csrf: String,
    /// The path of the page in the navigation that this one is, or belongs to.
    pub current: &'static str,
    pub notice: Option<Notice>,
}

impl Layout {
    /// For a page that someone looks at.
    pub(super) fn new(of: &SignedIn, current: &'static str) -> Self {
        Self {
            name: of.session.account.name.clone(),
            csrf: of.session.csrf().to_owned(),
            current,
            notice: Notice::in_query(&of.query),
        }
    }

    /// For the template.
    #[expect(clippy::unused_self, reason = "templates call methods")]
    pub(super) fn nav(&self) -> &'static [Entry] {
        NAV
    }

    /// For the template.
    pub(super) fn is_current(&self, path: &str) -> bool {
        self.current == path
    }
}
