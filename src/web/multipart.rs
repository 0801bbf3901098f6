//! Forms with files, as browsers send them (RFC 7578), read piece by piece: whatever
//! is sent, no more than a piece of it is in memory.

use bytes::{Buf, Bytes, BytesMut};
use futures_util::{Stream, StreamExt};
use memchr::memmem;

use crate::error::{Error, Result};

/// Longest head of a part, in bytes. Names of files are in it.
const MOST_HEAD: usize = 8 << 10;
/// Longest field that is no file, in bytes.
const MOST_TEXT: usize = 4 << 10;

/// The head of a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    /// The name of the field.
    pub name: String,
    /// The name of the file, where it is one; empty where none was chosen.
    pub file: Option<String>,
}

/// A form that is being read.
#[derive(Debug)]
pub(super) struct Multipart<S> {
    body: S,
    buffer: BytesMut,
    delimiter: Vec<u8>,
    is_in_part: bool,
    is_over: bool,
}

fn broken() -> Error {
    Error::invalid("The form broke off or is no form with files; send it again.")
}

impl<S, E> Multipart<S>
where
    S: Stream<Item = std::result::Result<Bytes, E>> + Unpin,
{
    /// Begins to read a form with this content type.
    ///
    /// # Errors
    /// [`Error::UnsupportedMediaType`] where it is no such form.
    pub(super) fn new(content_type: &str, body: S) -> Result<Self> {
        let unsupported = || Error::UnsupportedMediaType("Send files as a form, multipart/form-data.".to_owned());
        let (kind, parameters) = content_type.split_once(';').ok_or_else(unsupported)?;
        if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
            return Err(unsupported());
        }
        let boundary = parameters.split(';').find_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            name.trim().eq_ignore_ascii_case("boundary").then(|| value.trim().trim_matches('"'))
        });
        let boundary = boundary.filter(|boundary| (1..=70).contains(&boundary.len())).ok_or_else(unsupported)?;
        // The first delimiter has no line before it; with this it is like the others.
        let buffer = BytesMut::from(&b"\r\n"[..]);
        let delimiter = format!("\r\n--{boundary}").into_bytes();
        Ok(Self { body, buffer, delimiter, is_in_part: true, is_over: false })
    }

    async fn fill(&mut self) -> Result<()> {
        let more = self.body.next().await.ok_or_else(broken)?.map_err(|_| broken())?;
        self.buffer.extend_from_slice(&more);
        Ok(())
    }

    /// The next piece of the part that is being read; none at its end.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a form that breaks off.
    pub(super) async fn piece(&mut self) -> Result<Option<Bytes>> {
        while self.is_in_part {
            let found = memmem::find(&self.buffer, &self.delimiter);
            if found == Some(0) {
                self.buffer.advance(self.delimiter.len());
                self.is_in_part = false;
                break;
            }
            // What may be the begin of a delimiter stays.
            let sure = found.unwrap_or_else(|| self.buffer.len().saturating_sub(self.delimiter.len() - 1));
            if sure > 0 {
                return Ok(Some(self.buffer.split_to(sure).freeze()));
            }
            self.fill().await?;
        }
        Ok(None)
    }

    /// The next part; none at the end of the form. The part before must have been read.
    ///
    /// # Errors
    /// As [`Self::piece`], and for a part without a name.
    pub(super) async fn next(&mut self) -> Result<Option<Part>> {
        if self.is_over {
            return Ok(None);
        }
        if self.piece().await?.is_some() {
            return Err(broken());
        }
        while self.buffer.len() < 2 {
            self.fill().await?;
        }
        if self.buffer.starts_with(b"--") {
            self.is_over = true;
            return Ok(None);
        }
        let end = loop {
            if let Some(end) = memmem::find(&self.buffer, b"\r\n\r\n") {
                break end;
            }
            if self.buffer.len() > MOST_HEAD {
                return Err(broken());
            }
            self.fill().await?;
        };
        if end > MOST_HEAD {
            return Err(broken());
        }
        let head = self.buffer.split_to(end);
        self.buffer.advance(4);
        let part = Part::read(&head).ok_or_else(broken)?;
        self.is_in_part = true;
        Ok(Some(part))
    }

    /// Reads what is left into nothing, up to so many bytes: a browser that is still
    /// sending when the connection is closed does not show the answer.
    pub(super) async fn drain(&mut self, most: usize) {
        let mut left = most;
        while let Some(Ok(piece)) = self.body.next().await {
            left = left.saturating_sub(piece.len());
            if left == 0 {
                break;
            }
        }
    }

    /// The whole part that is being read, as text.
    ///
    /// # Errors
    /// As [`Self::piece`]; [`Error::TooLarge`] for more than a few words.
    pub(super) async fn text(&mut self) -> Result<String> {
        let mut text = Vec::new();
        while let Some(piece) = self.piece().await? {
            if text.len() + piece.len() > MOST_TEXT {
                return Err(Error::TooLarge("A field of the form is too long.".to_owned()));
            }
            text.extend_from_slice(&piece);
        }
        String::from_utf8(text).map_err(|_| broken())
    }
}

