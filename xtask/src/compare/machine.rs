//! Where it was measured.

use std::fs;
use std::process::Command;

use serde::Serialize;

/// The machine and what is on it.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Machine {
    pub(super) processor: String,
    pub(super) processors: usize,
    pub(super) memory_gib: f64,
    pub(super) kernel: String,
    pub(super) system: String,
    pub(super) rustc: String,
    pub(super) commit: String,
    pub(super) time: String,
}

impl Machine {
    /// This one, now.
    pub(super) fn this() -> Self {
        let file = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let memory_kib = after(&file("/proc/meminfo"), "MemTotal:")
            .and_then(|text| text.trim_end_matches("kB").trim().parse::<f64>().ok());
        let changed = !said("git", &["status", "--porcelain", "--untracked-files=no"]).is_empty();
        let commit = said("git", &["rev-parse", "--short=12", "HEAD"]);
        let system = after(&file("/etc/os-release"), "PRETTY_NAME=").unwrap_or_default();
        Self {
            processor: after(&file("/proc/cpuinfo"), "model name")
                .unwrap_or_else(|| "unknown".into()),
            processors: std::thread::available_parallelism().map_or(0, usize::from),
            memory_gib: memory_kib.unwrap_or_default() / 1024.0 / 1024.0,
            kernel: file("/proc/sys/kernel/osrelease").trim().to_owned(),
            system: system.trim_matches('"').to_owned(),
            rustc: said("rustc", &["--version"]),
            commit: if changed { format!("{commit}, with changes") } else { commit },
            time: said("date", &["--utc", "+%Y-%m-%d %H:%M UTC"]),
        }
    }
}

/// What follows `key` on its line, colons and white space aside.
fn after(text: &str, key: &str) -> Option<String> {
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    Some(line.trim_start_matches([' ', '\t', ':']).trim().to_owned())
}

fn said(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).current_dir(crate::root()).output();
    let output = output.map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&output).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_system_is_found_by_its_key() {
        assert_eq!(after("a: 1\nmodel name\t: Some CPU\n", "model name").unwrap(), "Some CPU");
        assert_eq!(after("PRETTY_NAME=\"Debian\"", "PRETTY_NAME=").unwrap(), "\"Debian\"");
        assert_eq!(after("a: 1", "b"), None);
    }
}
