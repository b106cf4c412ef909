//! Servers that tests start: real ones, from Debian's packages.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::run;

/// What the tests start, by the name of its program and of its package.
const SERVERS: [&str; 1] = ["docker-registry"];
/// What they also use where it is there: other clients of registries.
const CLIENTS: [&str; 1] = ["skopeo"];

/// Installs what is missing where that can be done without asking: as root, on Debian and its kin.
/// Gives the environment of the tests: where all servers are there, they have to be used.
pub(crate) fn prepare() -> Vec<(&'static str, &'static str)> {
    let wanted = || SERVERS.iter().chain(&CLIENTS);
    let missing: Vec<&str> = wanted().copied().filter(|program| !is_there(program)).collect();
    if !missing.is_empty() {
        if can_install() {
            install(&missing);
        } else {
            let _ = writeln!(
                std::io::stderr(),
                "note: {} not installed; the tests that need it are left out (Debian: apt-get install {})",
                missing.join(", "),
                missing.join(" ")
            );
        }
    }
    let all = SERVERS.iter().all(|program| is_there(program));
    if all { vec![("DSTREAM_TEST_SERVERS", "required")] } else { Vec::new() }
}

fn is_there(program: &str) -> bool {
    let mut command = Command::new(program);
    command.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

fn can_install() -> bool {
    let root = Command::new("id").arg("-u").output();
    let root = root.is_ok_and(|output| output.stdout.trim_ascii() == b"0");
    root && Path::new("/etc/debian_version").exists()
}

/// Package by package, so that one that cannot be had does not keep the others away.
fn install(missing: &[&str]) {
    let updated = run("apt-get update -qq");
    for package in missing {
        let line = format!("apt-get install -y -qq --no-install-recommends {package}");
        if let Err(error) = updated.clone().and_then(|()| run(&line)) {
            let _ = writeln!(
                std::io::stderr(),
                "note: {error}; tests that need {package} are left out"
            );
        }
    }
}
