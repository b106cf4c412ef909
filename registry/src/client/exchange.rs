//! One request and its answer; and the same again where that may help.

use std::io::Read as _;
use std::thread;
use std::time::SystemTime;

use reqwest::blocking::{Client, Request, RequestBuilder, Response};
use reqwest::header::AUTHORIZATION;
use reqwest::{Method, StatusCode, Url};
use serde::Deserialize;

use super::authorization::{Access, Scope};
use super::error::{Failed, cause_of};
use super::retry::{Attempts, retry_after};
use super::{Registry, RegistryError, Sent, body};
use crate::limits::{ERROR_BODY_BYTES_MAX, RETRY_AFTER_MAX};

impl Registry {
    /// Does something again after failures that may pass.
    pub(super) fn retrying<T>(
        &self,
        mut exchange: impl FnMut() -> Result<T, Failed>,
    ) -> Result<T, RegistryError> {
        let mut attempts = Attempts::default();
        loop {
            let failed = match exchange() {
                Ok(done) => return Ok(done),
                Err(failed) => failed,
            };
            self.pause(failed, &mut attempts)?;
        }
    }

    /// Waits until the next attempt, if there is to be one.
    pub(super) fn pause(
        &self,
        failed: Failed,
        attempts: &mut Attempts,
    ) -> Result<(), RegistryError> {
        let Failed { error, wait } = failed;
        if !error.is_passing() {
            return Err(error);
        }
        match (attempts.pause(wait, self.settings.timeout), wait) {
            (Some(pause), _) => {
                (self.settings.on_retry)(&error, pause);
                thread::sleep(pause);
                Ok(())
            }
            (None, Some(wait)) if wait > RETRY_AFTER_MAX => {
                Err(RegistryError::Busy { registry: self.name().to_owned(), wait })
            }
            (None, _) => Err(error),
        }
    }

    /// Sends one request, made again for each attempt by `build`, and authorizes it if the registry
    /// asks for that. Gives any answer that is not "come back later".
    pub(super) fn send(
        &self,
        repository: &str,
        access: Access,
        target: &Target<'_>,
        build: &mut dyn FnMut(&Client, Url) -> RequestBuilder,
    ) -> Result<Response, Failed> {
        let scope = Scope { repository: repository.to_owned(), access };
        let mut authorized = false;
        loop {
            let response = self.execute(&mut || {
                let url = match target {
                    Target::Path(path) => self.address.url(path),
                    Target::Location(url) => url.to_string(),
                };
                let parsed = Url::parse(&url);
                let url = parsed.map_err(|error| self.protocol(format!("{url}: {error}")))?;
                let mut request = build(&self.http, url.clone());
                if let Some(authorization) = self.authorization(&scope)
                    && self.address.owns(&url)
                {
                    request = request.header(AUTHORIZATION, authorization.header);
                }
                request.build().map_err(|error| self.transport(&error))
            })?;
            let status = response.status();
            match status.as_u16() {
                401 if !authorized && self.address.owns(response.url()) => {
                    self.authorize(&scope, response.headers())?;
                    authorized = true;
                }
                429 | 500 | 502 | 503 | 504 => {
                    let wait = retry_after(response.headers(), SystemTime::now());
                    let error = self.server(status, self.detail(response));
                    return Err(Failed { error, wait });
                }
                _ => return Ok(response),
            }
        }
    }

