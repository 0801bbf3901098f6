//! Embeddings: texts as directions, so that texts that mean the same are near.
//!
//! The built-in model ([`table`]) needs nothing but this binary and takes
//! microseconds, so what is stored with it has its embedding from the start. The
//! others, a server that speaks the `OpenAI` form ([`openai`]) and a transformer
//! from a local folder ([`minilm`]), take longer or can be away: what is stored
//! with them is embedded afterwards.
//!
//! Embeddings of different models say nothing of each other. [`Embedder::space`]
//! names the model, and is stored beside each of its embeddings.

pub mod minilm;
pub mod openai;
mod table;
mod vector;
pub mod wordpiece;

use std::sync::Arc;

use crate::clock::Clock;
use crate::config::{Config, EmbedderKind};
use crate::error::Result;

pub use minilm::MiniLm;
pub use openai::{Failure, OpenAi};
pub use table::StaticModel;
pub use vector::Vector;

/// What makes embeddings, as the settings choose it. Clones share it.
#[derive(Debug, Clone)]
pub enum Embedder {
    /// The model that is compiled in.
    BuiltIn(&'static StaticModel),
    /// A server.
    OpenAi(Arc<OpenAi>),
    /// A transformer from a folder.
    MiniLm(Arc<MiniLm>),
}

impl Embedder {
    /// The embedder that the settings choose. A server is not asked yet.
    ///
    /// # Errors
    /// [`crate::Error::Invalid`] where a setting is missing or a folder does not
    /// hold a model.
    pub fn open(config: &Config, clock: &Clock) -> Result<Self> {
        Ok(match &config.embedder {
            EmbedderKind::BuiltIn => Self::BuiltIn(StaticModel::built_in()),
            EmbedderKind::OpenAi(settings) => Self::OpenAi(Arc::new(OpenAi::new(*settings.clone(), clock.clone())?)),
            EmbedderKind::MiniLm(folder) => Self::MiniLm(Arc::new(MiniLm::open(folder)?)),
        })
    }

    /// The name of the space that its embeddings are in.
    #[must_use]
    pub fn space(&self) -> String {
        match self {
            Self::BuiltIn(model) => model.name().to_owned(),
            Self::OpenAi(server) => server.name(),
            Self::MiniLm(model) => model.name().to_owned(),
        }
    }

    /// Whether it is quick enough to embed a text before it is stored.
    #[must_use]
    pub fn is_immediate(&self) -> bool {
        matches!(self, Self::BuiltIn(_))
    }

    /// The embedding of a query; none where it has no word that the model knows.
    ///
    /// # Errors
    /// [`Failure`] of a server, after one short try.
    pub async fn query(&self, text: &str) -> Result<Option<Vector>, Failure> {
        match self {
            Self::BuiltIn(model) => Ok(model.embed(text)),
            Self::OpenAi(server) => Ok(Vector::from_f32(&server.embed_query(text).await?)),
            Self::MiniLm(_) => Ok(self.documents(vec![text.to_owned()]).await?.pop().flatten()),
        }
    }

    /// The embeddings of texts to be stored, in their order.
    ///
    /// # Errors
    /// [`Failure`] of a server, after some tries.
    pub async fn documents(&self, texts: Vec<String>) -> Result<Vec<Option<Vector>>, Failure> {
        match self {
            Self::BuiltIn(model) => Ok(texts.iter().map(|text| model.embed(text)).collect()),
            Self::OpenAi(server) => {
                Ok(server.embed_documents(&texts).await?.iter().map(|row| Vector::from_f32(row)).collect())
            }
            Self::MiniLm(model) => {
                let model = Arc::clone(model);
                let rows = tokio::task::spawn_blocking(move || model.embed(&texts)).await;
                let rows = rows.map_err(|error| Failure::Unavailable(error.to_string()))?;
                let rows = rows.map_err(|error| Failure::Rejected(error.to_string()))?;
                Ok(rows.iter().map(|row| Vector::from_f32(row)).collect())
            }
        }
    }
}
