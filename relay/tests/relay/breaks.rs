//! Ends that come from the wrong side: outputs that leave, streams that are given up.

use std::io::{PipeReader, Read, Write};
use std::sync::atomic::Ordering::{Acquire, Relaxed};
use std::thread;

use dstream_relay::{InputEnd, OutputEnd};

use crate::harness::{Check, Pace, Random, Running, TRANSPORTS, read, write};

/// Numbered lines of uneven length.
pub(crate) fn numbered(lines: usize) -> Vec<u8> {
    let mut random = Random::new(11);
    let mut bytes = Vec::new();
    for number in 0..lines {
        let padding = "-".repeat(random.below(900));
        bytes.extend_from_slice(format!("{number} {padding}\n").as_bytes());
    }
    bytes
}

fn newlines(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|&&byte| byte == b'\n').count() as u64
}

/// Waits until a pipe of 64 KiB takes no more; a counter would not tell, since the write that fills
/// it does not return.
fn until_full(output: &PipeReader) {
    while rustix::io::ioctl_fionread(output).unwrap() < 60_000 {
        thread::yield_now();
    }
}

#[test]
fn an_output_that_leaves_at_any_point_is_noticed_and_counted() {
    let bytes = numbered(6000);
    let mut random = Random::new(21);
    let mut points: Vec<usize> = (0..24).map(|_| random.below(bytes.len() - 2_000_000)).collect();
    points.extend([0, 1, 65_536]);
    for transport in TRANSPORTS {
        for &point in &points {
            let mut running = Running::start(transport, Check { lax: false }, b"", 1);
            let (pipe, closed) = std::io::pipe().unwrap();
            drop(pipe);
            let input = std::mem::replace(&mut running.input, closed);
            let writer = write(input, bytes.clone(), Pace::any(&mut random), 1);
            let mut output = running.outputs.pop().unwrap();
            let mut got = vec![0; point];
            output.read_exact(&mut got).unwrap();
            drop(output);
            let (input_end, output_ends) = running.ends();
            writer.join().unwrap();
            let what = format!("{transport} point {point}: {input_end:?}, {output_ends:?}");
            assert!(matches!(output_ends[0], OutputEnd::Broken(_)), "{what}");
            assert!(matches!(input_end, InputEnd::OutputGone | InputEnd::Ended), "{what}");
            assert!(bytes.starts_with(&got), "{what}: it got a prefix");
            let output = &running.relay.counters().outputs[0];
            assert!(output.bytes_written.load(Relaxed) >= point as u64, "{what}");
            let written = output.bytes_written.load(Relaxed) as usize;
            let lines_written = output.lines_written.load(Relaxed);
            assert_eq!(lines_written, newlines(&bytes[..written]), "{what}: whole lines");
            let (lines, unwritten) = running.relay.counters().unwritten(0);
            let accepted = running.relay.counters().bytes_accepted.load(Relaxed);
            assert_eq!(written as u64 + unwritten, accepted, "{what}");
            assert_eq!(newlines(&bytes[..accepted as usize]), lines_written + lines, "{what}");
        }
    }
}

#[test]
fn a_stream_that_is_given_up_is_taken_to_what_was_written() {
    for transport in TRANSPORTS {
        for bytes in [&b"one\ntwo\n<cut"[..], b"one\ntwo\n", b"", &numbered(50)] {
            let mut running = Running::start(transport, Check { lax: false }, b"", 1);
            // `input` stays open: it is what an escaped process would hold.
            let mut input = running.input.try_clone().unwrap();
            input.write_all(bytes).unwrap();
            let output = running.outputs.pop().unwrap();
            let whole = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
            let mut reader = output.try_clone().unwrap();
            let mut got = vec![0; whole];
            reader.read_exact(&mut got).unwrap(); // so that the relay waits for more
            assert!(running.relay.is_source_held());
            running.relay.cancel();
            running.relay.cancel();
            let (input_end, output_ends) = running.ends();
            assert!(matches!(input_end, InputEnd::Cancelled), "{transport}: {input_end:?}");
            assert!(matches!(output_ends[0], OutputEnd::Complete), "{transport}");
            drop(output);
            reader.read_to_end(&mut got).unwrap();
            assert_eq!(got, &bytes[..whole], "{transport}");
        }
    }
}

