//! Finding what was said: passages with what stands around them, and answers
//! made of them.

use std::collections::{HashMap, HashSet};

use futures_util::FutureExt;
use jiff::tz::Offset;
use tokio::time::Instant;

use super::compose::{self, Ask, MOST_TOKENS, Passage, Recall, Turn};
use super::model::{self, Writer};
use super::rows::Place;
use super::when::When;
use super::{Conversation, Message, refine, rows};
use crate::app::App;
use crate::auth::{Caller, Scope};
use crate::clock::Micros;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::id::AccountId;
use crate::llm::{self, Llm};
use crate::overview::usage;
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
const PASSAGES: i64 = 25;
/// How many passages are looked at for their neighbours, at least.
const SEEN: usize = 50;
/// What the better of its neighbours in the conversation adds to a passage's score:
/// what was said about something goes on beyond one passage. Chosen, as
/// [`PASSAGES`] is, on the tuning conversations of `LoCoMo`.
const NEIGHBOUR: f32 = 0.2;

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
    /// From where in its first message it goes, in bytes.
    pub start: usize,
    /// The place of its last message.
    pub last: usize,
    /// Up to where in its last message it goes, in bytes.
    pub stop: usize,
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
    let begun = Instant::now();
    let found = find_by(app, caller, query, Mode::Hybrid, within, limit, around).await?;
    usage::count(app, caller, usage::Kind::Recall, begun.elapsed());
    Ok(found)
}

/// The same by words or by meaning alone, in the order that those give, and as a
/// part of something that is counted.
///
/// # Errors
/// As [`find`].
pub async fn find_by(
    app: &App,
    caller: &Caller,
    query: &str,
    mode: Mode,
    within: Within,
    limit: i64,
    around: usize,
) -> Result<Found> {
    caller.require(Scope::Read)?;
    if within.platform.as_ref().is_some_and(|platform| platform.contains('\0')) {
        return Err(Error::invalid("A platform has no NUL in its name."));
    }
    let is_bound = within.after.is_some() || within.before.is_some();
    let when = if is_bound { None } else { When::of(query, app.clock.now(), Offset::UTC) };
    let rest = when.as_ref().map(|when| when.rest(query)).filter(|rest| !rest.is_empty());
    let query = rest.as_deref().unwrap_or(query);
    let ever: Filter = within.into();
    let Some(ever) = search::ask(app, Corpus::Chunks, query, mode, ever, 0, limit).await else {
        return Ok(Found::default());
    };
    let mut requests = Vec::new();
    if let Some(When { after, before, .. }) = when {
        let filter = Filter { after, before, ..ever.filter.clone() };
        requests.push(Request { filter, ..ever.clone() });
    }
    requests.push(ever);
    let args = (caller.account, requests, app.search.clone(), around);
    let found = app
        .db
        .read(args, |tx, (account, requests, search, around)| find_in(tx, search, *account, requests, *around).boxed());
    let found = found.await?;
    if found.is_unloaded {
        search::load_beside(app, Corpus::Chunks, caller.account);
    }
    Ok(found)
}

/// A passage that a search gave, before its messages are read.
struct Ranked {
    doc: i64,
    score: f32,
    place: Place,
}

/// What the first of the requests finds, and of what the others find in addition.
async fn find_in(
    tx: &mut Tx,
    search: &Search,
    account: AccountId,
    requests: &[Request],
    around: usize,
) -> Result<Found> {
    let mut found = Found::default();
    let (mut ranked, mut weight, mut limit): (Vec<Ranked>, f32, usize) = (Vec::new(), 1.0, 0);
    for request in requests {
        limit = request.limit;
        let request = Request { limit: limit.max(SEEN), ..request.clone() };
        let search::Found { hits, lacks, is_unloaded, .. } = search::find(tx, search, account, &request).await?;
        (found.lacks, found.is_unloaded) = (lacks, is_unloaded);
        let docs: Vec<i64> = hits.iter().map(|scored| scored.candidate.doc).collect();
        let mut places = rows::places(tx, account, &docs).await?;
        // An index may be ahead of this transaction, so what it found may not be there.
        let placed = hits.into_iter().filter_map(|scored| {
            let doc = scored.candidate.doc;
            places.remove(&doc).map(|place| Ranked { doc, score: scored.score, place })
        });
        let mut placed: Vec<Ranked> = placed.collect();
        if request.mode == Mode::Hybrid {
            lift_neighbours(&mut placed);
        }
        let known: HashSet<i64> = ranked.iter().map(|ranked| ranked.doc).collect();
        let others = placed.into_iter().filter(|placed| !known.contains(&placed.doc));
        ranked.extend(others.map(|placed| Ranked { score: placed.score * weight, ..placed }));
        weight = ANOTHER_TIME;
    }
    ranked.sort_by(|a, b| b.score.total_cmp(&a.score));
    found.hits = without_copies(read_hits(tx, account, first_places(ranked, limit), around).await?);
    found.hits.truncate(limit);
    Ok(found)
}