    /// Executes a request. While it is not known whether the registry speaks HTTP or HTTPS, the
    /// request that finds out is made once more in the other scheme, if it has to be.
    fn execute(
        &self,
        request: &mut dyn FnMut() -> Result<Request, RegistryError>,
    ) -> Result<Response, RegistryError> {
        let first = request()?;
        // The answer to a HEAD has no words that could tell.
        let is_head = first.method() == Method::HEAD;
        let outcome = self.http.execute(first);
        if !self.address.is_undecided() {
            return outcome.map_err(|error| self.transport(&error));
        }
        let is_loopback = self.address.is_loopback();
        let dropped = match outcome {
            Ok(response) if response.status() != StatusCode::BAD_REQUEST => {
                self.address.keep_scheme();
                return Ok(response);
            }
            Ok(response) => {
                let status = response.status();
                if !is_head && !speaks_tls(response) {
                    return Err(self.server(status, String::new()));
                }
                None
            }
            // A port for TLS may hang up on whoever speaks plain HTTP to it.
            Err(error) if is_loopback && !error.is_connect() && !error.is_timeout() => Some(error),
            // A certificate that cannot be trusted is no reason to do without one.
            Err(error) if !is_loopback && error.is_connect() && !is_untrusted(&error) => None,
            Err(error) => return Err(self.transport(&error)),
        };
        self.address.switch_scheme();
        self.http.execute(request()?).map_err(|error| match dropped {
            // One that does not speak TLS either has only had a bad moment.
            Some(dropped) => {
                self.address.forget_scheme();
                self.transport(if is_untrusted(&error) { &error } else { &dropped })
            }
            None => self.transport(&error),
        })
    }

    /// What is wrong with an answer that is no success.
    pub(super) fn refused(
        &self,
        response: Response,
        scope: (&str, Access),
        missing: impl FnOnce(Sent, bool) -> RegistryError,
    ) -> RegistryError {
        let (repository, access) = scope;
        let sent = self.sent(repository, access);
        let status = response.status();
        match status.as_u16() {
            401 | 403 => RegistryError::NoAccess {
                registry: self.name().to_owned(),
                repository: repository.to_owned(),
                status: status.as_u16(),
                detail: self.detail(response),
                sent,
            },
            404 => {
                let no_repository = self.detail(response).contains("NAME_UNKNOWN");
                missing(sent, no_repository)
            }
            _ => self.server(status, self.detail(response)),
        }
    }

    /// What the body of an error says, as `: CODE: message`; nothing if it is no such body.
    fn detail(&self, response: Response) -> String {
        #[derive(Deserialize)]
        struct Envelope {
            errors: Vec<Problem>,
        }
        #[derive(Deserialize)]
        struct Problem {
            #[serde(default)]
            code: String,
            #[serde(default)]
            message: String,
        }
        let body = body::read(
            response,
            "an error",
            ERROR_BODY_BYTES_MAX,
            self.name(),
            self.settings.timeout,
        );
        let envelope = body.ok().and_then(|body| serde_json::from_slice::<Envelope>(&body).ok());
        let Some(problem) = envelope.and_then(|envelope| envelope.errors.into_iter().next()) else {
            return String::new();
        };
        // A registry's words go to a terminal and into logs.
        let words = format!("{}: {}", problem.code, problem.message);
        let shown: String = words.trim().escape_debug().take(200).collect();
        format!(", {shown}")
    }

    fn server(&self, status: StatusCode, detail: String) -> RegistryError {
        RegistryError::Server { registry: self.name().to_owned(), status: status.as_u16(), detail }
    }

    pub(super) fn protocol(&self, what: impl Into<String>) -> RegistryError {
        RegistryError::Protocol { registry: self.name().to_owned(), what: what.into() }
    }

    /// What a request came to that got no answer.
    pub(super) fn transport(&self, error: &reqwest::Error) -> RegistryError {
        let registry = self.name().to_owned();
        if error.is_timeout() && !error.is_connect() {
            let what = format!("no answer within {} s", self.settings.timeout.as_secs_f32());
            return RegistryError::Stalled { registry, what };
        }
        if error.is_redirect() {
            return RegistryError::Protocol { registry, what: cause_of(error) };
        }
        RegistryError::Unreachable { registry, cause: cause_of(error) }
    }
}

/// What a request is for.
pub(super) enum Target<'a> {
    /// A path of the registry.
    Path(&'a str),
    /// Where the registry said to go on.
    Location(Url),
}

/// Whether the other side has shown a certificate that is not trusted.
fn is_untrusted(error: &reqwest::Error) -> bool {
    cause_of(error).contains("certificate")
}

/// Whether "bad request" means that the port speaks TLS, as servers of Go and nginx say in words.
fn speaks_tls(response: Response) -> bool {
    let mut body = Vec::new();
    let _ = response.take(1024).read_to_end(&mut body);
    body.to_ascii_lowercase().windows(5).any(|part| part == b"https")
}
