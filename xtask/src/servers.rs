//! Installs the servers that tests start: real ones, from Debian's packages.

use std::io::Write;
use std::path::Path;

use dstream_test_support::{CLIENTS, Program, SERVERS};

use crate::cargo::run;

/// Installs what is missing, if wanted and possible: as root, on Debian and its kin. Returns the
/// environment of the tests: where all servers are there, they have to be used.
pub(crate) fn prepare(install_missing: bool) -> &'static [(&'static str, &'static str)] {
    let is_missing = |program: &&Program| program.find().is_none();
    let missing: Vec<&str> =
        SERVERS.iter().chain(CLIENTS).filter(is_missing).map(|program| program.package).collect();
    if !missing.is_empty() {
        let missing = missing.join(" ");
        if install_missing && can_install() {
            note(&format!("installing {missing} for the tests; --no-install leaves them out"));
            install(&missing);
        } else {
            note(&format!("tests are left out, as these are missing: apt-get install {missing}"));
        }
    }
    if SERVERS.iter().any(|server| is_missing(&server)) {
        &[]
    } else {
        &[("DSTREAM_TEST_SERVERS", "required")]
    }
}

fn note(text: &str) {
    let _ = writeln!(std::io::stderr(), "note: {text}");
}

fn can_install() -> bool {
    rustix::process::geteuid().is_root() && Path::new("/etc/debian_version").exists()
}

/// Package by package, so that one that cannot be had does not keep the others away.
fn install(missing: &str) {
    let updated = run("apt-get update -qq");
    for package in missing.split(' ') {
        let line = format!("apt-get install -y -qq --no-install-recommends {package}");
        if let Err(error) = updated.clone().and_then(|()| run(&line)) {
            note(&format!("{error}; tests that need {package} are left out"));
        }
    }
}
