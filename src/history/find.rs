//! Finding what was said: passages with what stands around them, and answers
//! made of them.

use std::collections::{HashMap, HashSet};

use futures_util::FutureExt;
use jiff::tz::Offset;
use tokio::time::Instant;

use super::compose::{self, Ask, MOST_TOKENS, Passage, Recall, Turn};
use super::model::{self, Writer};
use super::when::When;
use super::{Conversation, Message, refine, rows};
use crate::app::App;
use crate::auth::{Caller, Scope};
use crate::clock::Micros;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::id::AccountId;
use crate::llm::{self, Llm};
use crate::search::{self, Corpus, Filter, Lack, Mode, Request, Search};

/// What a passage counts that was said at another time than the query names.
const ANOTHER_TIME: f32 = 0.5;
/// How much of a message beside a passage is given, in characters.
const AROUND: usize = 4_000;
/// How many tokens an answer may have without being asked for.
const TOKENS: usize = 600;
/// Most questions in one request.
const MOST_QUESTIONS: usize = 15;
/// How many passages an answer is composed of, at most.
const PASSAGES: i64 = 50;

/// Where to look.
#[derive(Debug, Clone, Default)]
pub struct Within {
    /// In conversations of this platform.
    pub platform: Option<String>,
    /// Said at or after.
    pub after: Option<Micros>,
    /// Said before.
    pub before: Option<Micros>,
}

impl From<Within> for Filter {
    fn from(within: Within) -> Self {
        let Within { platform, after, before } = within;
        Self { bucket: None, content_type: None, source: platform, after, before }
    }
}

/// A passage that was found.
#[derive(Debug, Clone)]
pub struct Hit {
    /// Its number in the index.
    pub(super) doc: i64,
    /// The conversation that it is of.
    pub conversation: Conversation,
    /// How well it fits, 0 to 1.
    pub score: f32,
    /// The place of its first message.
    pub first: usize,
    /// Its messages, as much of each as the passage has.
    pub messages: Vec<Message>,
    /// Messages before and after it.
    pub around: Vec<Message>,
}

/// What was found.
#[derive(Debug, Clone, Default)]
pub struct Found {
    /// The passages, best first.
    pub hits: Vec<Hit>,
    /// What the answer lacks.
    pub lacks: Vec<Lack>,
    is_unloaded: bool,
}

/// Finds passages, each with up to `around` messages around it.
///
/// A time that the query names, such as "last month", makes what was said then
/// count more, and hides nothing: people remember times wrongly, and of the
/// questions of `LoCoMo` that name one, one in seven is answered at another.
///
/// # Errors
/// [`Error::Forbidden`] without the scope `read`, [`Error::Invalid`] for a platform with NUL.
pub async fn find(app: &App, caller: &Caller, query: &str, within: Within, limit: i64, around: usize) -> Result<Found> {
    caller.require(Scope::Read)?;
    if within.platform.as_ref().is_some_and(|platform| platform.contains('\0')) {
        return Err(Error::invalid("A platform has no NUL in its name."));
    }
    let is_bound = within.after.is_some() || within.before.is_some();
    let when = if is_bound { None } else { When::of(query, app.clock.now(), Offset::UTC) };
    let Some(when) = when else { return find_plainly(app, caller, query, within, limit, around).await };
    let rest = when.rest(query);
    let query = if rest.is_empty() { query } else { &rest };
    let then = Within { after: when.after, before: when.before, ..within.clone() };
    let (then, ever) = tokio::try_join!(
        find_plainly(app, caller, query, then, limit, around),
        find_plainly(app, caller, query, within, limit, around)
    )?;
    let known: HashSet<i64> = then.hits.iter().map(|hit| hit.doc).collect();
    let mut found = Found { hits: then.hits, ..ever };
    let others = ever.hits.into_iter().filter(|hit| !known.contains(&hit.doc));
    found.hits.extend(others.map(|hit| Hit { score: hit.score * ANOTHER_TIME, ..hit }));
    found.hits.sort_by(|a, b| b.score.total_cmp(&a.score));
    found.hits.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    Ok(found)
}

async fn find_plainly(
    app: &App,
    caller: &Caller,
    query: &str,
    within: Within,
    limit: i64,
    around: usize,
) -> Result<Found> {
    let Some(request) = search::ask(app, Corpus::Chunks, query, Mode::Hybrid, within.into(), 0, limit).await else {
        return Ok(Found::default());
    };
    let args = (caller.account, request, app.search.clone(), around);
    let found = app
        .db
        .read(args, |tx, (account, request, search, around)| find_in(tx, search, *account, request, *around).boxed());
    let found = found.await?;
    if found.is_unloaded {
        search::load_beside(app, Corpus::Chunks, caller.account);
    }
    Ok(found)
}

