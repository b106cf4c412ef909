//! A relay between two pipes of the test's own, and the streams that go through it.

#![allow(clippy::disallowed_methods, reason = "the test itself bounds what goes through")]

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use crossbeam_channel::{Receiver, unbounded};
use dstream_relay::{
    Disposition, InputEnd, LineCheck, OutputEnd, Rejected, Rejects, Relay, RelayEnds, RelayEvent,
    RelayOptions, Transport, Verdict,
};
use sha2::{Digest, Sha256};

/// Every transport that this system has.
pub(crate) const TRANSPORTS: [Transport; 3] =
    [Transport::Splice, Transport::Uring, Transport::Portable];

/// A small generator of numbers (xorshift64*), the same from the same seed.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % end.max(1)
    }
}

/// Lines that begin with `!` are invalid, with `?` unwanted, and those of white space blank; a
/// lax one lets all pass.
#[derive(Clone, Copy)]
pub(crate) struct Check {
    pub(crate) lax: bool,
}

impl LineCheck for Check {
    fn passes_all(&self) -> bool {
        self.lax
    }

    fn check(&mut self, line: &[u8]) -> Verdict {
        match line.first() {
            _ if self.lax => Verdict::Pass,
            None | Some(b'\r') => Verdict::Blank,
            Some(b'?') => Verdict::Filtered,
            Some(b'!') => Verdict::Invalid(Cow::Borrowed("begins with !")),
            Some(b'@') => Verdict::Mark(mark(line.len())),
            Some(_) => Verdict::Pass,
        }
    }

    fn is_whole(&self, line: &[u8]) -> bool {
        !line.ends_with(b"<cut")
    }
}

/// What outputs get in the place of a line that begins with `@`; it may be longer than that.
pub(crate) fn mark(length: usize) -> Box<[u8]> {
    format!("mark {length}\n").into_bytes().into()
}

/// Leaves out what is rejected and keeps its line number, its offset, and whether it was cut off.
#[derive(Clone, Default)]
pub(crate) struct LeftOut(pub(crate) Arc<Mutex<Vec<(u64, u64, bool)>>>);

impl Rejects for LeftOut {
    fn reject(&mut self, rejected: &Rejected<'_>) -> io::Result<Disposition> {
        let place = (rejected.line_number, rejected.offset_bytes, rejected.cut_off);
        self.0.lock().unwrap().push(place);
        Ok(Disposition::LeaveOut)
    }
}

/// A running relay with its ends outside.
pub(crate) struct Running {
    pub(crate) relay: Relay,
    pub(crate) input: PipeWriter,
    pub(crate) outputs: Vec<PipeReader>,
    pub(crate) left_out: LeftOut,
    pub(crate) events: Receiver<RelayEvent>,
}

pub(crate) const LINE_BYTES_MAX: usize = 20 << 20;

impl Running {
    pub(crate) fn start(
        transport: Transport,
        check: Check,
        initial: &[u8],
        outputs_count: usize,
    ) -> Self {
        Self::start_with(transport, check, initial, outputs_count, false)
    }

    /// One whose ends can be replaced.
    pub(crate) fn replaceable(transport: Transport, outputs_count: usize) -> Self {
        Self::start_with(transport, Check { lax: false }, b"", outputs_count, true)
    }

    fn start_with(
        transport: Transport,
        check: Check,
        initial: &[u8],
        outputs_count: usize,
        replaceable: bool,
    ) -> Self {
        let (source, input) = io::pipe().unwrap();
        let (outputs, sinks): (Vec<_>, Vec<_>) =
            (0..outputs_count).map(|_| io::pipe().unwrap()).unzip();
        let left_out = LeftOut::default();
        let ends = RelayEnds {
            source: source.into(),
            initial: initial.to_vec(),
            sinks: sinks.into_iter().map(OwnedFd::from).collect(),
            check,
            rejects: Box::new(left_out.clone()),
        };
        let options = RelayOptions {
            line_bytes_max: LINE_BYTES_MAX,
            buffer_bytes: 1 << 20,
            transport,
            measure: true,
            replaceable,
            watched: replaceable,
        };
        let (tell, events) = unbounded();
        let relay = Relay::start(ends, options, move |event| tell.send(event).unwrap()).unwrap();
        Self { relay, input, outputs, left_out, events }
    }

    /// Waits for all ends: the input's, and each output's in their order.
    pub(crate) fn ends(&self) -> (InputEnd, Vec<OutputEnd>) {
        let mut input = None;
        let mut outputs: Vec<Option<OutputEnd>> = Vec::new();
        outputs.resize_with(self.relay.counters().outputs.len(), || None);
        for event in self.events.iter().take(1 + outputs.len()) {
            match event {
                RelayEvent::InputEnd(end) => assert!(input.replace(end).is_none()),
                RelayEvent::OutputEnd(index, end) => {
                    assert!(outputs[index].replace(end).is_none());
                }
                RelayEvent::SourceEnded | RelayEvent::SinkBroken(..) => unreachable!("{event:?}"),
            }
        }
        (input.unwrap(), outputs.into_iter().map(Option::unwrap).collect())
    }
}

/// How a reader or a writer behaves.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pace {
    /// As large and as fast as it can.
    Fast,
    /// In pieces of a few bytes.
    Tiny,
    /// In bursts with pauses between.
    Bursty,
}

impl Pace {
    pub(crate) fn any(random: &mut Random) -> Self {
        [Self::Fast, Self::Fast, Self::Tiny, Self::Bursty][random.below(4)]
    }

    fn piece(self, random: &mut Random) -> usize {
        match self {
            Self::Fast => 1 << 20,
            Self::Tiny => 1 + random.below(700),
            Self::Bursty => {
                if random.below(8) == 0 {
                    thread::sleep(std::time::Duration::from_micros(300));
                }
                1 + random.below(200_000)
            }
        }
    }
}

/// Writes all of `bytes` and closes the pipe.
pub(crate) fn write(
    mut input: PipeWriter,
    bytes: Vec<u8>,
    pace: Pace,
    seed: u64,
) -> JoinHandle<()> {
    thread::spawn(move || {
        let mut random = Random::new(seed);
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let (now, later) = rest.split_at(pace.piece(&mut random).min(rest.len()));
            if input.write_all(now).is_err() {
                return; // the relay has ended early, as some cases want
            }
            rest = later;
        }
    })
}

/// Reads to the end; returns how many bytes there were and their hash.
pub(crate) fn read(output: PipeReader, pace: Pace, seed: u64) -> JoinHandle<(usize, String)> {
    thread::spawn(move || {
        let mut random = Random::new(seed);
        let mut output = File::from(OwnedFd::from(output));
        let (mut buffer, mut hash, mut total) = (vec![0; 1 << 20], Sha256::new(), 0);
        loop {
            match output.read(&mut buffer[..pace.piece(&mut random)]).unwrap() {
                0 => return (total, hex(&hash.finalize())),
                count => {
                    hash.update(&buffer[..count]);
                    total += count;
                }
            }
        }
    })
}

pub(crate) fn digest(bytes: &[u8]) -> (usize, String) {
    (bytes.len(), hex(&Sha256::digest(bytes)))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
