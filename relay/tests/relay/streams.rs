//! Whatever goes in comes out, line by line, byte by byte.

use std::sync::atomic::Ordering::Relaxed;

use dstream_relay::{InputEnd, OutputEnd, Transport};

use crate::harness::{
    Check, LINE_BYTES_MAX, Pace, Random, Running, TRANSPORTS, digest, mark, read, write,
};

/// A stream, and what should become of it.
struct Stream {
    bytes: Vec<u8>,
    /// What a strict check lets through.
    passing: Vec<u8>,
    /// Bytes of the marks among it, which do not count.
    marks_bytes: u64,
    /// Lines that pass.
    lines: u64,
    /// Line number, offset, cut off.
    rejected: Vec<(u64, u64, bool)>,
}

/// Lines of every length, many of them short, some odd.
fn stream(random: &mut Random, bytes_about: usize, lax: bool) -> Stream {
    let mut made = Stream {
        bytes: Vec::new(),
        passing: Vec::new(),
        marks_bytes: 0,
        lines: 0,
        rejected: Vec::new(),
    };
    let odd_every = [0, 3, 500][random.below(3)];
    let mut number = 0;
    while made.bytes.len() < bytes_about {
        number += 1;
        let length = match random.below(40) {
            0 => 0,
            1 => random.below(300_000),
            2 => 4095 + random.below(3),
            3 => 262_143 + random.below(3),
            4..=9 => random.below(5000),
            _ => random.below(600),
        };
        let mut line = vec![b'a' + (random.below(26)) as u8; length];
        if odd_every > 0 && length > 0 && random.below(odd_every) == 0 {
            line[0] = b"!?@"[random.below(3)];
        }
        if random.below(10) == 0 {
            line.push(b'\r');
        }
        line.push(b'\n');
        put(&mut made, &line, number, lax);
    }
    made
}

fn put(made: &mut Stream, line: &[u8], number: u64, lax: bool) {
    let offset = made.bytes.len() as u64;
    made.bytes.extend_from_slice(line);
    match line[0] {
        b'!' if !lax => made.rejected.push((number, offset, false)),
        b'?' | b'\r' | b'\n' if !lax => {}
        b'@' if !lax => {
            let mark = mark(line.len() - 1);
            made.marks_bytes += mark.len() as u64;
            made.passing.extend_from_slice(&mark);
        }
        _ => {
            made.passing.extend_from_slice(line);
            made.lines += 1;
        }
    }
}

/// Sends a stream through and compares everything that can be compared.
fn goes_through(transport: Transport, stream: &Stream, lax: bool, seed: u64, outputs_count: usize) {
    let mut random = Random::new(seed ^ 0xfeed);
    let initial = stream.bytes.len().min([0, 1, 70_000][random.below(3)]);
    let (initial, rest) = stream.bytes.split_at(initial);
    let mut running = Running::start(transport, Check { lax }, initial, outputs_count);
    if outputs_count == 1 && cfg!(target_os = "linux") && transport == Transport::Splice {
        assert_eq!(running.relay.transport(), Transport::Splice);
    }
    let outputs = std::mem::take(&mut running.outputs);
    let paces: Vec<_> = (0..=outputs_count).map(|_| Pace::any(&mut random)).collect();
    let what = format!("{transport} seed {seed} paces {paces:?} lax {lax}");
    let (pipe, closed) = std::io::pipe().unwrap();
    drop(pipe);
    let input = std::mem::replace(&mut running.input, closed);
    let writer = write(input, rest.to_vec(), paces[0], seed + 1);
    let readers: Vec<_> = outputs
        .into_iter()
        .zip(&paces[1..])
        .map(|(output, pace)| read(output, *pace, seed + 2))
        .collect();
    let (input_end, output_ends) = running.ends();
    assert!(matches!(input_end, InputEnd::Ended), "{what}: {input_end:?}");
    let expected = digest(&stream.passing);
    for (reader, end) in readers.into_iter().zip(output_ends) {
        assert!(matches!(end, OutputEnd::Complete), "{what}: {end:?}");
        assert_eq!(reader.join().unwrap(), expected, "{what}");
    }
    writer.join().unwrap();
    assert_eq!(*running.left_out.0.lock().unwrap(), stream.rejected, "{what}");
    let counters = running.relay.counters();
    let bytes = stream.passing.len() as u64 - stream.marks_bytes;
    assert_eq!(counters.lines_accepted.load(Relaxed), stream.lines, "{what}");
    assert_eq!(counters.bytes_accepted.load(Relaxed), bytes, "{what}");
    for index in 0..outputs_count {
        assert_eq!(counters.unwritten(index), (0, 0), "{what}");
        assert_eq!(counters.outputs[index].lines_written.load(Relaxed), stream.lines, "{what}");
    }
    let mut latency = dstream_relay::Meter::empty_histogram();
    running.relay.meter().add_latency_us_to(&mut latency);
    assert_eq!(
        latency.len(),
        stream.lines * outputs_count as u64,
        "{what}: each line has a latency"
    );
}

