//! How much of what answers a question is found, and how much of it is quoted.

use std::collections::HashSet;

use commonplace::app::App;
use commonplace::auth::{Caller, Scopes, ops as auth};
use commonplace::clock::Clock;
use commonplace::config::Config;
use commonplace::history::find::{self, Question, Within};
use commonplace::history::ops::{self, Incoming};
use commonplace::search::{self, Corpus, Mode};
use tempfile::TempDir;

use crate::Result;
use crate::locomo::{self, Dialogues};
use crate::measures::{Mean, mean};

const DEPTHS: [usize; 3] = [5, 10, 20];
/// Tokens of an answer.
const BUDGETS: [usize; 2] = [600, 2_000];

pub async fn measure(file: &str) -> Result<()> {
    let dialogues = locomo::read(file)?;
    let folder = TempDir::new_in(env!("CARGO_TARGET_TMPDIR"))?;
    let settings = folder.path().join("config.toml");
    std::fs::write(&settings, "")?;
    let data = ("data_dir", folder.path().display().to_string());
    let app = App::open(Config::load(Some(&settings), &[data])?, Clock::default()).await?;
    let caller = store(&app, &dialogues).await?;
    println!(
        "{} conversations, {} questions; percent, with 95 % intervals\n",
        dialogues.sessions.len(),
        dialogues.questions.len()
    );
    println!("| found among the first | 5 | 10 | 20 |\n|---|---:|---:|---:|");
    let mut table = Vec::new();
    for (name, mode) in [("BM25", Mode::Lexical), ("embedding", Mode::Dense), ("both", Mode::Hybrid)] {
        let mut shares: [Vec<f64>; 3] = Default::default();
        for (question, answers) in &dialogues.questions {
            let found = find::find_by(&app, &caller, question, mode, Within::default(), 20, 0).await?;
            if !found.lacks.is_empty() {
                return Err(format!("the search lacks something: {:?}", found.lacks).into());
            }
            for (shares, depth) in shares.iter_mut().zip(DEPTHS) {
                let messages = found.hits.iter().take(depth).flat_map(|hit| &hit.messages);
                shares.push(share(answers, messages.map(|message| message.id.as_str())));
            }
        }
        print_row(name, &shares);
        table.push(shares);
    }
    let gains: Vec<Vec<f64>> = table[2].iter().zip(&table[0]).map(|(a, b)| gain(a, b)).collect();
    print_row("both − BM25", &gains);
    println!("\n| quoted in an answer of | share |\n|---|---:|");
    for budget in BUDGETS {
        let mut shares = Vec::new();
        for (query, answers) in &dialogues.questions {
            let question = Question { query: query.clone(), budget };
            let answer = find::recall(&app, &caller, &[question], &Within::default()).await?;
            shares.push(quoted(answers, &dialogues, &answer[0].content));
        }
        print_row(&format!("{budget} tokens"), &[shares]);
    }
    app.db.close().await;
    Ok(())
}

async fn store(app: &App, dialogues: &Dialogues) -> Result<Caller> {
    let account = auth::create_account(app, "bench").await?;
    let (token, _) = auth::create_token(app, account.id, "bench", Scopes::all(), None).await?;
    let caller = auth::authenticate(app, Some(&format!("Bearer {token}"))).await?;
    let incoming = dialogues.sessions.iter().map(|session| Incoming {
        platform: "locomo".to_owned(),
        conversation: session.clone(),
        is_whole: true,
        import: None,
        is_automatic: false,
    });
    ops::ingest(app, &caller, incoming.collect(), true).await?;
    search::load(app, Corpus::Chunks, account.id).await?;
    Ok(caller)
}

/// The share of the messages that is among these.
fn share<'a>(answers: &HashSet<String>, found: impl Iterator<Item = &'a str>) -> f64 {
    let found: HashSet<&str> = found.filter(|id| answers.contains(*id)).collect();
    ratio(found.len(), answers.len())
}

/// The share of the messages of which an answer quotes a stretch: the words of a
/// sentence of theirs, white space aside.
fn quoted(answers: &HashSet<String>, dialogues: &Dialogues, content: &str) -> f64 {
    let plain = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let content = plain(content);
    let messages = dialogues.sessions.iter().flat_map(|session| &session.messages);
    let is_quoted = |text: &str| {
        let text = plain(text);
        let mut sentences = text.split_inclusive(['.', '!', '?']).map(str::trim);
        sentences.any(|sentence| sentence.len() > 20 && content.contains(sentence)) || content.contains(&text)
    };
    let quoted = messages.filter(|message| answers.contains(&message.id) && is_quoted(&message.text)).count();
    ratio(quoted, answers.len())
}

fn gain(ours: &[f64], baseline: &[f64]) -> Vec<f64> {
    ours.iter().zip(baseline).map(|(a, b)| a - b).collect()
}

fn ratio(part: usize, whole: usize) -> f64 {
    f64::from(u32::try_from(part).unwrap_or(u32::MAX)) / f64::from(u32::try_from(whole).unwrap_or(u32::MAX))
}

fn print_row(name: &str, columns: &[Vec<f64>]) {
    print!("| {name} |");
    for values in columns {
        let Mean { mean, low, high } = mean(values);
        print!(" {mean:.1} ({low:.1}–{high:.1}) |");
    }
    println!();
}
