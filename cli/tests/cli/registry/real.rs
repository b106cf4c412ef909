//! A real registry on a loopback port, with a store of its own.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use rustix::process::Signal;
use tempfile::TempDir;

use super::artifacts::sha256;
use crate::harness::eventually;

/// A running `docker-registry`; ended with this.
pub(crate) struct Registry {
    child: Option<Child>,
    folder: TempDir,
    /// Host and port.
    pub(crate) host: String,
}

/// How it is set up.
#[derive(Default)]
pub(crate) struct Options<'a> {
    /// User name and password, without which nobody gets in.
    pub(crate) login: Option<(&'a str, &'a str)>,
    /// Certificate and key in PEM.
    pub(crate) tls: Option<(&'a str, &'a str)>,
}

impl Registry {
    /// `None` where the program is missing, and need not be there.
    pub(crate) fn start() -> Option<Self> {
        Self::with(&Options::default())
    }

    pub(crate) fn with(options: &Options<'_>) -> Option<Self> {
        if !is_installed() {
            return None;
        }
        // Another process may take a port between our looking and the registry's binding it.
        loop {
            let folder = tempfile::tempdir().unwrap();
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            let host = format!("127.0.0.1:{port}");
            let mut registry = Self { child: None, folder, host };
            registry.configure(options);
            if registry.launch(options.tls.is_some()) {
                return Some(registry);
            }
        }
    }

    fn configure(&self, options: &Options<'_>) {
        let folder = self.folder.path();
        let mut text = format!(
            "version: 0.1\nlog: {{level: info}}\nstorage:\n  filesystem: {{rootdirectory: {}}}\n  delete: {{enabled: true}}\nhttp:\n  addr: {}\n",
            folder.join("store").display(),
            self.host,
        );
        if let Some((certificate, key)) = options.tls {
            fs::write(folder.join("cert.pem"), certificate).unwrap();
            fs::write(folder.join("key.pem"), key).unwrap();
            text.push_str(&format!(
                "  tls: {{certificate: {0}/cert.pem, key: {0}/key.pem}}\n",
                folder.display()
            ));
        }
        if let Some((user, password)) = options.login {
            let hash = bcrypt::hash(password, 4).unwrap().replace("$2b$", "$2y$");
            fs::write(folder.join("htpasswd"), format!("{user}:{hash}\n")).unwrap();
            text.push_str(&format!(
                "auth:\n  htpasswd: {{realm: tests, path: {}/htpasswd}}\n",
                folder.display()
            ));
        }
        fs::write(folder.join("config.yml"), text).unwrap();
    }

    /// Starts it; whether it has got its port.
    fn launch(&mut self, tls: bool) -> bool {
        let folder = self.folder.path();
        let mut command = Command::new("docker-registry");
        command.arg("serve").arg(folder.join("config.yml")).stdin(Stdio::null());
        command.stdout(File::options().create(true).append(true).open(folder.join("log")).unwrap());
        command.stderr(File::options().create(true).append(true).open(folder.join("log")).unwrap());
        // A test that is killed leaves no server behind.
        #[allow(unsafe_code, reason = "one system call between fork and exec")]
        // SAFETY: prctl is async-signal-safe and touches no memory of ours.
        unsafe {
            command.pre_exec(|| {
                rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
                Ok(())
            });
        }
        let mut child = command.spawn().unwrap();
        let mut up = false;
        eventually("the registry answers", || {
            if child.try_wait().unwrap().is_some() {
                return true;
            }
            up = TcpStream::connect(&self.host).is_ok_and(|mut stream| {
                if tls {
                    return true;
                }
                let asked = stream.write_all(b"GET /v2/ HTTP/1.0\r\n\r\n");
                let mut answer = [0; 8];
                asked.is_ok() && stream.read_exact(&mut answer).is_ok()
            });
            up
        });
        self.child = Some(child);
        up
    }