#[test]
fn a_stream_that_goes_on_ends_when_it_is_given_up_and_no_line_is_cut_in_two() {
    for transport in TRANSPORTS {
        for round in 0..25 {
            let mut running = Running::start(transport, Check { lax: true }, b"", 1);
            let mut input = running.input.try_clone().unwrap();
            // What has escaped writes on, lines in two pieces, faster than the output reads.
            let writer = thread::spawn(move || {
                let pieces = [&b"a line that is not <cut"[..], b" here\n"];
                while pieces.iter().all(|piece| input.write_all(piece).is_ok()) {
                    thread::sleep(std::time::Duration::from_micros(round * 4));
                }
            });
            let mut output = running.outputs.pop().unwrap();
            let reader = thread::spawn(move || {
                let (mut got, mut piece) = (Vec::new(), [0; 4000]);
                while let Ok(count @ 1..) = output.read(&mut piece) {
                    got.extend_from_slice(&piece[..count]);
                    thread::sleep(std::time::Duration::from_micros(50));
                }
                got
            });
            while running.relay.counters().outputs[0].lines_written.load(Relaxed) < 40 * round {
                thread::yield_now();
            }
            running.relay.cancel();
            let (input_end, _) = running.ends();
            assert!(matches!(input_end, InputEnd::Cancelled), "{transport}: {input_end:?}");
            writer.join().unwrap();
            let got = String::from_utf8(reader.join().unwrap()).unwrap();
            for line in got.split_inclusive('\n') {
                assert_eq!(line, "a line that is not <cut here\n", "{transport}");
            }
        }
    }
}

#[test]
fn an_output_that_nobody_reads_can_be_detached() {
    let bytes = numbered(6000);
    for transport in TRANSPORTS {
        let mut running = Running::start(transport, Check { lax: false }, b"", 1);
        let (pipe, closed) = std::io::pipe().unwrap();
        drop(pipe);
        let input = std::mem::replace(&mut running.input, closed);
        let writer = write(input, bytes.clone(), Pace::Fast, 1);
        // Held open and never read: the pipe fills, and the writing blocks.
        let held = running.outputs.pop().unwrap();
        until_full(&held);
        running.relay.detach_output(0);
        // What is blocked in a write goes on when the pipe is read in its reader's place.
        while !running.relay.counters().outputs[0].broken.load(Acquire) {
            running.relay.drain_output(0);
            thread::yield_now();
        }
        let (_, output_ends) = running.ends();
        assert!(matches!(output_ends[0], OutputEnd::Broken(_)), "{transport}");
        writer.join().unwrap();
        drop(held);
    }
}

#[test]
fn an_output_that_stalls_stops_the_input_and_loses_nothing() {
    let bytes = numbered(40_000);
    for transport in TRANSPORTS {
        let mut running = Running::start(transport, Check { lax: false }, b"", 1);
        let (pipe, closed) = std::io::pipe().unwrap();
        drop(pipe);
        let input = std::mem::replace(&mut running.input, closed);
        let writer = write(input, bytes.clone(), Pace::Fast, 1);
        let output = running.outputs.pop().unwrap();
        until_full(&output);
        // What is between the pipes is bounded: the pool, and what one line may need more.
        for _ in 0..2000 {
            thread::yield_now();
            let counters = running.relay.counters();
            assert!(counters.unwritten(0).1 <= 1 << 20, "{transport}");
        }
        assert!(!writer.is_finished(), "{transport}: the input must wait");
        let reader = read(output, Pace::Fast, 2);
        assert!(matches!(running.ends().0, InputEnd::Ended));
        writer.join().unwrap();
        assert_eq!(reader.join().unwrap(), crate::harness::digest(&bytes), "{transport}");
    }
}
