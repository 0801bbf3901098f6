//! Names of files in exports.

use std::cmp::Ordering;
use std::path::Path;

/// A name without the folders that it is in.
#[must_use]
pub fn last(name: &str) -> &str {
    name.rsplit(['/', '\\']).next().unwrap_or(name)
}

/// Whether a file in an export is something that was sent or that a tool gave, of whatever form.
#[must_use]
pub fn is_attachment(name: &str) -> bool {
    let mut folders = name.split(['/', '\\']).rev().skip(1);
    let is_of_tool = folders.any(|folder| matches!(folder, "tool-results" | "prod-mc-asset-server"));
    let extension = Path::new(last(name)).extension().unwrap_or_default();
    is_of_tool || extension == "blob" || (extension == "dat" && last(name).starts_with("file"))
}

/// The order in which a person would put names: runs of digits count as numbers, so 2 is before 10.
#[must_use]
pub fn natural(a: &str, b: &str) -> Ordering {
    fn chunks(text: &str) -> impl Iterator<Item = (usize, &str)> {
        text.as_bytes().chunk_by(|a, b| a.is_ascii_digit() == b.is_ascii_digit()).scan(0, |at, chunk| {
            let chunk = &text[*at..*at + chunk.len()];
            *at += chunk.len();
            // Of two numbers without leading zeros the longer is greater.
            let number = chunk.trim_start_matches('0');
            Some(if chunk.as_bytes()[0].is_ascii_digit() { (number.len(), number) } else { (0, chunk) })
        })
    }
    chunks(a).cmp(chunks(b)).then_with(|| a.cmp(b))
}

#[cfg(test)]
mod tests {
    use super::natural;

    #[test]
    fn numbers_in_names_are_ordered_by_value() {
        let mut names = ["c-10", "c-9", "c-009", "b", "c-", "c-10/a", "é1", "é01"];
        names.sort_by(|a, b| natural(a, b));
        assert_eq!(names, ["b", "c-", "c-009", "c-9", "c-10", "c-10/a", "é01", "é1"]);
    }
}
