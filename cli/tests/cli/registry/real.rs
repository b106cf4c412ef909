//! A real registry on a loopback port, with a store of its own.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;

use dstream_test_support::{DOCKER_REGISTRY, Program, Running, Server, Setup, start};

use super::artifacts::sha256;

/// A running `docker-registry`; ended with this.
pub(crate) struct Registry {
    server: Running,
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

impl Server for Options<'_> {
    fn program(&self) -> Program {
        DOCKER_REGISTRY
    }

    fn command(&self, setup: &Setup<'_>) -> io::Result<Command> {
        let folder = setup.folder;
        let mut text = format!(
            "version: 0.1\nlog: {{level: info}}\nstorage:\n  filesystem: {{rootdirectory: {}}}\n  delete: {{enabled: true}}\nhttp:\n  addr: {}\n",
            folder.join("store").display(),
            setup.address,
        );
        if let Some((certificate, key)) = self.tls {
            fs::write(folder.join("cert.pem"), certificate)?;
            fs::write(folder.join("key.pem"), key)?;
            text.push_str(&format!(
                "  tls: {{certificate: {0}/cert.pem, key: {0}/key.pem}}\n",
                folder.display()
            ));
        }
        if let Some((user, password)) = self.login {
            let hash = bcrypt::hash(password, 4).unwrap().replace("$2b$", "$2y$");
            fs::write(folder.join("htpasswd"), format!("{user}:{hash}\n"))?;
            text.push_str(&format!(
                "auth:\n  htpasswd: {{realm: tests, path: {}/htpasswd}}\n",
                folder.display()
            ));
        }
        let config = folder.join("config.yml");
        fs::write(&config, text)?;
        let mut command = Command::new(setup.program);
        command.arg("serve").arg(config);
        Ok(command)
    }

    fn is_ready(&self, address: SocketAddr) -> bool {
        let Ok(mut stream) = TcpStream::connect(address) else { return false };
        let mut answer = [0; 8];
        // With TLS, an open port has to do.
        self.tls.is_some()
            || (stream.write_all(b"GET /v2/ HTTP/1.0\r\n\r\n").is_ok()
                && stream.read_exact(&mut answer).is_ok())
    }
}

impl Registry {
    /// `None` where the program is missing, and need not be there.
    pub(crate) fn start() -> Option<Self> {
        Self::with(&Options::default())
    }

    pub(crate) fn with(options: &Options<'_>) -> Option<Self> {
        let server = start(options)?;
        let host = server.address().to_string();
        Some(Self { server, host })
    }

    /// Ends it; its store stays.
    pub(crate) fn stop(&mut self) {
        self.server.stop();
    }

    /// A reference in it.
    pub(crate) fn reference(&self, rest: &str) -> String {
        format!("{}/{rest}", self.host)
    }

    /// The requests that it has seen, those of its own start left out: `GET /v2/…`.
    pub(crate) fn requests(&self) -> Vec<String> {
        let log = fs::read_to_string(self.server.output()).unwrap();
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
