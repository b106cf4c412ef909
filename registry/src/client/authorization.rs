//! Basic and bearer authorization: the registry says which it wants, and who gives out tokens.
//!
//! <https://distribution.github.io/distribution/spec/auth/token/>

use http_auth::{ChallengeRef, parse_challenges};
use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use serde::Deserialize;

use super::credentials::{Credential, FoundCredential};
use super::error::{Failed, cause_of};
use super::{Registry, RegistryError, Sent, body};
use crate::limits::TOKEN_BODY_BYTES_MAX;

/// What one wants to do in a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Access {
    Pull,
    Push,
}

/// What an authorization is good for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Scope {
    pub(super) repository: String,
    pub(super) access: Access,
}

impl Scope {
    fn text(&self) -> String {
        let actions = match self.access {
            Access::Pull => "pull",
            Access::Push => "pull,push",
        };
        format!("repository:{}:{actions}", self.repository)
    }
}

/// The header to send, and what was said of ourselves to get it.
#[derive(Clone)]
pub(super) struct Authorization {
    pub(super) header: HeaderValue,
    sent: Sent,
}

impl Registry {
    pub(super) fn authorization(&self, scope: &Scope) -> Option<Authorization> {
        let known = self.authorizations.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        known.get(scope).cloned()
    }

    /// What was said of ourselves in a repository.
    pub(super) fn sent(&self, repository: &str, access: Access) -> Sent {
        let scope = Scope { repository: repository.to_owned(), access };
        self.authorization(&scope).map_or(Sent::Nothing, |authorization| authorization.sent)
    }

