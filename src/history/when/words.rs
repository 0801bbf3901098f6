//! The words of a query, and what they mean to someone who says when something
//! was: in English, German, Spanish and French.

use std::ops::Range;

use jiff::civil::Weekday;

/// A language that time words are read in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    English,
    German,
    Spanish,
    French,
}

impl Language {
    pub const ALL: [Self; 4] = [Self::English, Self::German, Self::Spanish, Self::French];
}

/// A length of time that has a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    Hour,
    Day,
    Week,
    Weekend,
    Month,
    Quarter,
    Year,
}

/// What a word means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Token {
    /// A number and how many digits it is written with; 0 for a word.
    Number(i32, usize),
    /// 3rd.
    Ordinal(i8),
    Unit(Unit),
    Month(i8),
    /// The short form of a month, which counts only beside a number.
    ShortMonth(i8),
    Weekday(Weekday),
    /// The first to fourth quarter.
    Quarter(i8),
    Last,
    /// Last, but not of the calendar.
    Past,
    This,
    /// Today, and times of today.
    Today,
    Yesterday,
    BeforeYesterday,
    /// After a length of time.
    Ago,
    /// Before a length of time.
    AgoPrefix,
    /// German "vor": ago or before.
    Vor,
    In,
    On,
    Since,
    Before,
    After,
    Until,
    Between,
    And,
    From,
    To,
    /// Articles, and what else adds nothing.
    The,
    Of,
    Early,
    Other,
}

/// A word where it stands.
#[derive(Debug, Clone)]
pub struct Word {
    /// In lower case.
    pub text: String,
    pub range: Range<usize>,
    pub is_capitalized: bool,
    /// Whether it stands between quotation marks.
    pub is_quoted: bool,
}

/// The words of a query: its runs of letters and digits.
pub fn words(query: &str) -> Vec<Word> {
    let mut words: Vec<Word> = Vec::new();
    let mut is_quoted = false;
    let mut is_within = false;
    for (at, c) in query.char_indices() {
        let end = at + c.len_utf8();
        if !c.is_alphanumeric() {
            is_within = false;
            match c {
                '"' => is_quoted = !is_quoted,
                '“' | '„' | '«' => is_quoted = true,
                '”' | '»' => is_quoted = false,
                _ => {}
            }
        } else if is_within && let Some(word) = words.last_mut() {
            word.text.extend(c.to_lowercase());
            word.range.end = end;
        } else {
            is_within = true;
            let text = c.to_lowercase().collect();
            words.push(Word { text, range: at..end, is_capitalized: c.is_uppercase(), is_quoted });
        }
    }
    words
}

/// What a word means in a language.
pub fn token(language: Language, word: &Word) -> Token {
    if word.is_quoted {
        return Token::Other;
    }
    let text = word.text.as_str();
    number(text).unwrap_or_else(|| match language {
        Language::English => english(text),
        Language::German => german(text),
        Language::Spanish => spanish(text),
        Language::French => french(text),
    })
}

/// Whether a unit stands in the plural.
pub fn is_plural(text: &str) -> bool {
    const PLURALS: &[&str] = &[
        "weeks", "months", "quarters", "years", "wochen", "monate", "monaten", "jahre", "jahren", "semanas", "meses",
        "años", "semaines", "ans", "années",
    ];
    PLURALS.contains(&text)
}

fn number(text: &str) -> Option<Token> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let number: i32 = text[..digits].parse().ok().filter(|_| digits <= 4)?;
    match &text[digits..] {
        "" => Some(Token::Number(number, digits)),
        "st" | "nd" | "rd" | "th" => i8::try_from(number).ok().map(Token::Ordinal),
        _ => None,
    }
}

