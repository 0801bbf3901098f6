//! `commonplace doctor`.

use std::fmt::Write as _;
use std::process::ExitCode;

use super::print;
use crate::app::App;
use crate::clock::Clock;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::{bucket, receipt};

/// Below this the disk is reported as nearly full, in bytes.
const LOW_SPACE: u64 = 256 << 20;

pub(super) async fn run(config: Config) -> Result<ExitCode> {
    let mut findings = Vec::new();
    if let Some(file) = config.file() {
        if !file.exists() {
            return Err(Error::not_found(format!("There is no data at {} yet.", file.display())));
        }
        check_folder(&config, &mut findings)?;
    }
    let app = App::open(config, Clock::default()).await?;
    findings.extend(app.db.check().await?);
    let miscounted = bucket::ops::miscounted(&app).await?;
    if miscounted > 0 {
        findings.push(format!("{miscounted} buckets count their memories wrong."));
    }
    let unfinished = receipt::ops::to_erase(&app).await?.len();
    if unfinished > 0 {
        findings.push(format!(
            "{unfinished} purges are not erased from the storage yet. A running server finishes them within \
             a minute, unless another program keeps the database open."
        ));
    }
    if let Err(failure) = app.search.embedder().query("memory").await {
        findings.push(format!("The embedder can't be asked, so memories are found by their words only: {failure}"));
    }
    if let Some(llm) = &app.llm
        && let Err(failure) = llm.check().await
    {
        findings.push(format!("The language model can't be asked, so answers are quotations only: {failure}"));
    }
    let place = app.config.place();
    app.db.close().await;
    let mut out = String::new();
    for finding in &findings {
        let _ = writeln!(out, "finding: {finding}");
    }
    if findings.is_empty() {
        let _ = writeln!(out, "No finding. Data: {place}");
    }
    print(&out)?;
    Ok(if findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[cfg(unix)]
fn check_folder(config: &Config, findings: &mut Vec<String>) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;

    let folder = &config.data_dir;
    let mode = std::fs::metadata(folder).map_err(Error::unavailable)?.permissions().mode();
    if mode & 0o077 != 0 {
        findings.push(format!(
            "Other users of this machine can open {}; close it with: chmod 700 '{}'",
            folder.display(),
            folder.display()
        ));
    }
    let disk = rustix::fs::statvfs(folder).map_err(Error::unavailable)?;
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    if free < LOW_SPACE {
        findings.push(format!("Only {} MiB are free at {}.", free >> 20, folder.display()));
    }
    Ok(())
}

#[cfg(not(unix))]
fn check_folder(_: &Config, _: &mut Vec<String>) -> Result<()> {
    Ok(())
}
