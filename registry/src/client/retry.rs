//! When to try again.

use std::time::{Duration, SystemTime};

use reqwest::header::{HeaderMap, RETRY_AFTER};

use crate::limits::{RETRIES_MAX, RETRY_AFTER_MAX, RETRY_BASE, RETRY_PAUSE_MAX};

/// The attempts at one thing. Each success of a part starts them anew.
#[derive(Debug, Default)]
pub(crate) struct Attempts {
    failed: u32,
}

impl Attempts {
    /// How long to wait before the next attempt; `None` after the last. What the registry asked for
    /// is the least; an exponential backoff with jitter, so that many who were refused at once do
    /// not come back at once. Who has little patience with a registry waits less between attempts.
    pub(crate) fn pause(
        &mut self,
        asked: Option<Duration>,
        patience: Duration,
    ) -> Option<Duration> {
        if self.failed >= RETRIES_MAX {
            return None;
        }
        let base = RETRY_BASE.min(patience / 10);
        let most = base.saturating_mul(1 << self.failed.min(16)).min(RETRY_PAUSE_MAX);
        self.failed += 1;
        let jittered = most.mul_f64(0.5 + fastrand::f64() / 2.0);
        match asked {
            Some(asked) if asked > RETRY_AFTER_MAX => None,
            Some(asked) => Some(asked + jittered / 10),
            None => Some(jittered),
        }
    }
}

/// `Retry-After`: seconds, or a date as HTTP has it.
pub(crate) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    // Servers get the day of the week of dates far away wrong.
    let dates = jiff::fmt::rfc2822::DateTimeParser::new().relaxed_weekday(true);
    let date = SystemTime::from(dates.parse_timestamp(text).ok()?);
    Some(date.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(30);

    #[test]
    fn pauses_grow_and_end() {
        let mut attempts = Attempts::default();
        let pauses: Vec<_> = std::iter::from_fn(|| attempts.pause(None, PATIENCE)).collect();
        assert_eq!(pauses.len(), RETRIES_MAX as usize);
        for (index, pause) in pauses.iter().enumerate() {
            let most = RETRY_BASE.saturating_mul(1 << index).min(RETRY_PAUSE_MAX);
            assert!(*pause >= most / 2 && *pause <= most, "{pauses:?}");
        }
    }

    #[test]
    fn a_registry_that_asks_for_time_gets_it_within_reason() {
        let mut attempts = Attempts::default();
        let pause = attempts.pause(Some(Duration::from_secs(3)), PATIENCE).unwrap();
        assert!(pause >= Duration::from_secs(3) && pause < Duration::from_secs(5));
        assert_eq!(attempts.pause(Some(RETRY_AFTER_MAX * 2), PATIENCE), None);
        let pause = Attempts::default().pause(None, Duration::from_millis(100)).unwrap();
        assert!(pause <= Duration::from_millis(10), "{pause:?}");
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        let read = |text: &str| {
            let headers = [(RETRY_AFTER, text.parse().unwrap())].into_iter().collect();
            retry_after(&headers, now)
        };
        assert_eq!(read("7"), Some(Duration::from_secs(7)));
        assert_eq!(read("Sun, 06 Nov 1994 08:49:47 GMT"), Some(Duration::from_secs(10)));
        assert_eq!(read("Sun, 06 Nov 1994 08:49:07 GMT"), Some(Duration::ZERO));
        assert_eq!(read("99999999999999999999999"), Some(Duration::from_secs(u64::MAX)));
        let far = read("Sat, 01 Jan 9999 00:00:00 GMT").unwrap();
        assert!(far > RETRY_AFTER_MAX, "{far:?}");
        assert_eq!(read("soon"), None);
        assert_eq!(read("-1"), None);
    }
}
