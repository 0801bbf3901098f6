//! Clients that have a command for adding a server, and commands as a shell reads them.

use super::{NAME, Part, Server, endpoint};

fn by_command(client: &str, command: String, then: impl Into<String>) -> Vec<Part> {
    vec![Part::Say(format!("{client} has a command for this:")), Part::Code(command), Part::Say(then.into())]
}

pub(super) fn claude_code(server: &Server, program: &str) -> Vec<Part> {
    let (command, then) = match server {
        Server::Local { args } => (
            line("claude mcp add --scope user --transport stdio commonplace --", &run_with(args, program)),
            "Look at it with 'claude mcp list'.",
        ),
        Server::Remote { base, token } => {
            // The option takes any number of values, so it has to be the last.
            let header = token.iter().flat_map(|token| ["--header".into(), bearer(token)]);
            let words: Vec<_> = [endpoint(base)].into_iter().chain(header).collect();
            let then = match token {
                Some(_) => "Look at it with 'claude mcp list'.",
                None => "Then type /mcp in Claude Code, choose commonplace and Authenticate.",
            };
            (line("claude mcp add --scope user --transport http commonplace", &words), then)
        }
    };
    let mut parts = by_command("Claude Code", command, then);
    parts.push(Part::Say(format!("If it has a {NAME} already, take that out before:")));
    parts.push(Part::Code(format!("claude mcp remove --scope user {NAME}")));
    parts
}

pub(super) fn codex(server: &Server, program: &str) -> Vec<Part> {
    let look = "Look at it with 'codex mcp list'.";
    let (base, token) = match server {
        Server::Local { args } => {
            let command = line("codex mcp add commonplace --", &run_with(args, program));
            return by_command("Codex", command, look);
        }
        Server::Remote { base, token } => (base, token),
    };
    let command = line("codex mcp add commonplace --url", &[endpoint(base)]);
    let Some(token) = token else {
        return by_command(
            "Codex",
            command,
            "It opens the browser for you to sign in; if not: codex mcp login commonplace",
        );
    };
    let assign = if cfg!(windows) { "setx COMMONPLACE_TOKEN " } else { "export COMMONPLACE_TOKEN=" };
    let variable = "Codex reads the token from the environment whenever it starts, so set it for good, such as in your \
                    shell's profile:";
    let mut parts =
        by_command("Codex", format!("{command} --bearer-token-env-var COMMONPLACE_TOKEN"), variable.to_owned());
    parts.extend([Part::Code(format!("{assign}{token}")), Part::Say(look.to_owned())]);
    parts
}

pub(super) fn gemini(server: &Server, program: &str) -> Vec<Part> {
    let add = "gemini mcp add --scope user";
    let (command, then) = match server {
        Server::Local { args } => {
            // Options of the program stand behind two dashes, its first words before.
            let (first, options) = args.split_at(args.len().min(1));
            let mut words = run_with(first, program);
            if !options.is_empty() {
                words.push("--".to_owned());
                words.extend_from_slice(options);
            }
            (line(&format!("{add} commonplace"), &words), "Look at it with 'gemini mcp list'.")
        }
        Server::Remote { base, token: Some(token) } => {
            let words = [bearer(token), NAME.to_owned(), endpoint(base)];
            (line(&format!("{add} --transport http --header"), &words), "Look at it with 'gemini mcp list'.")
        }
        Server::Remote { base, token: None } => {
            let command = line(&format!("{add} --transport http commonplace"), &[endpoint(base)]);
            (command, "Then type /mcp auth commonplace in Gemini CLI; it opens the browser for you to sign in.")
        }
    };
    by_command("Gemini CLI", command, then)
}

pub(super) fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}")
}

pub(super) fn run_with(args: &[String], program: &str) -> Vec<String> {
    [program.to_owned()].into_iter().chain(args.iter().cloned()).collect()
}

/// What begins a command as it is, and more words of it, for a shell of this system.
#[must_use]
pub fn line(begin: &str, words: &[String]) -> String {
    words.iter().fold(begin.to_owned(), |line, word| format!("{line} {}", quoted(word, cfg!(windows))))
}

/// A word for a POSIX shell or, in double quotes, for those of Windows.
fn quoted(word: &str, windows: bool) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=+:,./@".contains(c) || (windows && c == '\\');
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else if windows {
        // Backslashes before the closing quote would take its meaning.
        let last = "\\".repeat(word.len() - word.trim_end_matches('\\').len());
        format!("\"{}{last}\"", word.replace('"', "\\\""))
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    proptest! {
        #[test]
        #[cfg(unix)]
        fn a_shell_reads_a_quoted_word_as_it_was(word in "[^\0]{0,12}") {
            let script = super::line("printf %s", std::slice::from_ref(&word));
            let out = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
            prop_assert_eq!(String::from_utf8(out.stdout).unwrap(), word);
        }
    }
}