/// The first so many, and beside them those that stand at the same place of another
/// conversation, as copies do: of a chat that was branched, `ChatGPT` exports all
/// before with the same ids in both.
fn first_places(mut ranked: Vec<Ranked>, limit: usize) -> Vec<Ranked> {
    let mut places = HashSet::new();
    ranked.retain(|Ranked { place, .. }| {
        let place = (place.first, place.start, place.last, place.stop);
        places.contains(&place) || (places.len() < limit && places.insert(place))
    });
    ranked
}

/// Of passages that are the same messages in several conversations the best.
fn without_copies(mut hits: Vec<Hit>) -> Vec<Hit> {
    let mut known = HashSet::new();
    hits.retain(|hit| {
        let said: Vec<_> = hit.messages.iter().map(|message| (message.id.clone(), message.text.clone())).collect();
        known.insert((hit.first, hit.start, hit.last, hit.stop, said))
    });
    hits
}

/// Has passages that follow one another in a conversation add to each other's scores.
fn lift_neighbours(ranked: &mut [Ranked]) {
    let mut order: Vec<usize> = (0..ranked.len()).collect();
    order.sort_by_key(|at| {
        let place = &ranked[*at].place;
        (&place.conversation, place.first, place.start)
    });
    let mut lifts = vec![0.0_f32; ranked.len()];
    for pair in order.windows(2) {
        let (one, next) = (&ranked[pair[0]], &ranked[pair[1]]);
        if one.place.is_followed_by(&next.place) {
            lifts[pair[0]] = lifts[pair[0]].max(next.score);
            lifts[pair[1]] = lifts[pair[1]].max(one.score);
        }
    }
    for (ranked, lift) in ranked.iter_mut().zip(lifts) {
        ranked.score = (ranked.score + NEIGHBOUR * lift) / (1.0 + NEIGHBOUR);
    }
}

/// The passages with their conversations and messages.
async fn read_hits(tx: &mut Tx, account: AccountId, ranked: Vec<Ranked>, around: usize) -> Result<Vec<Hit>> {
    let mut ids: Vec<String> = ranked.iter().map(|ranked| ranked.place.conversation.clone()).collect();
    ids.sort_unstable();
    ids.dedup();
    let conversations = rows::by_ids(tx, account, &ids).await?;
    let conversations: HashMap<String, Conversation> =
        conversations.into_iter().map(|conversation| (conversation.id.clone(), conversation)).collect();
    let docs: Vec<i64> = ranked.iter().map(|ranked| ranked.doc).collect();
    let margin = i64::try_from(around.div_ceil(2)).unwrap_or(0);
    let mut messages: HashMap<i64, Vec<(i64, Message)>> = HashMap::new();
    for (doc, position, message) in rows::messages_around(tx, account, &docs, margin).await? {
        messages.entry(doc).or_default().push((position, message));
    }
    let hit = |Ranked { doc, score, place }| {
        let conversation = conversations.get(&place.conversation)?.clone();
        let (mut inside, mut beside) = (Vec::new(), Vec::new());
        for (position, mut message) in messages.remove(&doc).unwrap_or_default() {
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
        Some(Hit {
            doc,
            conversation,
            score,
            first: whole(place.first),
            start: whole(place.start),
            last: whole(place.last),
            stop: whole(place.stop),
            messages: inside,
            around: beside,
        })
    };
    Ok(ranked.into_iter().filter_map(hit).collect())
}

/// A place in a text, as near as it has one.
fn clamp(text: &str, place: i64) -> usize {
    text.floor_char_boundary(whole(place))
}

/// A number that is stored, which is never negative.
fn whole(number: i64) -> usize {
    usize::try_from(number).unwrap_or(0)
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
    let begun = Instant::now();
    let mut found = find_by(app, caller, query, Mode::Hybrid, within, seen, around).await?;
    refine::reorder(llm, query, &mut found.hits, until).await;
    found.hits.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    usage::count(app, caller, usage::Kind::Recall, begun.elapsed());
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
    let one =
        |query: String| async move { find_by(app, caller, &query, Mode::Hybrid, within.clone(), PASSAGES, 0).await };
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
    let answers = recall_found(app, caller, questions, within, manner).await?;
    Ok(answers.into_iter().map(|(answer, _)| answer).collect())
}

/// The same, each answer with what was found for it.
///
/// # Errors
/// As [`find`].
pub async fn recall_found(
    app: &App,
    caller: &Caller,
    questions: &[Question],
    within: &Within,
    manner: &Manner,
) -> Result<Vec<(Recall, Found)>> {
    let begun = Instant::now();
    let until = app.llm.as_ref().map(|llm| llm.deadline());
    let searches = questions.iter().map(|question| look(app, caller, &question.query, within, manner, until));
    let found = futures_util::future::try_join_all(searches).await?;
    let asks: Vec<Ask<'_>> = questions.iter().zip(&found).map(|(question, found)| ask(question, found)).collect();
    let mut answers = compose::compose(&asks);
    if let (Some(llm), Some(until)) = (&app.llm, until) {
        answers = written(llm, &asks, answers, until).await;
    }
    for (answer, found) in answers.iter_mut().zip(&found) {
        answer.lacks.clone_from(&found.lacks);
    }
    usage::count(app, caller, usage::Kind::Recall, begun.elapsed());
    Ok(answers.into_iter().zip(found).collect())
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
