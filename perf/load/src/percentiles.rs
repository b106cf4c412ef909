//! Percentiles of latencies, exact: every value is kept and sorted.

use serde::{Deserialize, Serialize};

/// Latencies in microseconds. Each is one that occurred (nearest rank), not one between two.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Percentiles {
    /// How many lines were measured.
    pub lines: u64,
    /// Half of them were not slower.
    pub p50_us: f64,
    /// 90 of 100 were not slower.
    pub p90_us: f64,
    /// 99 of 100 were not slower.
    pub p99_us: f64,
    /// 999 of 1,000 were not slower.
    pub p99_9_us: f64,
    /// The slowest.
    pub max_us: f64,
}

impl Percentiles {
    /// Of nothing there are none.
    #[must_use]
    pub fn of(latencies_ns: impl IntoIterator<Item = u64>) -> Option<Self> {
        let mut latencies_ns: Vec<u64> = latencies_ns.into_iter().collect();
        latencies_ns.sort_unstable();
        let max_ns = *latencies_ns.last()?;
        let count = latencies_ns.len();
        let at = |per_mille: usize| {
            let rank = (count * per_mille).div_ceil(1_000).max(1);
            latencies_ns[rank - 1] as f64 / 1_000.0
        };
        Some(Self {
            lines: count as u64,
            p50_us: at(500),
            p90_us: at(900),
            p99_us: at(990),
            p99_9_us: at(999),
            max_us: max_ns as f64 / 1_000.0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_occurred() {
        let percentiles = Percentiles::of((1..=1_000).rev().map(|us| us * 1_000)).unwrap();
        assert_eq!(percentiles.lines, 1_000);
        assert_eq!((percentiles.p50_us, percentiles.p90_us), (500.0, 900.0));
        assert_eq!((percentiles.p99_us, percentiles.p99_9_us), (990.0, 999.0));
        assert_eq!(percentiles.max_us, 1_000.0);
    }

    #[test]
    fn one_value_is_all_of_them_and_none_is_none() {
        assert_eq!(Percentiles::of([7_000]).unwrap().p99_us, 7.0);
        assert_eq!(Percentiles::of([]), None);
    }
}