async fn find_in(tx: &mut Tx, search: &Search, account: AccountId, request: &Request, around: usize) -> Result<Found> {
    let search::Found { hits, lacks, is_unloaded, .. } = search::find(tx, search, account, request).await?;
    let docs: Vec<i64> = hits.iter().map(|scored| scored.candidate.doc).collect();
    let mut places = rows::places(tx, account, &docs).await?;
    let ids: Vec<String> = places.values().map(|place| place.conversation.clone()).collect();
    let conversations = rows::by_ids(tx, account, &ids).await?;
    let conversations: HashMap<String, Conversation> =
        conversations.into_iter().map(|conversation| (conversation.id.clone(), conversation)).collect();
    let mut found = Vec::new();
    for scored in hits {
        // An index may be ahead of this transaction, so what it found may not be there.
        let Some(place) = places.remove(&scored.candidate.doc) else { continue };
        let Some(conversation) = conversations.get(&place.conversation) else { continue };
        let margin = i64::try_from(around.div_ceil(2)).unwrap_or(0);
        let (from, to) = ((place.first - margin).max(0), place.last.saturating_add(margin));
        let messages = rows::messages_between(tx, account, &place.conversation, from, to).await?;
        let (mut inside, mut beside) = (Vec::new(), Vec::new());
        for (position, mut message) in messages {
            if position < place.first || position > place.last {
                if let Some((cut, _)) = message.text.char_indices().nth(AROUND) {
                    message.text.truncate(cut);
                    message.text.push('…');
                }
                beside.push(message);
                continue;
            }
            let start = if position == place.first { clamp(&message.text, place.start) } else { 0 };
            let stop = if position == place.last { clamp(&message.text, place.stop) } else { message.text.len() };
            let part = message.text.get(start..stop).unwrap_or_default().trim().to_owned();
            message.text = part;
            if !message.text.is_empty() {
                inside.push(message);
            }
        }
        found.push(Hit {
            doc: scored.candidate.doc,
            conversation: conversation.clone(),
            score: scored.score,
            first: usize::try_from(place.first).unwrap_or(0),
            messages: inside,
            around: beside,
        });
    }
    Ok(Found { hits: found, lacks, is_unloaded })
}

/// A place in a text, as near as it has one.
fn clamp(text: &str, place: i64) -> usize {
    text.floor_char_boundary(usize::try_from(place).unwrap_or(0))
}

/// A question to the history.
#[derive(Debug, Clone)]
pub struct Question {
    /// What is asked.
    pub query: String,
    /// How many tokens the answer may have.
    pub budget: usize,
}

impl Question {
    /// The questions of a request: several, or else one. Each has a budget of its
    /// own, else that of all, else [`TOKENS`].
    ///
    /// # Errors
    /// [`Error::Invalid`] for none, or for more than [`MOST_QUESTIONS`].
    pub fn all(
        query: Option<String>,
        queries: Option<Vec<(String, Option<usize>)>>,
        budget: Option<usize>,
    ) -> Result<Vec<Self>> {
        let one = || query.map(|query| vec![(query, None)]).unwrap_or_default();
        let asked = queries.filter(|queries| !queries.is_empty()).unwrap_or_else(one);
        if !(1..=MOST_QUESTIONS).contains(&asked.len()) {
            return Err(Error::invalid(format!("Give a 'query', or 1 to {MOST_QUESTIONS} 'queries'.")));
        }
        let question = |(query, own): (String, Option<usize>)| Self { query, budget: own.or(budget).unwrap_or(TOKENS) };
        Ok(asked.into_iter().map(question).collect())
    }
}

/// How to answer, beyond what is asked.
#[derive(Debug, Clone, Default)]
pub struct Manner {
    /// Passages of this platform count a little more.
    pub platform: Option<String>,
    /// Whether a language model is to look for other wordings of the questions, too, and
    /// to order what is found. Without one this changes nothing.
    pub is_thorough: bool,
    /// What was said before the questions. It helps with those wordings, and with
    /// nothing else: nobody has measured that it helps the search itself.
    pub context: String,
}

/// The same as [`find`], in the order that a language model gives the first of the
/// passages, if there is one and it does.
///
/// # Errors
/// As [`find`].
pub async fn find_ordered(
    app: &App,
    caller: &Caller,
    query: &str,
    within: Within,
    limit: i64,
    around: usize,
) -> Result<Found> {
    let Some(llm) = &app.llm else { return find(app, caller, query, within, limit, around).await };
    let until = llm.deadline();
    // What is ordered does not depend on how many are wanted.
    let seen = i64::try_from(refine::ORDERED).unwrap_or(i64::MAX).max(limit);
    let mut found = find(app, caller, query, within, seen, around).await?;
    refine::reorder(llm, query, &mut found.hits, until).await;
    found.hits.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    Ok(found)
}