    /// Ends it; its store stays.
    pub(crate) fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// A reference in it.
    pub(crate) fn reference(&self, rest: &str) -> String {
        format!("{}/{rest}", self.host)
    }

    /// The requests that it has seen, those of its own start left out: `GET /v2/…`.
    pub(crate) fn requests(&self) -> Vec<String> {
        let log = fs::read_to_string(self.folder.path().join("log")).unwrap();
        // Access log lines have the request in quotes, as web servers write them.
        let requests = log.lines().filter_map(|line| {
            let request = line.split('"').nth(1)?;
            let is_request = request.ends_with("HTTP/1.1") && line.contains("dstream/");
            is_request.then(|| request.trim_end_matches(" HTTP/1.1").to_owned())
        });
        requests.collect()
    }

    /// How often a blob's bytes were asked for.
    pub(crate) fn downloads(&self, digest: &str) -> usize {
        let is_download =
            |request: &&String| request.starts_with("GET ") && request.ends_with(digest);
        self.requests().iter().filter(is_download).count()
    }

    /// Puts a blob in, by hand; gives its digest.
    pub(crate) fn put_blob(&self, repository: &str, bytes: &[u8]) -> String {
        let digest = sha256(bytes);
        let (head, _) = self.request("POST", &format!("/v2/{repository}/blobs/uploads/"), &[], b"");
        let location = head.lines().find_map(|line| line.strip_prefix("Location: ")).unwrap();
        let path = location.trim().split_once(&self.host).map_or(location.trim(), |(_, path)| path);
        let path = format!("{path}&digest={digest}");
        let kind = [("Content-Type", "application/octet-stream")];
        let (head, body) = self.request("PUT", &path, &kind, bytes);
        assert!(head.starts_with("HTTP/1.1 201"), "{head}{body}");
        digest
    }

    /// Puts a manifest in, by hand; gives its digest.
    pub(crate) fn put_manifest(
        &self,
        repository: &str,
        tag: &str,
        media_type: &str,
        text: &str,
    ) -> String {
        let path = format!("/v2/{repository}/manifests/{tag}");
        let (head, body) =
            self.request("PUT", &path, &[("Content-Type", media_type)], text.as_bytes());
        assert!(head.starts_with("HTTP/1.1 201"), "{head}{body}");
        sha256(text.as_bytes())
    }

    /// A manifest's text.
    pub(crate) fn get_manifest(&self, repository: &str, tag: &str) -> String {
        let path = format!("/v2/{repository}/manifests/{tag}");
        let (head, body) =
            self.request("GET", &path, &[("Accept", super::artifacts::MANIFEST)], b"");
        assert!(head.starts_with("HTTP/1.1 200"), "{head}{body}");
        body
    }

    /// Takes a manifest, and all tags of it, out.
    pub(crate) fn delete_manifest(&self, repository: &str, digest: &str) {
        let path = format!("/v2/{repository}/manifests/{digest}");
        let (head, body) = self.request("DELETE", &path, &[], b"");
        assert!(head.starts_with("HTTP/1.1 202"), "{head}{body}");
    }

    fn request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> (String, String) {
        let mut stream = TcpStream::connect(&self.host).unwrap();
        let mut head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Length: {}\r\n",
            self.host,
            body.len()
        );
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        stream.write_all(format!("{head}\r\n").as_bytes()).unwrap();
        stream.write_all(body).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.to_owned(), body.to_owned())
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Whether the program is there; `cargo xtask test` sees to it and demands it.
fn is_installed() -> bool {
    let there = Command::new("docker-registry").arg("--version").output().is_ok();
    let demanded =
        std::env::var_os("DSTREAM_TEST_SERVERS").is_some_and(|value| value == "required");
    assert!(there || !demanded, "there is no docker-registry");
    if !there {
        let _ = writeln!(std::io::stderr(), "left out: there is no docker-registry");
    }
    there
}