fn english(text: &str) -> Token {
    const MONTHS: [&str; 12] = [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    const SHORT: [&str; 12] = ["jan", "feb", "mar", "apr", "", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    const DAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    const NUMBERS: [&str; 12] =
        ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"];
    named(text, &MONTHS, &DAYS, &NUMBERS).unwrap_or(match text {
        "hour" | "hours" => Token::Unit(Unit::Hour),
        "day" | "days" => Token::Unit(Unit::Day),
        "week" | "weeks" => Token::Unit(Unit::Week),
        "weekend" => Token::Unit(Unit::Weekend),
        "month" | "months" => Token::Unit(Unit::Month),
        "quarter" | "quarters" => Token::Unit(Unit::Quarter),
        "year" | "years" => Token::Unit(Unit::Year),
        "q1" => Token::Quarter(1),
        "q2" => Token::Quarter(2),
        "q3" => Token::Quarter(3),
        "q4" => Token::Quarter(4),
        "sept" => Token::ShortMonth(9),
        "a" | "an" => Token::Number(1, 0),
        "couple" => Token::Number(2, 0),
        "few" => Token::Number(3, 0),
        "last" | "previous" => Token::Last,
        "past" => Token::Past,
        "this" => Token::This,
        "today" => Token::Today,
        "yesterday" => Token::Yesterday,
        "ago" => Token::Ago,
        "in" | "during" | "over" | "within" => Token::In,
        "on" => Token::On,
        "since" => Token::Since,
        "before" => Token::Before,
        "after" => Token::After,
        "until" | "till" => Token::Until,
        "between" => Token::Between,
        "and" => Token::And,
        "from" => Token::From,
        "to" | "through" => Token::To,
        "the" => Token::The,
        "of" => Token::Of,
        "early" | "mid" | "late" => Token::Early,
        _ => position(&SHORT, text).map_or(Token::Other, Token::ShortMonth),
    })
}

fn german(text: &str) -> Token {
    const MONTHS: [&str; 12] = [
        "januar",
        "februar",
        "märz",
        "april",
        "mai",
        "juni",
        "juli",
        "august",
        "september",
        "oktober",
        "november",
        "dezember",
    ];
    const DAYS: [&str; 7] = ["montag", "dienstag", "mittwoch", "donnerstag", "freitag", "samstag", "sonntag"];
    const NUMBERS: [&str; 12] =
        ["ein", "zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun", "zehn", "elf", "zwölf"];
    named(text, &MONTHS, &DAYS, &NUMBERS).unwrap_or(match text {
        "stunde" | "stunden" => Token::Unit(Unit::Hour),
        "tag" | "tage" | "tagen" => Token::Unit(Unit::Day),
        "woche" | "wochen" => Token::Unit(Unit::Week),
        "wochenende" => Token::Unit(Unit::Weekend),
        "monat" | "monate" | "monaten" | "monats" => Token::Unit(Unit::Month),
        "quartal" | "quartals" => Token::Unit(Unit::Quarter),
        "jahr" | "jahre" | "jahren" | "jahres" => Token::Unit(Unit::Year),
        "einem" | "einer" => Token::Number(1, 0),
        "letzte" | "letzten" | "letzter" | "letztes" | "letztem" | "vorige" | "vorigen" | "voriger" | "voriges" => {
            Token::Last
        }
        "vergangene" | "vergangenen" | "vergangener" | "vergangenes" => Token::Last,
        "diese" | "diesen" | "dieser" | "dieses" | "diesem" => Token::This,
        "gestern" => Token::Yesterday,
        "vorgestern" => Token::BeforeYesterday,
        "vor" => Token::Vor,
        "in" | "im" | "während" => Token::In,
        "am" => Token::On,
        "seit" => Token::Since,
        "nach" => Token::After,
        "bis" => Token::Until,
        "zwischen" => Token::Between,
        "und" => Token::And,
        "von" | "vom" => Token::From,
        "der" | "die" | "das" | "den" | "dem" => Token::The,
        "anfang" | "mitte" | "ende" => Token::Early,
        _ => Token::Other,
    })
}

fn spanish(text: &str) -> Token {
    const MONTHS: [&str; 12] = [
        "enero",
        "febrero",
        "marzo",
        "abril",
        "mayo",
        "junio",
        "julio",
        "agosto",
        "septiembre",
        "octubre",
        "noviembre",
        "diciembre",
    ];
    const DAYS: [&str; 7] = ["lunes", "martes", "miércoles", "jueves", "viernes", "sábado", "domingo"];
    const NUMBERS: [&str; 12] =
        ["un", "dos", "tres", "cuatro", "cinco", "seis", "siete", "ocho", "nueve", "diez", "once", "doce"];
    named(text, &MONTHS, &DAYS, &NUMBERS).unwrap_or(match text {
        "hora" | "horas" => Token::Unit(Unit::Hour),
        "día" | "días" => Token::Unit(Unit::Day),
        "semana" | "semanas" => Token::Unit(Unit::Week),
        "mes" | "meses" => Token::Unit(Unit::Month),
        "trimestre" => Token::Unit(Unit::Quarter),
        "año" | "años" => Token::Unit(Unit::Year),
        "una" => Token::Number(1, 0),
        "pasado" | "pasada" | "último" | "última" | "últimos" | "últimas" => Token::Last,
        "este" | "esta" => Token::This,
        "ayer" => Token::Yesterday,
        "anteayer" | "antier" => Token::BeforeYesterday,
        "hace" => Token::AgoPrefix,
        "en" | "durante" => Token::In,
        "desde" => Token::Since,
        "antes" => Token::Before,
        "después" => Token::After,
        "hasta" => Token::Until,
        "entre" => Token::Between,
        "y" => Token::And,
        "el" | "la" | "los" | "las" | "del" => Token::The,
        "de" => Token::Of,
        _ => Token::Other,
    })
}

fn french(text: &str) -> Token {
    const MONTHS: [&str; 12] = [
        "janvier",
        "février",
        "mars",
        "avril",
        "mai",
        "juin",
        "juillet",
        "août",
        "septembre",
        "octobre",
        "novembre",
        "décembre",
    ];
    const DAYS: [&str; 7] = ["lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"];
    const NUMBERS: [&str; 12] =
        ["un", "deux", "trois", "quatre", "cinq", "six", "sept", "huit", "neuf", "dix", "onze", "douze"];
    named(text, &MONTHS, &DAYS, &NUMBERS).unwrap_or(match text {
        "heure" | "heures" => Token::Unit(Unit::Hour),
        "jour" | "jours" => Token::Unit(Unit::Day),
        "semaine" | "semaines" => Token::Unit(Unit::Week),
        "mois" => Token::Unit(Unit::Month),
        "trimestre" => Token::Unit(Unit::Quarter),
        "an" | "ans" | "année" | "années" => Token::Unit(Unit::Year),
        "une" => Token::Number(1, 0),
        "dernier" | "dernière" | "derniers" | "dernières" | "passé" | "passée" => Token::Last,
        "ce" | "cet" | "cette" => Token::This,
        "hier" => Token::Yesterday,
        "en" | "pendant" | "durant" => Token::In,
        "depuis" => Token::Since,
        "avant" => Token::Before,
        "après" => Token::After,
        "jusqu" => Token::Until,
        "entre" => Token::Between,
        "et" => Token::And,
        "le" | "la" | "l" | "les" | "du" | "au" => Token::The,
        "de" => Token::Of,
        "début" | "mi" | "fin" => Token::Early,
        _ => Token::Other,
    })
}

/// A month, a day of the week or a number.
fn named(text: &str, months: &[&str], days: &[&str], numbers: &[&str]) -> Option<Token> {
    let month = || position(months, text).map(Token::Month);
    let day = || position(days, text).and_then(|day| Weekday::from_monday_one_offset(day).ok()).map(Token::Weekday);
    let number = || position(numbers, text).map(|number| Token::Number(i32::from(number), 0));
    month().or_else(day).or_else(number)
}

/// The place of a name in a list, from 1.
fn position(names: &[&str], name: &str) -> Option<i8> {
    names.iter().zip(1..).find(|(known, _)| **known == name).map(|(_, place)| place)
}