/// What is found for a question, in the manner that is asked for.
async fn look(
    app: &App,
    caller: &Caller,
    query: &str,
    within: &Within,
    manner: &Manner,
    until: Option<Instant>,
) -> Result<Found> {
    let one = |query: String| async move { find(app, caller, &query, within.clone(), PASSAGES, 0).await };
    let mut found = match (&app.llm, until) {
        (Some(llm), Some(until)) if manner.is_thorough => {
            // A third of the time for each step, so that some is left for writing.
            let begun = Instant::now();
            let third = until.saturating_duration_since(begun) / 3;
            let worded = refine::paraphrases(llm, query, &manner.context, begun + third).await;
            // A model that is slow is given the time that is left for writing.
            let is_slow = worded == Err(llm::Kind::Late);
            let mut queries = worded.unwrap_or_default();
            queries.insert(0, query.to_owned());
            let lists = futures_util::future::try_join_all(queries.into_iter().map(one)).await?;
            let mut found = together(lists);
            if !is_slow {
                refine::reorder(llm, query, &mut found.hits, begun + third * 2).await;
            }
            found
        }
        _ => one(query.to_owned()).await?,
    };
    if let Some(platform) = &manner.platform {
        refine::lift(&mut found.hits, platform);
    }
    Ok(found)
}

/// What was found in several searches, the first of them the question itself.
fn together(mut all: Vec<Found>) -> Found {
    if all.len() < 2 {
        return all.pop().unwrap_or_default();
    }
    let (mut lists, mut lacks, mut is_unloaded) = (Vec::new(), Vec::new(), false);
    for found in all {
        is_unloaded |= found.is_unloaded;
        lacks.extend(found.lacks.into_iter().filter(|lack| !lacks.contains(lack)).collect::<Vec<_>>());
        lists.push(found.hits);
    }
    Found { hits: refine::fused(lists), lacks, is_unloaded }
}

/// Answers questions from what was said: one answer each, in the order of the
/// questions. Without a language model, and where it comes to nothing, an answer is
/// made of quotations; each says who wrote it.
///
/// # Errors
/// As [`find`].
pub async fn recall(app: &App, caller: &Caller, questions: &[Question], within: &Within) -> Result<Vec<Recall>> {
    recall_in(app, caller, questions, within, &Manner::default()).await
}

/// The same in a manner of one's own.
///
/// # Errors
/// As [`find`].
pub async fn recall_in(
    app: &App,
    caller: &Caller,
    questions: &[Question],
    within: &Within,
    manner: &Manner,
) -> Result<Vec<Recall>> {
    let until = app.llm.as_ref().map(|llm| llm.deadline());
    let searches = questions.iter().map(|question| look(app, caller, &question.query, within, manner, until));
    let found = futures_util::future::try_join_all(searches).await?;
    let asks: Vec<Ask<'_>> = questions.iter().zip(&found).map(|(question, found)| ask(question, found)).collect();
    let answers = compose::compose(&asks);
    match (&app.llm, until) {
        (Some(llm), Some(until)) => Ok(written(llm, &asks, answers, until).await),
        _ => Ok(answers),
    }
}

/// The answers as the model writes them, and as they are where it does not.
async fn written(llm: &Llm, asks: &[Ask<'_>], answers: Vec<Recall>, until: Instant) -> Vec<Recall> {
    let material = compose::material(asks, &answers);
    let writing = asks.iter().zip(answers).zip(&material).map(|((ask, answer), material)| async move {
        // Nothing was found, or nothing fits.
        if answer.content.is_empty() {
            return answer;
        }
        let budget = ask.budget.min(MOST_TOKENS);
        match model::write(llm, ask.query, budget, material, until).await {
            Ok(written) => written,
            Err(fault) => Recall { writer: Writer::Instead(llm.name().to_owned(), fault), ..answer },
        }
    });
    futures_util::future::join_all(writing).await
}

fn ask<'a>(question: &'a Question, found: &'a Found) -> Ask<'a> {
    let passages = found.hits.iter().map(passage).collect();
    Ask { query: &question.query, budget: question.budget, passages }
}

fn passage(hit: &Hit) -> Passage<'_> {
    let at = hit.messages.first().and_then(|message| message.created_at).unwrap_or(hit.conversation.created_at);
    let turns = hit.messages.iter();
    let turns = turns.map(|message| Turn { message: &message.id, role: message.role, text: &message.text });
    Passage {
        score: hit.score,
        conversation: &hit.conversation.id,
        title: &hit.conversation.title,
        date: at.date(),
        turns: turns.collect(),
    }
}
