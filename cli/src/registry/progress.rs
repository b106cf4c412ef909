//! How a download goes on: a bar on a terminal, else a line.

use std::io::{self, IsTerminal};
use std::sync::{Mutex, PoisonError};

use dstream_registry::fetch::FetchObserver;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tracing::info;

use crate::plural::bytes;

/// Shows downloads, one at a time.
pub(super) struct Progress {
    on_terminal: bool,
    bar: Mutex<Option<ProgressBar>>,
}

impl Progress {
    /// For `people`, a bar if stderr is a terminal.
    pub(super) fn new(people: bool) -> Self {
        Self { on_terminal: people && io::stderr().is_terminal(), bar: Mutex::default() }
    }

    fn bar(&self, act: impl FnOnce(&ProgressBar)) {
        if let Some(bar) = self.bar.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
            act(bar);
        }
    }
}

impl FetchObserver for Progress {
    fn waiting(&self, reference: &str) {
        info!("{reference}: another dstream is fetching it; waiting for its end");
    }

    fn started(&self, reference: &str, total_bytes: u64, have_bytes: u64) {
        if !self.on_terminal {
            let have = match have_bytes {
                0 => String::new(),
                _ => format!(", {} of it are there already", bytes(have_bytes)),
            };
            info!("{reference}: {}{have}", bytes(total_bytes));
            return;
        }
        let bar = ProgressBar::with_draw_target(Some(total_bytes), ProgressDrawTarget::stderr());
        let template =
            "{msg} {bar:24} {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec} {eta} left";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("━╸─"));
        }
        bar.set_message(reference.to_owned());
        bar.set_position(have_bytes);
        // What was there has cost no time.
        bar.reset_eta();
        *self.bar.lock().unwrap_or_else(PoisonError::into_inner) = Some(bar);
    }

    fn advanced(&self, bytes: u64) {
        self.bar(|bar| bar.inc(bytes));
    }

    fn restarted(&self) {
        self.bar(|bar| bar.set_position(0));
    }

    fn finished(&self) {
        if let Some(bar) = self.bar.lock().unwrap_or_else(PoisonError::into_inner).take() {
            bar.finish_and_clear();
        }
    }
}
