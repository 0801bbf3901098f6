//! Receipts: the proof of what was deleted, by whom, when, and when it was
//! purged. They hold no memory text, and ids only as salted hashes.

pub mod ops;
pub(crate) mod rows;

use sha2::{Digest, Sha256};

use crate::app::App;
use crate::auth::Caller;
use crate::clock::Micros;
use crate::error::Result;
use crate::id::{self, AccountId};

/// What the ids of receipts begin with.
const ID_PREFIX: &str = "del";

/// Which operation deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// One memory by id.
    Delete,
    /// Memories by a list of ids.
    BulkDelete,
    /// Memories by a filter.
    DeleteByFilter,
    /// Memories with their bucket.
    DeleteBucket,
    /// Memories in the trash by a list of ids.
    PurgeTrash,
    /// All of the trash.
    EmptyTrash,
    /// Conversations.
    DeleteConversations,
    /// Conversations, which are not imported again.
    ExcludeConversations,
    /// Everything of an account, and then the account.
    RemoveUser,
}

impl Operation {
    /// The operation's name in receipts.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Delete => "delete",
            Self::BulkDelete => "bulk-delete",
            Self::DeleteByFilter => "delete-by-filter",
            Self::DeleteBucket => "delete-bucket",
            Self::PurgeTrash => "purge-trash",
            Self::EmptyTrash => "empty-trash",
            Self::DeleteConversations => "delete-conversations",
            Self::ExcludeConversations => "exclude-conversations",
            Self::RemoveUser => "remove-user",
        }
    }
}

/// What is known of a deletion before it is carried out.
#[derive(Debug, Clone)]
pub struct Draft {
    /// The receipt's id.
    pub id: String,
    /// Whose memories.
    pub account: AccountId,
    /// When.
    pub now: Micros,
    /// Whether past recovery.
    pub purge: bool,
    /// When the trash lets go of them.
    pub purge_at: Micros,
    operation: Operation,
    token_name: String,
    salt: [u8; 16],
}

impl Draft {
    /// Begins a receipt.
    ///
    /// # Errors
    /// As [`id::random`].
    pub fn new(app: &App, caller: &Caller, operation: Operation, purge: bool) -> Result<Self> {
        let now = app.clock.now();
        Ok(Self {
            id: id::new(ID_PREFIX, now)?,
            account: caller.account,
            now,
            purge,
            purge_at: now.plus_days(app.config.trash_days),
            operation,
            token_name: caller.token_name.clone(),
            salt: id::random()?,
        })
    }

    /// The hashes of the deleted ids, in order of the hashes, end to end.
    fn hashes(&self, ids: &[String]) -> Vec<u8> {
        let mut hashes: Vec<[u8; 16]> = ids.iter().map(|id| id_hash(&self.salt, id)).collect();
        hashes.sort_unstable();
        hashes.concat()
    }
}

/// The first 128 bits of SHA-256 over the salt and the id.
#[must_use]
pub fn id_hash(salt: &[u8], id: &str) -> [u8; 16] {
    let digest = Sha256::new().chain_update(salt).chain_update(id).finalize();
    let mut hash = [0; 16];
    hash.copy_from_slice(&digest[..16]);
    hash
}

/// A receipt.
#[derive(Debug, Clone)]
pub struct Receipt {
    /// Its id.
    pub id: String,
    /// The operation's name.
    pub operation: String,
    /// The name of the token that asked for it.
    pub token_name: String,
    /// How many memories or conversations it deleted.
    pub deleted: i64,
    /// How many of the given ids it could not delete.
    pub failed: i64,
    /// How many of the deleted were restored since.
    pub restored: i64,
    /// How many of the deleted are purged by now.
    pub purged: i64,
    /// When it was carried out.
    pub created_at: Micros,
    /// When some of its memories were last purged.
    pub purged_at: Option<Micros>,
    /// When the storage had nothing left of all that was purged until then.
    pub erased_at: Option<Micros>,
}

impl Receipt {
    /// Whether it is about conversations that may be put back, and not about memories.
    #[must_use]
    pub fn is_of_conversations(&self) -> bool {
        self.operation == Operation::DeleteConversations.name() || self.excludes()
    }

    /// Whether the conversations were excluded, too.
    #[must_use]
    pub fn excludes(&self) -> bool {
        self.operation == Operation::ExcludeConversations.name()
    }

    /// How many of what it deleted are in the trash.
    #[must_use]
    pub fn in_trash(&self) -> i64 {
        self.deleted - self.restored - self.purged
    }
}

/// Whether [`Receipt::erased_at`] says that the bytes are overwritten, rather
/// than that the rows are removed and their space is the database server's.
#[must_use]
pub fn overwrites_bytes(app: &App) -> bool {
    app.db.overwrites_bytes()
}

/// A receipt's proof of which memories it is about.
#[derive(Debug, Clone)]
pub struct Proof {
    /// What was hashed before each id.
    pub salt: Vec<u8>,
    /// [`id_hash`] of each deleted id, sorted.
    pub hashes: Vec<[u8; 16]>,
}
