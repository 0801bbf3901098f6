//! `commonplace search`.

use std::fmt::Write as _;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use serde_json::json;

use super::print;
use crate::app::App;
use crate::auth::{Caller, ops as auth};
use crate::bucket::ops as bucket;
use crate::clock::{Clock, Micros};
use crate::config::Config;
use crate::error::{Error, Result};
use crate::id::BucketId;
use crate::memory::ops::{self, Find, Hit};
use crate::search::{self, Correction, Filter, Mode};

/// What to look for.
#[derive(Debug, Args)]
pub(super) struct Query {
    /// What to look for
    #[arg(required = true)]
    words: Vec<String>,
    /// At most how many
    #[arg(long, short = 'n', default_value_t = 10, value_parser = clap::value_parser!(i64).range(1..))]
    count: i64,
    /// How many of the first to leave out
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(i64).range(0..))]
    skip: i64,
    /// By what to find
    #[arg(long, value_enum, default_value_t = By::Hybrid)]
    mode: By,
    /// Only in this bucket, by name
    #[arg(long)]
    bucket: Option<String>,
    /// Only what this tool stored
    #[arg(long)]
    stored_by: Option<String>,
    /// Only what was stored at or after this time or date
    #[arg(long, value_name = "WHEN")]
    after: Option<String>,
    /// Only what was stored before this time or date
    #[arg(long, value_name = "WHEN")]
    before: Option<String>,
    /// Whose memories; the owner's without it
    #[arg(long)]
    user: Option<String>,
    /// Say how each score came about
    #[arg(long)]
    explain: bool,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

/// By what a query finds.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum By {
    /// Words and meaning
    Hybrid,
    /// Words alone
    Lexical,
    /// Meaning alone
    Dense,
}

pub(super) async fn run(config: Config, query: Query) -> Result<ExitCode> {
    let app = App::open(config, Clock::default()).await?;
    let result = found(&app, &query).await;
    app.db.close().await;
    print(&result?)
}

async fn found(app: &App, query: &Query) -> Result<String> {
    let caller = Caller::operator(auth::account(app, query.user.as_deref()).await?.id);
    let bucket = match &query.bucket {
        Some(name) => Some(bucket_named(app, &caller, name).await?),
        None => None,
    };
    let find = Find {
        query: Some(query.words.join(" ")),
        mode: match query.mode {
            By::Hybrid => Mode::Hybrid,
            By::Lexical => Mode::Lexical,
            By::Dense => Mode::Dense,
        },
        filter: Filter {
            bucket,
            content_type: None,
            source: query.stored_by.clone(),
            after: time(query.after.as_deref())?,
            before: time(query.before.as_deref())?,
        },
        skip: query.skip,
        limit: query.count,
        with_buckets: false,
    };
    search::load(app, search::Corpus::Memories, caller.account).await?;
    let found = ops::find(app, &caller, find).await?;
    let mut out = String::new();
    for hit in &found.hits {
        write_hit(&mut out, hit, query);
    }
    for Correction { from, to } in &found.corrected {
        eprintln!("No memory has the word '{from}'; looked for '{to}' as well.");
    }
    for lack in &found.lacks {
        eprintln!("The answer may lack something: {}.", lack.name());
    }
    Ok(out)
}

async fn bucket_named(app: &App, caller: &Caller, name: &str) -> Result<BucketId> {
    let buckets = bucket::list(app, caller).await?;
    let named = buckets.into_iter().find(|bucket| bucket.name.to_lowercase() == name.trim().to_lowercase());
    named.map(|bucket| bucket.id).ok_or_else(|| Error::not_found(format!("There is no bucket '{name}'.")))
}

fn write_hit(out: &mut String, hit: &Hit, query: &Query) {
    let Hit { memory, scored } = hit;
    let Some(scored) = scored else { return };
    if query.json {
        let mut line = json!({
            "id": memory.id, "text": memory.text, "bucket": memory.bucket_name, "source": memory.source,
            "createdAt": memory.created_at.rfc3339(), "score": scored.score,
        });
        if query.explain {
            line["explain"] = json!({
                "bm25": scored.candidate.bm25, "lexical": scored.lexical,
                "cosine": scored.candidate.cosine, "dense": scored.dense,
            });
        }
        let _ = writeln!(out, "{line}");
        return;
    }
    let _ = write!(out, "{:.3}  {}  ", scored.score, memory.id);
    if query.explain {
        let cosine = scored.candidate.cosine.map_or_else(|| "none".to_owned(), |cosine| format!("{cosine:.3}"));
        let _ = write!(out, "[bm25 {:.2}, cosine {cosine}]  ", scored.candidate.bm25);
    }
    let _ = writeln!(out, "{}", shown(&memory.text));
}

/// A text for a terminal: what a terminal would obey is written out.
pub(super) fn shown(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' => shown.push_str("\n    "),
            control if control.is_control() => shown.extend(control.escape_default()),
            other => shown.push(other),
        }
    }
    shown
}

fn time(text: Option<&str>) -> Result<Option<Micros>> {
    let read = |text: &str| {
        Micros::parse(text)
            .ok_or_else(|| Error::invalid(format!("'{text}' is neither a time nor a date such as 2026-07-26.")))
    };
    text.map(read).transpose()
}
