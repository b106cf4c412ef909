//! Ends whose process has gone and that another takes the place of.

use std::collections::BTreeSet;
use std::io::{PipeReader, Read, Write};
use std::sync::atomic::Ordering::Relaxed;
use std::thread;

use dstream_relay::{InputEnd, OutputEnd, RelayEvent, Transport};

use crate::breaks::numbered;
use crate::harness::{Pace, Random, Running, digest, read, write};

/// A splice cannot be taken back.
const TRANSPORTS: [Transport; 2] = [Transport::Uring, Transport::Portable];

/// Reads so many bytes, or all, and leaves.
fn read_some(mut output: PipeReader, bytes: u64) -> Vec<u8> {
    let mut got = Vec::new();
    output.by_ref().take(bytes).read_to_end(&mut got).unwrap();
    got
}

/// The numbers of whole lines; what is cut off at the end is none.
fn numbers(bytes: &[u8]) -> Vec<u64> {
    let whole = bytes.split_inclusive(|&byte| byte == b'\n').filter(|line| line.ends_with(b"\n"));
    let number = |line: &[u8]| {
        let text = std::str::from_utf8(line).unwrap();
        text.split(' ').next().unwrap().parse().unwrap()
    };
    whole.map(number).collect()
}

#[test]
fn what_an_output_had_not_read_is_lost_and_counted_and_nothing_else() {
    const LINES: usize = 9000;
    let bytes = numbered(LINES);
    let mut random = Random::new(31);
    for transport in TRANSPORTS {
        for seed in 0..6 {
            let mut running = Running::replaceable(transport, 2);
            let (pipe, closed) = std::io::pipe().unwrap();
            drop(pipe);
            let input = std::mem::replace(&mut running.input, closed);
            let writer = write(input, bytes.clone(), Pace::any(&mut random), seed);
            let steady = read(running.outputs.pop().unwrap(), Pace::any(&mut random), seed);
            let mut output = running.outputs.pop().unwrap();
            let mut got = Vec::new();
            for round in 0..5 {
                got.extend(numbers(&read_some(output, random.below(300_000) as u64)));
                if round % 2 == 0 {
                    running.relay.detach_output(0); // it may have noticed
                }
                let event = running.events.recv().unwrap();
                assert!(matches!(event, RelayEvent::SinkBroken(0, _)), "{event:?}");
                let (next, sink) = std::io::pipe().unwrap();
                running.relay.replace_sink(0, sink.into());
                output = next;
            }
            let last = thread::spawn(|| read_some(output, u64::MAX));
            writer.join().unwrap();
            assert!(matches!(running.events.recv().unwrap(), RelayEvent::SourceEnded));
            running.relay.end_source();
            let (input_end, output_ends) = running.ends();
            assert!(matches!(input_end, InputEnd::Ended));
            assert!(output_ends.iter().all(|end| matches!(end, OutputEnd::Complete)));
            got.extend(numbers(&last.join().unwrap()));
            assert_eq!(steady.join().unwrap(), digest(&bytes), "the other got everything");

            let counters = running.relay.counters();
            let lost = counters.outputs[0].lines_lost.load(Relaxed) as usize;
            assert!(got.is_sorted(), "in order, and no line twice");
            let there: BTreeSet<u64> = got.iter().copied().collect();
            assert_eq!(there.len(), got.len());
            assert_eq!(got.len() + lost, LINES, "{lost} are said to be lost");
            assert_eq!(counters.unwritten(0), (0, 0));
            let written = &counters.outputs[0].bytes_written;
            let all = written.load(Relaxed) + counters.outputs[0].bytes_lost.load(Relaxed);
            assert_eq!(all, bytes.len() as u64);
        }
    }
}

#[test]
fn an_output_that_gets_no_other_pipe_has_ended() {
    for transport in TRANSPORTS {
        let mut running = Running::replaceable(transport, 1);
        running.input.write_all(b"one\ntwo\n").unwrap();
        drop(running.outputs.pop());
        running.relay.detach_output(0);
        assert!(matches!(running.events.recv().unwrap(), RelayEvent::SinkBroken(0, _)));
        running.relay.end_sink(0);
        let event = running.events.recv().unwrap();
        assert!(matches!(event, RelayEvent::OutputEnd(0, OutputEnd::Broken(_))), "{event:?}");
    }
}

#[test]
fn another_source_goes_on_with_the_stream() {
    for transport in TRANSPORTS {
        let mut running = Running::replaceable(transport, 1);
        let output = running.outputs.pop().unwrap();
        let got = thread::spawn(|| read_some(output, u64::MAX));
        for (index, text) in ["one\n!two\nthr<cut", "four\nfi", "<cut", ""].iter().enumerate() {
            if index > 0 {
                let (source, input) = std::io::pipe().unwrap();
                running.relay.replace_source(source.into(), b"begun\n".to_vec());
                running.input = input;
            }
            running.input.write_all(text.as_bytes()).unwrap();
            let (_, closed) = std::io::pipe().unwrap();
            running.input = closed;
            assert!(matches!(running.events.recv().unwrap(), RelayEvent::SourceEnded));
        }
        running.relay.end_source();
        let (input_end, output_ends) = running.ends();
        assert!(matches!(input_end, InputEnd::Ended), "{input_end:?}");
        assert!(matches!(output_ends[0], OutputEnd::Complete));
        assert_eq!(got.join().unwrap(), b"one\nbegun\nfour\nfi\nbegun\nbegun\n");
        let left_out = running.left_out.0.lock().unwrap();
        assert_eq!(*left_out, [(2, 4, false), (3, 9, true), (8, 35, true)]);
    }
}

#[test]
fn a_pipe_that_comes_before_the_old_one_was_left_is_taken() {
    for transport in TRANSPORTS {
        let mut running = Running::replaceable(transport, 1);
        drop(running.outputs.pop());
        let (output, sink) = std::io::pipe().unwrap();
        running.relay.replace_sink(0, sink.into());
        assert!(matches!(running.events.recv().unwrap(), RelayEvent::SinkBroken(0, _)));
        running.input.write_all(b"one\n").unwrap();
        let (_, closed) = std::io::pipe().unwrap();
        running.input = closed;
        assert!(matches!(running.events.recv().unwrap(), RelayEvent::SourceEnded));
        running.relay.end_source();
        let (_, output_ends) = running.ends();
        assert!(matches!(output_ends[0], OutputEnd::Complete));
        assert_eq!(read_some(output, u64::MAX), b"one\n");
    }
}
