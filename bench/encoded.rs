//! Texts as parts of a path.

/// Percent-encodes every byte of a text.
pub fn encoded(text: &str) -> String {
    let bytes: Vec<String> = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
    bytes.concat()
}