#[test]
fn any_stream_arrives_as_it_was_sent() {
    for seed in 0..16 {
        let lax = seed % 2 == 0;
        let stream = stream(&mut Random::new(seed), 3_000_000, lax);
        for transport in TRANSPORTS {
            goes_through(transport, &stream, lax, seed, 1);
        }
    }
}

#[test]
fn several_outputs_of_different_speed_get_the_same() {
    for seed in 100..104 {
        let stream = stream(&mut Random::new(seed), 1_000_000, false);
        for transport in TRANSPORTS {
            goes_through(transport, &stream, false, seed, 3);
        }
    }
}

#[test]
fn lines_of_many_megabytes_pass_and_longer_ones_are_left_out() {
    for transport in TRANSPORTS {
        let mut made = Stream {
            bytes: Vec::new(),
            passing: Vec::new(),
            marks_bytes: 0,
            lines: 0,
            rejected: Vec::new(),
        };
        for (number, length) in [3, LINE_BYTES_MAX, 0, LINE_BYTES_MAX + 1, 7_000_000, 1, 300_000]
            .into_iter()
            .enumerate()
        {
            let number = number as u64 + 1;
            let mut line = vec![b'x'; length];
            line.push(b'\n');
            if length > LINE_BYTES_MAX {
                made.rejected.push((number, made.bytes.len() as u64, false));
                made.bytes.extend_from_slice(&line);
            } else {
                put(&mut made, &line, number, true);
            }
        }
        goes_through(transport, &made, true, 7, 1);
    }
}

#[test]
fn a_last_line_without_newline_is_completed_if_it_is_whole_and_left_out_if_not() {
    for transport in TRANSPORTS {
        for length in [1, 100_000, 400_000] {
            let mut bytes = b"first\n".to_vec();
            bytes.resize(bytes.len() + length, b'z');
            let mut passing = bytes.clone();
            passing.push(b'\n');
            let whole = Stream {
                bytes: bytes.clone(),
                passing,
                marks_bytes: 0,
                lines: 2,
                rejected: vec![],
            };
            goes_through(transport, &whole, true, 3, 1);
            bytes.extend_from_slice(b"<cut");
            let passing = b"first\n".to_vec();
            let cut =
                Stream { bytes, passing, marks_bytes: 0, lines: 1, rejected: vec![(2, 6, true)] };
            goes_through(transport, &cut, true, 4, 1);
        }
    }
}

#[test]
fn an_empty_stream_is_a_stream() {
    for transport in TRANSPORTS {
        let empty = Stream {
            bytes: Vec::new(),
            passing: Vec::new(),
            marks_bytes: 0,
            lines: 0,
            rejected: Vec::new(),
        };
        goes_through(transport, &empty, false, 5, 1);
    }
}
