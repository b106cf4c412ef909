//! The comparison for programs: every run, and the figures made of them.

use serde::Serialize;

use super::{Comparison, Missing};
use crate::compare::goals::Goal;
use crate::compare::machine::Machine;
use crate::compare::pipeline::Run;
use crate::compare::summary::Figures;

#[derive(Serialize)]
struct Document<'a> {
    machine: &'a Machine,
    command: &'a str,
    rounds: usize,
    seconds: f64,
    seed: u64,
    peers: Vec<Peer<'a>>,
    missing: &'a [Missing],
    goals: &'a [Goal],
    figures: &'a [Figures],
    runs: Vec<Runs<'a>>,
}

#[derive(Serialize)]
struct Peer<'a> {
    name: &'a str,
    version: &'a str,
    command: String,
}

#[derive(Serialize)]
struct Runs<'a> {
    peer: &'a str,
    scenario: String,
    runs: &'a [Run],
}

pub(super) fn text(comparison: &Comparison) -> Result<String, String> {
    let peers = comparison.peers.iter().map(|found| Peer {
        name: found.peer.name,
        version: &found.version,
        command: found.peer.command_line(),
    });
    let runs = comparison.cells.iter().map(|cell| Runs {
        peer: comparison.peers[cell.peer].peer.name,
        scenario: cell.scenario.to_string(),
        runs: &cell.runs,
    });
    let document = Document {
        machine: &comparison.machine,
        command: &comparison.command,
        rounds: comparison.rounds,
        seconds: comparison.seconds,
        seed: comparison.seed,
        peers: peers.collect(),
        missing: &comparison.missing,
        goals: &comparison.goals,
        figures: &comparison.figures,
        runs: runs.collect(),
    };
    let mut text = serde_json::to_string(&document).map_err(|error| error.to_string())?;
    // A line for each list's entry, so that it can be looked through, and compared.
    text = text.replace("},{\"peer\"", "},\n{\"peer\"").replace("},{\"round\"", "},\n{\"round\"");
    text.push('\n');
    Ok(text)
}
