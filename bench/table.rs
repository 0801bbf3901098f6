//! The table that benchmarks print.

use std::time::Duration;

pub fn print_head() {
    println!("| Measure | Value | Baseline | Ratio | Target | Met | Samples |");
    println!("|---|---:|---:|---:|---:|---|---|");
}

/// One line of the table.
pub struct Line<'a> {
    pub measure: &'a str,
    pub value: String,
    pub baseline: String,
    pub ratio: Option<f64>,
    pub target: Target,
    pub samples: String,
}

#[derive(Clone, Copy)]
pub enum Target {
    None,
    RatioAtLeast(f64),
    RatioAtMost(f64),
    /// What was measured, the most it may be, its unit.
    ValueAtMost(f64, f64, &'static str),
}

impl Line<'_> {
    /// Prints it.
    pub fn print(self) {
        let ratio = self.ratio.unwrap_or(f64::NAN);
        let (target, met) = match self.target {
            Target::None => ("–".to_owned(), None),
            Target::RatioAtLeast(least) => (format!("≥ {least}×"), Some(ratio >= least)),
            Target::RatioAtMost(most) => (format!("≤ {most}×"), Some(ratio <= most)),
            Target::ValueAtMost(value, most, unit) => (format!("≤ {most} {unit}"), Some(value <= most)),
        };
        let met = met.map_or("–", |met| if met { "yes" } else { "no" });
        let ratio = self.ratio.map_or_else(|| "–".to_owned(), |ratio| format!("{ratio:.2}×"));
        let Self { measure, value, baseline, samples, .. } = self;
        println!("| {measure} | {value} | {baseline} | {ratio} | {target} | {met} | {samples} |");
    }
}

pub fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
