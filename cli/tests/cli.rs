//! The `dstream` command as a person meets it: what it prints on stdout and stderr, and with which
//! status it exits. One program holds all of these tests; a new one goes into the module of its
//! subject:
//!
//! - `quickstart`: what the README promises to a newcomer; `pages`: that what the other pages show works.
//! - `commands`: list, validate, version, completions, help, and wrong command lines.
//! - `lifecycle`: plan, init, status, destroy.
//! - `config`: wrong configurations; nothing is started, exit status 2.
//! - `confinement`: limits, `no_new_privs` and sandbox, and where they cannot be had.
//! - `handshake`: how a provider starts: ready, error, silence, crash; and those that cannot start.
//! - `failures`: providers that fail while the stream runs.
//! - `lines`: which bytes arrive: order, completeness, what is left out, rejected or cut off.
//! - `dead_letters`: where lines are kept that no output gets.
//! - `dlq`: `dstream dlq`: they are shown, sent again, removed.
//! - `delivery`: checkpoints: what is not lost, whoever dies.
//! - `rejects`: single lines that an output gives back.
//! - `supervision`: `restart`.
//! - `transports`: every way to move the bytes, and what happens where one is not to be had.
//! - `many`: several tasks in one process.
//! - `unread`: a stderr or stdout that nobody reads.
//! - `stats`: `--stats`; `live`: its line on a terminal.
//! - `registry`: providers from registries, real ones and some that misbehave.
//! - `stopping`: signals, grace, and that no process stays behind.
//!
//! `harness` runs the binary. Providers come from `fixtures/providers`. Edge cases of one part
//! belong beside its code: a test here costs processes.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test fails by it")]

#[path = "cli/harness.rs"]
mod harness;

#[path = "cli/commands.rs"]
mod commands;
#[path = "cli/config.rs"]
mod config;
#[cfg(target_os = "linux")]
#[path = "cli/confinement.rs"]
mod confinement;
#[path = "cli/dead_letters.rs"]
mod dead_letters;
#[path = "cli/delivery.rs"]
mod delivery;
#[path = "cli/dlq.rs"]
mod dlq;
#[path = "cli/failures.rs"]
mod failures;
#[path = "cli/handshake.rs"]
mod handshake;
#[path = "cli/lifecycle.rs"]
mod lifecycle;
#[path = "cli/lines.rs"]
mod lines;
#[path = "cli/live.rs"]
mod live;
#[path = "cli/many.rs"]
mod many;
#[path = "cli/pages.rs"]
mod pages;
#[path = "cli/quickstart.rs"]
mod quickstart;
#[path = "cli/registry/mod.rs"]
mod registry;
#[path = "cli/rejects.rs"]
mod rejects;
#[path = "cli/stalling.rs"]
mod stalling;
#[path = "cli/stats.rs"]
mod stats;
#[path = "cli/stopping.rs"]
mod stopping;
#[path = "cli/supervision.rs"]
mod supervision;
#[path = "cli/transports.rs"]
mod transports;
#[path = "cli/unread.rs"]
mod unread;
