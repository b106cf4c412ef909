//! What a relay costs, beyond what the kernel tells of ended children (`dstream_load::Usage`).

use std::fs;

/// The most memory that a process had so far, in KiB. The kernel keeps the mark, so that reading it now and then misses
/// nothing but the last moments. `wait4` would count what the harness had when it started the process.
pub(super) fn peak_memory_kib(pid: u32) -> Option<u64> {
    peak_in(&fs::read_to_string(format!("/proc/{pid}/status")).ok()?)
}

fn peak_in(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

/// CPU time of a living process in seconds: all its threads, also those that have ended, none of its children. As
/// coarse as the kernel's ticks, 10 ms.
pub(super) fn cpu_seconds(pid: u32) -> Option<f64> {
    let ticks = cpu_ticks_in(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)?;
    Some(ticks as f64 / ticks_per_second())
}

fn cpu_ticks_in(stat: &str) -> Option<u64> {
    // The name is in brackets, and may have any characters.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<u64>().ok();
    Some(ticks()? + ticks()?)
}

/// Context switches of a living process's threads.
pub(super) fn context_switches(pid: u32) -> Option<f64> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).ok()?;
    let of_thread = |text: String| {
        let counts = text.lines().filter(|line| line.contains("ctxt_switches:"));
        counts
            .filter_map(|line| line.rsplit(char::is_whitespace).next()?.parse::<u64>().ok())
            .sum::<u64>()
    };
    let texts = threads
        .flatten()
        .filter_map(|thread| fs::read_to_string(thread.path().join("status")).ok());
    Some(texts.map(of_thread).sum::<u64>() as f64)
}

/// Seconds in which any processor of the machine was busy, since its start; also with what the hypervisor did instead.
pub(super) fn machine_busy_seconds() -> Option<f64> {
    Some(busy_ticks_in(&fs::read_to_string("/proc/stat").ok()?)? as f64 / ticks_per_second())
}

fn busy_ticks_in(stat: &str) -> Option<u64> {
    let all = stat.lines().find_map(|line| line.strip_prefix("cpu "))?;
    let ticks: Vec<u64> = all.split_whitespace().filter_map(|field| field.parse().ok()).collect();
    // user nice system idle iowait irq softirq steal
    Some([0, 1, 2, 5, 6, 7].iter().filter_map(|&field| ticks.get(field)).sum())
}

/// Processes that wanted to run, over the last minute.
pub(super) fn load_average() -> Option<f64> {
    fs::read_to_string("/proc/loadavg").ok()?.split_whitespace().next()?.parse().ok()
}

fn ticks_per_second() -> f64 {
    rustix::param::clock_ticks_per_second() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_proc_are_found() {
        assert_eq!(peak_in("Name:\tcat\nVmHWM:\t    1612 kB\nVmRSS:\t 1 kB\n"), Some(1_612));
        let stat = "17 (a ) b) S 1 2 3 4 5 6 7 8 9 10 250 75 999 999 20 0 4 0 1";
        assert_eq!(cpu_ticks_in(stat), Some(325));
        assert_eq!(busy_ticks_in("cpu  1 2 4 100 200 8 16 32 0 0\ncpu0 9 9\n"), Some(63));
    }

    #[test]
    fn this_process_can_be_read() {
        let pid = std::process::id();
        assert!(peak_memory_kib(pid).unwrap() > 0);
        assert!(cpu_seconds(pid).is_some());
        assert!(context_switches(pid).is_some());
        assert!(machine_busy_seconds().unwrap() > 0.0);
        assert!(load_average().is_some());
    }
}
