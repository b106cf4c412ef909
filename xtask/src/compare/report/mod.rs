//! What is written of a comparison.

mod json;
mod markdown;
mod readme;
mod svg;
mod tables;

use std::fs;
use std::path::Path;

use serde::Serialize;

use super::goals::Goal;
use super::machine::Machine;
use super::programs::Found;
use super::schedule::Cell;
use super::summary::Figures;

/// All that reports are made of.
#[derive(Debug)]
pub(super) struct Comparison {
    pub(super) machine: Machine,
    /// What was typed.
    pub(super) command: String,
    pub(super) rounds: usize,
    pub(super) seconds: f64,
    pub(super) seed: u64,
    pub(super) peers: Vec<Found>,
    pub(super) missing: Vec<Missing>,
    pub(super) cells: Vec<Cell>,
    pub(super) figures: Vec<Figures>,
    pub(super) goals: Vec<Goal>,
}

/// A peer that could not take part.
#[derive(Debug, Serialize)]
pub(super) struct Missing {
    pub(super) peer: &'static str,
    pub(super) why: String,
}

/// Writes `latest.json`, `latest.md` and `throughput.svg` into `folder`.
pub(super) fn write(comparison: &Comparison, folder: &Path) -> Result<(), String> {
    fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let write = |name: &str, text: String| {
        let path = folder.join(name);
        fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))
    };
    write("latest.json", json::text(comparison)?)?;
    write("latest.md", markdown::whole(comparison))?;
    write("throughput.svg", svg::throughput(&comparison.figures))
}

/// Puts the result between the two markers of a README.
pub(super) fn write_into_readme(comparison: &Comparison, readme: &Path) -> Result<(), String> {
    let text =
        fs::read_to_string(readme).map_err(|error| format!("{}: {error}", readme.display()))?;
    let text = readme::with_result(&text, &markdown::short(comparison))?;
    fs::write(readme, text).map_err(|error| format!("{}: {error}", readme.display()))
}
