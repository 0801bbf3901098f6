//! Searching files for what should not be in them any more.

use std::collections::HashSet;
use std::path::PathBuf;

/// How many bytes at the end of a token are looked for. FTS5 writes a term
/// without the beginning that it shares with the term before it.
pub const TAIL: usize = 9;

/// Tokens to look for, by their last `N` bytes: lower-case letters and digits.
pub struct Needles<const N: usize>(HashSet<[u8; N]>);

impl<const N: usize> Needles<N> {
    pub fn new<'a>(tokens: impl IntoIterator<Item = &'a str>) -> Self {
        let tail = |token: &str| {
            let bytes = token.as_bytes();
            assert!(bytes.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()), "{token:?} is no token");
            *bytes.last_chunk().expect("a token is long enough")
        };
        Self(tokens.into_iter().map(tail).collect())
    }

    /// The tails of tokens that stand in these files, in letters of either
    /// case, each with the file and the place.
    pub fn found_in(&self, files: &[(PathBuf, Vec<u8>)]) -> Vec<String> {
        files.iter().flat_map(|(path, bytes)| self.found(bytes).map(move |at| describe(path, bytes, at, N))).collect()
    }

    fn found<'a>(&'a self, bytes: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
        let mut window = [0; N];
        let mut run = 0;
        bytes.iter().enumerate().filter_map(move |(at, byte)| {
            if !byte.is_ascii_alphanumeric() {
                run = 0;
                return None;
            }
            window.copy_within(1.., 0);
            window[N - 1] = byte.to_ascii_lowercase();
            run += 1;
            (run >= N && self.0.contains(&window)).then(|| at + 1 - N)
        })
    }
}

fn describe(path: &std::path::Path, bytes: &[u8], at: usize, length: usize) -> String {
    let around = &bytes[at.saturating_sub(24)..(at + length + 24).min(bytes.len())];
    format!("{} at {at}: {:?}", path.display(), String::from_utf8_lossy(around))
}

/// Random numbers that are the same in every run (`SplitMix64`).
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// One below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).expect("fits")
    }

    /// Letters and digits. The last is a digit, so that no stemmer changes the word.
    pub fn token(&mut self, length: usize) -> String {
        const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789";
        let mut token: String = (1..length).map(|_| char::from(LETTERS[self.below(LETTERS.len())])).collect();
        token.push(char::from(b'0' + u8::try_from(self.below(10)).expect("a digit")));
        token
    }

    pub fn shuffle<T>(&mut self, list: &mut [T]) {
        for end in (1..list.len()).rev() {
            list.swap(end, self.below(end + 1));
        }
    }
}

#[test]
fn a_token_is_found_in_either_case_and_without_its_beginning() {
    let needles = Needles::<TAIL>::new(["abcdefghij1"]);
    for there in ["xx cdefghij1 xx", "ABCDEFGHIJ1", "cdefghij1", "00cdefghij1zz"] {
        assert_eq!(needles.found_in(&[(PathBuf::new(), there.into())]).len(), 1, "{there}");
    }
    for not_there in ["defghij1", "cdefg hij1", "cdefghij2", ""] {
        assert!(needles.found_in(&[(PathBuf::new(), not_there.into())]).is_empty(), "{not_there}");
    }
}
