//! What every operation is given: the storage, the clock, the limits.

use std::sync::Arc;

use tokio::sync::Notify;

use crate::auth::Recent;
use crate::clock::Clock;
use crate::config::Config;
use crate::db::Db;
use crate::embed::Embedder;
use crate::error::Result;
use crate::llm::Llm;
use crate::overview::usage::Pending;
use crate::search::Search;

/// The program's state. Clones share it; nothing in it must be known to another
/// process on the same data.
#[derive(Debug, Clone)]
pub struct App {
    /// The storage.
    pub db: Db,
    /// The time.
    pub clock: Clock,
    /// The embedder, and what this process keeps in memory for searching.
    pub search: Search,
    /// The language model, where the settings name one.
    pub llm: Option<Arc<Llm>>,
    /// The settings.
    pub config: Arc<Config>,
    /// What this process keeps in memory about callers.
    pub(crate) recent: Arc<Recent>,
    /// What was counted and is not stored yet.
    pub(crate) usage: Arc<Pending>,
    /// Told where a file was uploaded.
    pub(crate) uploads: Arc<Notify>,
}

impl App {
    /// Opens the storage that the settings name.
    ///
    /// # Errors
    /// As [`Embedder::open`], [`Llm::new`] and [`Db::open`].
    pub async fn open(config: Config, clock: Clock) -> Result<Self> {
        let embedder = Embedder::open(&config, &clock)?;
        let llm = config.llm.clone().map(|settings| Llm::new(*settings, clock.clone())).transpose()?;
        let db = Db::open(&config.location()?).await?;
        let search = Search::open(&db, embedder, config.search_memory_bytes).await?;
        let (config, llm) = (Arc::new(config), llm.map(Arc::new));
        Ok(Self {
            db,
            clock,
            search,
            llm,
            config,
            recent: Arc::default(),
            usage: Arc::default(),
            uploads: Arc::default(),
        })
    }
}
