//! Statistics for programs: one JSON object a line. Its fields are listed in `docs/cli.md`.

use dstream_engine::stats::{Bottleneck, StreamStats};
use serde_json::{Value, json};

use super::Subject;

/// One object; `last` on the one that is written when the stream is over.
pub(super) fn object(task: &Subject, stats: &StreamStats, last: bool) -> String {
    let latency = &stats.latency;
    let outputs: Vec<Value> = task
        .outputs
        .iter()
        .zip(&stats.outputs)
        .map(|(name, output)| {
            json!({
                "name": name,
                "lines_written": output.lines_written,
                "bytes_written": output.bytes_written,
                "lines_rejected": output.lines_rejected,
                "lines_lost": output.lines_lost,
                "bytes_lost": output.bytes_lost,
            })
        })
        .collect();
    let object = json!({
        "type": "stats",
        "task": task.name,
        "final": last,
        "elapsed_s": rounded(stats.elapsed.as_secs_f64()),
        "transport": stats.transport.to_string(),
        "lines": stats.lines,
        "bytes": stats.bytes,
        "bytes_read": stats.bytes_read,
        "lines_per_s": rounded(stats.rate_now.lines_per_s),
        "bytes_per_s": rounded(stats.rate_now.bytes_per_s),
        "lines_per_s_average": rounded(stats.rate_average.lines_per_s),
        "bytes_per_s_average": rounded(stats.rate_average.bytes_per_s),
        "lines_blank": stats.lines_blank,
        "lines_filtered": stats.lines_filtered,
        "lines_rejected": stats.lines_rejected,
        "queued_bytes": stats.queued_bytes,
        "queue_bytes_max": stats.queue_bytes_max,
        "latency_us": {
            "count": latency.count,
            "p50": latency.p50_us,
            "p90": latency.p90_us,
            "p99": latency.p99_us,
            "p99.9": latency.p999_us,
            "max": latency.max_us,
        },
        "shares": {
            "input": rounded(stats.shares.input),
            "output": rounded(stats.shares.output),
            "work": rounded(stats.shares.work),
        },
        "bottleneck": match stats.shares.bottleneck().0 {
            Bottleneck::Input => "input",
            Bottleneck::Output => "output",
            Bottleneck::Relay => "relay",
        },
        "outputs": outputs,
    });
    object.to_string()
}

/// To three decimals.
fn rounded(number: f64) -> f64 {
    (number * 1000.0).round() / 1000.0
}