impl Part {
    fn read(head: &[u8]) -> Option<Self> {
        let head = String::from_utf8_lossy(head);
        let disposition = head.split("\r\n").find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.trim().eq_ignore_ascii_case("content-disposition").then_some(value)
        })?;
        let mut rest = disposition.trim().strip_prefix("form-data")?;
        let (mut name, mut file) = (None, None);
        while let Some((key, after)) = rest.split_once("=\"") {
            let (value, after) = after.split_once('"')?;
            // What browsers write for what would end the value.
            let value = value.replace("%22", "\"").replace("%0D", "\r").replace("%0A", "\n");
            match key.trim_matches([';', ' ']) {
                "name" => name = Some(value),
                "filename" => file = Some(value),
                _ => {}
            }
            rest = after;
        }
        Some(Self { name: name?, file })
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use proptest::prelude::*;

    use super::*;

    type Read = Result<Vec<(Part, Vec<u8>)>>;

    fn read(body: &[u8], step: usize) -> Read {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let pieces: Vec<std::result::Result<Bytes, Infallible>> =
            body.chunks(step).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
        runtime.block_on(async {
            let stream = futures_util::stream::iter(pieces);
            let mut form = Multipart::new("multipart/form-data; boundary=\"xyz\"", stream)?;
            let mut parts = Vec::new();
            while let Some(part) = form.next().await? {
                let mut whole = Vec::new();
                while let Some(piece) = form.piece().await? {
                    whole.extend_from_slice(&piece);
                }
                parts.push((part, whole));
            }
            Ok(parts)
        })
    }

    fn form(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut body = b"--xyz\r\nContent-Disposition: form-data; name=\"csrf\"\r\n\r\nabc\r\n".to_vec();
        for (name, bytes) in files {
            let head = format!(
                "--xyz\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\
                 Content-Type: application/zip\r\n\r\n"
            );
            body.extend_from_slice(head.as_bytes());
            body.extend_from_slice(bytes);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(b"--xyz--\r\n");
        body
    }

    #[test]
    fn parts_are_read_whatever_the_steps_in_which_they_arrive() {
        let tricky: &[u8] = b"\r\n--xy\r\n-\r\n--\r\n\r\n\0\xff--xyz";
        let body = form(&[("a%22b.zip", tricky), ("", b""), ("ü.json", b"{}")]);
        for step in 1..body.len() {
            let parts = read(&body, step).expect("a form");
            let names: Vec<_> = parts.iter().map(|(part, _)| (part.name.as_str(), part.file.as_deref())).collect();
            assert_eq!(
                names,
                [("csrf", None), ("file", Some("a\"b.zip")), ("file", Some("")), ("file", Some("ü.json"))],
                "in steps of {step}"
            );
            let texts: Vec<&[u8]> = parts.iter().map(|(_, text)| text.as_slice()).collect();
            assert_eq!(texts, [b"abc", tricky, b"", b"{}"], "in steps of {step}");
        }
    }

    #[test]
    fn a_form_that_breaks_off_anywhere_is_refused() {
        let body = form(&[("a.zip", b"PK")]);
        // After the last delimiter and its two dashes nothing more is needed.
        for length in 0..body.len() - 2 {
            assert!(read(&body[..length], 7).is_err(), "{length}");
        }
    }

    #[test]
    fn a_head_without_end_is_refused_before_it_is_whole() {
        let mut body = b"--xyz\r\nContent-Disposition: form-data; name=\"".to_vec();
        body.extend(std::iter::repeat_n(b'a', 3 * MOST_HEAD));
        assert!(read(&body, 1000).is_err());
    }

    #[test]
    fn only_forms_with_files_are_read() {
        let stream = || futures_util::stream::empty::<std::result::Result<Bytes, Infallible>>();
        for bad in
            ["", "text/plain", "multipart/form-data", "multipart/form-data; boundary=", "multipart/mixed; boundary=x"]
        {
            assert!(matches!(Multipart::new(bad, stream()), Err(Error::UnsupportedMediaType(_))), "{bad}");
        }
        assert!(Multipart::new("Multipart/Form-Data;charset=x; Boundary=----WebKit", stream()).is_ok());
    }

    proptest! {
        #[test]
        fn what_was_sent_is_what_is_read(bytes in proptest::collection::vec(prop_oneof![Just(b'\r'), Just(b'\n'), Just(b'-'), Just(b'x'), any::<u8>()], 0..200), step in 1_usize..50) {
            prop_assume!(memmem::find(&bytes, b"\r\n--xyz").is_none());
            let parts = read(&form(&[("f", &bytes)]), step).expect("a form");
            prop_assert_eq!(&parts[1].1, &bytes);
        }

        #[test]
        fn nothing_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), step in 1_usize..50) {
            drop(read(&bytes, step));
        }
    }
}