    /// Gets what the registry asks for in the answer whose headers these are.
    pub(super) fn authorize(&self, scope: &Scope, headers: &HeaderMap) -> Result<(), Failed> {
        let challenges: Vec<&str> = headers
            .get_all(WWW_AUTHENTICATE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .collect();
        let challenges: Vec<_> = challenges
            .into_iter()
            .filter_map(|text| parse_challenges(text).ok())
            .flatten()
            .collect();
        let asked = |scheme: &str| {
            challenges.iter().find(|challenge| challenge.scheme.eq_ignore_ascii_case(scheme))
        };
        let authorization = if let Some(challenge) = asked("Bearer") {
            self.bearer(scope, challenge)?
        } else if asked("Basic").is_some() {
            self.basic(scope)?
        } else {
            return Err(self.protocol("401 without a way to authorize").into());
        };
        let mut known =
            self.authorizations.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        known.insert(scope.clone(), authorization);
        Ok(())
    }

    fn credential(&self) -> Result<Option<FoundCredential>, RegistryError> {
        let found = self.credential.get_or_init(|| self.settings.credentials.find(self.name()));
        found
            .clone()
            .map_err(|cause| RegistryError::Credentials { registry: self.name().to_owned(), cause })
    }

    fn basic(&self, scope: &Scope) -> Result<Authorization, Failed> {
        let refused = |sent, detail: &str| RegistryError::NoAccess {
            registry: self.name().to_owned(),
            repository: scope.repository.clone(),
            status: 401,
            detail: detail.to_owned(),
            sent,
        };
        match self.credential()? {
            Some(FoundCredential {
                credential: Credential::Password { username, password },
                origin,
            }) => {
                let header = self.header("Basic", &basic_value(&username, &password))?;
                Ok(Authorization { header, sent: Sent::From(origin) })
            }
            Some(_) => {
                Err(refused(Sent::Nothing, ", it wants a password and there is a token").into())
            }
            None => Err(refused(Sent::Nothing, "").into()),
        }
    }

    /// Asks the token service that the registry names. It is trusted with nothing: it may be
    /// anybody's, and its answer anything.
    fn bearer(&self, scope: &Scope, challenge: &ChallengeRef<'_>) -> Result<Authorization, Failed> {
        let parameter = |name: &str| {
            let found = challenge.params.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
            found.map(|(_, value)| value.to_unescaped())
        };
        let realm = parameter("realm").unwrap_or_default();
        let found = self.credential()?;
        let sent = found.as_ref().map_or(Sent::Nothing, |found| Sent::From(found.origin));
        let unfit = |sent, what: String, passing| RegistryError::TokenService {
            registry: self.name().to_owned(),
            realm: shown(&realm),
            what,
            sent,
            passing,
        };
        let bad = |sent, what: &str| unfit(sent, what.to_owned(), false);
        let url = Url::parse(&realm).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        let Some(url) = url else {
            return Err(bad(Sent::Nothing, "is not an HTTP address").into());
        };
        if found.is_some() && !self.address.may_hear_secrets(&url) {
            let what = "speaks plain HTTP, in which no password is sent";
            return Err(bad(Sent::Nothing, what).into());
        }

        let service = parameter("service");
        let mut query = vec![("scope", scope.text())];
        query.extend(service.map(|service| ("service", service)));
        let request = match found.map(|found| found.credential) {
            None => self.http.get(with_query(url, &query)),
            Some(Credential::Password { username, password }) => {
                self.http.get(with_query(url, &query)).basic_auth(username, Some(password))
            }
            Some(Credential::IdentityToken(token)) => {
                query.push(("grant_type", "refresh_token".to_owned()));
                query.push(("client_id", "dstream".to_owned()));
                query.push(("refresh_token", token));
                let form = with_query(url.clone(), &query).query().unwrap_or_default().to_owned();
                let kind = "application/x-www-form-urlencoded";
                // A redirect would carry the token in the body to wherever it points.
                self.unredirected()?
                    .post(url)
                    .header(reqwest::header::CONTENT_TYPE, kind)
                    .body(form)
            }
        };
        let response = request.send().map_err(|error| {
            let what = format!("cannot be asked: {}", cause_of(&error));
            unfit(sent, what, !error.is_redirect())
        })?;
        let status = response.status().as_u16();
        match status {
            200 => {}
            400 | 401 | 403 => {
                let (repository, realm) = (scope.repository.clone(), shown(&realm));
                let what = format!("it answered {status}");
                return Err(RegistryError::Token { repository, realm, what, sent }.into());
            }
            429 | 500..=599 => {
                let wait =
                    super::retry::retry_after(response.headers(), std::time::SystemTime::now());
                return Err(Failed {
                    error: unfit(sent, format!("answered {status}"), true),
                    wait,
                });
            }
            _ => return Err(bad(sent, &format!("answered {status}")).into()),
        }
        let timeout = self.settings.timeout;
        let body = body::read(response, "a token", TOKEN_BODY_BYTES_MAX, self.name(), timeout);
        let body = body.map_err(|error| match error {
            RegistryError::TooLarge { limit_bytes, .. } => {
                bad(sent, &format!("sent more than {limit_bytes} bytes"))
            }
            other => unfit(sent, format!("broke off: {other}"), true),
        })?;
        #[derive(Deserialize)]
        struct Answer {
            token: Option<String>,
            access_token: Option<String>,
        }
        let answer: Answer = serde_json::from_slice(&body)
            .map_err(|_| bad(sent, "sent no JSON with a token in it"))?;
        let token = answer.token.filter(|token| !token.is_empty()).or(answer.access_token);
        let Some(token) = token.filter(|token| !token.is_empty()) else {
            return Err(bad(sent, "sent no token").into());
        };
        let header = self
            .header("Bearer", &token)
            .map_err(|_| bad(sent, "sent a token with characters that no token has"))?;
        Ok(Authorization { header, sent })
    }

    fn header(&self, scheme: &str, value: &str) -> Result<HeaderValue, RegistryError> {
        let visible = value.bytes().all(|byte| byte.is_ascii_graphic());
        let header = HeaderValue::from_str(&format!("{scheme} {value}")).ok().filter(|_| visible);
        let mut header = header.ok_or_else(|| self.protocol("a token that cannot be sent"))?;
        header.set_sensitive(true);
        Ok(header)
    }
}

fn with_query(mut url: Url, query: &[(&str, String)]) -> Url {
    url.query_pairs_mut().extend_pairs(query);
    url
}

fn basic_value(username: &str, password: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(format!("{username}:{password}"))
}

/// A realm as messages show it: no user part, no query, no control characters.
fn shown(realm: &str) -> String {
    match Url::parse(realm) {
        Ok(url) => {
            let host = url.host_str().unwrap_or_default();
            let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
            format!("{}://{host}{port}{}", url.scheme(), url.path())
        }
        Err(_) => format!("`{}`", realm.escape_debug()),
    }
    .chars()
    .filter(|c| !c.is_control())
    .take(200)
    .collect()
}
