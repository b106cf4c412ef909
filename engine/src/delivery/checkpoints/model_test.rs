//! Whatever happens in whatever order, and whoever dies between two steps: nothing is lost.
//!
//! A model of a task: a source of numbered lines, outputs with something that lasts, and DStream
//! between them, of which what decides is the engine's own: [`Progress`](super::Progress) behind
//! [`Checkpoints`], the state file with each step of its replacement, and [`Acks`]. Only the loop of
//! the checkpoint thread is written once more (`Run::store`), since here one thread takes one step
//! after the other, by a generator with a seed; a failure names the seed. A run may end between any
//! two steps, because somebody has died or everybody has, and the next one begins with what is on
//! the disk.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::fd::OwnedFd;
use std::sync::Arc;

use rustix::fs::{OFlags, fcntl_setfl};
use serde_json::value::RawValue;
use tempfile::TempDir;

use super::{Acks, Checkpoints, Next};
use crate::delivery::{StateStore, TaskState};

/// Tasks that are tried, each with a seed of its own.
const TASKS: u64 = 60;
/// Lines of a source.
const LINES: u64 = 40;
/// Items that a pipe takes.
const PIPE: usize = 6;
/// Runs of a task in which somebody dies, before the one in which nobody does.
const DEADLY_RUNS: u64 = 8;

/// Numbers by chance, the same for the same seed (splitmix64).
struct Chance(u64);

impl Chance {
    /// A number below `end`.
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }

    fn one_in(&mut self, end: u64) -> bool {
        self.below(end) == 0
    }
}

/// What outlives a run.
struct Disk {
    store: StateStore,
    _folder: TempDir,
    /// What each output has made lasting, in this order.
    lasting: Vec<Vec<u64>>,
    /// How far the source has forgotten its lines, because an acknowledgement said that they need not come again.
    forgotten: u64,
    /// The last line that the source has ever given.
    given: u64,
    /// The last checkpoint that was seen in the store.
    stored: u64,
    /// Lines that may have come once more, by the definition: those between what was stored and what
    /// had been given, when a run began.
    again: u64,
}

impl Disk {
    fn new(outputs: u64) -> Self {
        // In memory where that can be had: a task is stored hundreds of times.
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        Self {
            store: StateStore::new(folder.path()),
            _folder: folder,
            lasting: (0..outputs).map(|_| Vec::new()).collect(),
            forgotten: 0,
            given: 0,
            stored: 0,
            again: 0,
        }
    }

    /// What holds after every step.
    fn check(&mut self) {
        let stored = self.store.read("t").unwrap();
        let stored = stored.map_or(0, |stored| number(stored.checkpoint.get()));
        assert!(stored >= self.stored, "the store went back from {} to {stored}", self.stored);
        for (output, lasting) in self.lasting.iter().enumerate() {
            // What lasts stays: those before were there when the one before was stored.
            let missing = (self.stored + 1..=stored).find(|line| !lasting.contains(line));
            assert_eq!(missing, None, "{stored} is stored, output {output} lacks a line");
        }
        self.stored = stored;
        assert!(self.forgotten <= stored, "{} was reported, {stored} is stored", self.forgotten);
    }
}

fn number(text: &str) -> u64 {
    text.parse().unwrap()
}

fn value(number: u64) -> Box<RawValue> {
    RawValue::from_string(number.to_string()).unwrap()
}

enum FromInput {
    Line(u64),
    Checkpoint(u64),
}

enum ToOutput {
    Line(u64),
    Barrier(u64),
}

struct Input {
    is_alive: bool,
    /// The last line it has given, and the last checkpoint.
    at: u64,
    said: u64,
    stdout: VecDeque<FromInput>,
    stdin: File,
    heard: Vec<u8>,
}

#[derive(Default)]
struct Output {
    is_dead: bool,
    stdin: VecDeque<ToOutput>,
    /// The last line it has taken.
    at: u64,
    /// What it has not made lasting: gone with it.
    memory: Vec<u64>,
    /// The last barrier that it has taken, the last with only lasting lines before it, and the last
    /// that it has acknowledged.
    barriers: [u64; 3],
    stdout: VecDeque<u64>,
}

/// A run of the task.
struct Run<'a> {
    disk: &'a mut Disk,
    chance: &'a mut Chance,
    is_deadly: bool,
    /// DStream is gone, and everybody with it.
    is_over: bool,
    input: Input,
    outputs: Vec<Output>,
    checkpoints: Arc<Checkpoints>,
    /// None while it is being used.
    state: Option<TaskState>,
    acks: Acks,
    lines: u64,
}

impl<'a> Run<'a> {
    fn start(disk: &'a mut Disk, chance: &'a mut Chance, is_deadly: bool) -> Self {
        let state = disk.store.claim("t", || {}).unwrap();
        let at = state.checkpoint().unwrap().map_or(0, |checkpoint| number(checkpoint.get()));
        assert!(at >= disk.forgotten, "lines up to {} are gone", disk.forgotten);
        disk.again += disk.given.saturating_sub(at);
        let checkpoints = Checkpoints::new(disk.lasting.len());
        let (reader, writer) = std::io::pipe().unwrap();
        checkpoints.tell_input(writer.into());
        let stdin = File::from(OwnedFd::from(reader));
        fcntl_setfl(&stdin, OFlags::NONBLOCK).unwrap();
        let outputs = disk.lasting.iter().map(|_| Output { at, ..Output::default() }).collect();
        Self {
            input: Input {
                is_alive: true,
                at,
                said: at,
                stdout: VecDeque::new(),
                stdin,
                heard: Vec::new(),
            },
            disk,
            chance,
            is_deadly,
            is_over: false,
            outputs,
            checkpoints,
            state: Some(state),
            acks: Acks::default(),
            lines: 0,
        }
    }

    /// One step of anybody.
    fn step(&mut self) {
        if self.is_deadly && self.chance.one_in(80) {
            self.die();
        } else if self.chance.one_in(5) {
            self.store();
        } else {
            self.step_of_others();
        }
        self.disk.check();
    }

    /// One of those that go on while a checkpoint is being stored.
    fn step_of_others(&mut self) {
        let output = self.chance.below(self.outputs.len() as u64) as usize;
        match self.chance.below(8) {
            0 | 1 => self.give(),
            2 | 3 => self.relay(),
            4 => self.take(output),
            5 if self.chance.one_in(2) => self.make_lasting(output),
            5 | 6 => self.acknowledge(output),
            _ => self.hear(),
        }
    }

    fn die(&mut self) {
        let who = self.chance.below(self.outputs.len() as u64 + 2) as usize;
        match who {
            0 => self.is_over = true,
            1 => self.input.is_alive = false,
            output => {
                // What it has said stays in its pipe.
                let output = &mut self.outputs[output - 2];
                output.is_dead = true;
                output.stdin.clear();
                output.memory.clear();
            }
        }
    }

    /// The input writes a line, or how far it is.
    fn give(&mut self) {
        let input = &mut self.input;
        if !input.is_alive || input.stdout.len() >= PIPE {
            return;
        }
        if input.said < input.at && (input.at == LINES || self.chance.one_in(3)) {
            // It may say less than it could.
            let back = if input.at == LINES { 0 } else { self.chance.below(3) };
            input.said = input.said.max(input.at.saturating_sub(back));
            input.stdout.push_back(FromInput::Checkpoint(input.said));
        } else if input.at < LINES {
            input.at += 1;
            assert!(input.at > self.disk.forgotten);
            self.disk.given = self.disk.given.max(input.at);
            input.stdout.push_back(FromInput::Line(input.at));
        }
    }

    /// DStream takes what the input wrote, and gives it to the outputs. Whoever has died is left out.
    fn relay(&mut self) {
        let is_full = |output: &Output| !output.is_dead && output.stdin.len() >= PIPE;
        if self.outputs.iter().any(is_full) {
            return;
        }
        let Some(item) = self.input.stdout.pop_front() else { return };
        let id = match item {
            FromInput::Line(_) => None,
            FromInput::Checkpoint(at) => Some(self.checkpoints.note(&value(at), self.lines)),
        };
        self.lines += u64::from(id.is_none());
        for output in self.outputs.iter_mut().filter(|output| !output.is_dead) {
            output.stdin.push_back(match (&item, id) {
                (_, Some(id)) => ToOutput::Barrier(id),
                (FromInput::Line(line) | FromInput::Checkpoint(line), None) => {
                    ToOutput::Line(*line)
                }
            });
        }
    }

    /// An output takes what comes next. Within a run, that is the next line.
    fn take(&mut self, output: usize) {
        let output = &mut self.outputs[output];
        match output.stdin.pop_front() {
            Some(ToOutput::Line(line)) => {
                assert_eq!(line, output.at + 1, "lines come in order");
                output.at = line;
                output.memory.push(line);
            }
            Some(ToOutput::Barrier(id)) => output.barriers[0] = id,
            None => {}
        }
    }

    fn make_lasting(&mut self, index: usize) {
        let output = &mut self.outputs[index];
        self.disk.lasting[index].append(&mut output.memory);
        output.barriers[1] = output.barriers[0];
    }

    /// An output says what is lasting, at once or late, all or some of it; or DStream hears it.
    fn acknowledge(&mut self, index: usize) {
        let output = &mut self.outputs[index];
        let [_, lasting, said] = output.barriers;
        if !output.is_dead && said < lasting && self.chance.one_in(2) {
            let id = lasting - self.chance.below(lasting - said);
            output.barriers[2] = id;
            output.stdout.push_back(id);
        } else if let Some(id) = output.stdout.pop_front() {
            self.checkpoints.acknowledge(index, id).unwrap();
        }
    }

    /// DStream stores what is complete, and tells the input: what the checkpoint thread does. Between
    /// any two of its steps the others go on, and anybody may die.
    fn store(&mut self) {
        if self.checkpoints.pending().newest.is_some()
            && let Next::Store(newest) = self.checkpoints.next(false)
        {
            let state = self.state.take().unwrap();
            let saved = state.save_asking(&newest.value, || {
                for _ in 0..self.chance.below(4) {
                    if self.is_deadly && self.chance.one_in(25) {
                        self.die();
                    } else {
                        self.step_of_others();
                    }
                    self.disk.check();
                    if self.is_over {
                        return Err(ErrorKind::Other.into());
                    }
                }
                Ok(())
            });
            self.state = Some(state);
            if saved.is_ok() {
                self.acks.stored = Some(newest.value);
            }
        } else {
            self.acks.write(&mut self.checkpoints.pending().input);
        }
    }

    /// The input hears what is stored, and forgets.
    fn hear(&mut self) {
        if !self.input.is_alive {
            return;
        }
        let mut buffer = [0; 64];
        while let Ok(count) = self.input.stdin.read(&mut buffer)
            && count > 0
        {
            self.input.heard.extend_from_slice(&buffer[..count]);
        }
        while let Some(end) = self.input.heard.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.input.heard.drain(..=end).collect();
            let line = std::str::from_utf8(&line).unwrap();
            let reported = line.strip_prefix("{\"ack\":").and_then(|line| line.strip_suffix("}\n"));
            self.disk.forgotten = self.disk.forgotten.max(number(reported.unwrap()));
        }
    }

    /// To the end, if somebody dies to that of a part of it.
    fn run(mut self) {
        let most = if self.is_deadly { self.chance.below(400) } else { 200 };
        for _ in 0..most {
            self.step();
            if self.is_over {
                break;
            }
        }
        if self.is_deadly {
            return self.end();
        }
        let last = self.outputs.len();
        for _ in 0..10 * LINES {
            self.give();
            self.relay();
            for output in 0..last {
                self.take(output);
                self.make_lasting(output);
                self.acknowledge(output);
            }
            self.store();
            self.hear();
            self.disk.check();
        }
        assert_eq!(self.disk.forgotten, LINES, "all is stored and acknowledged in the end");
    }

    /// DStream is gone. Each output that lives sees the end of its stdin, and may still finish.
    fn end(mut self) {
        for index in 0..self.outputs.len() {
            if !self.outputs[index].is_dead && self.chance.one_in(2) {
                while !self.outputs[index].stdin.is_empty() {
                    self.take(index);
                }
                self.make_lasting(index);
            }
        }
        self.disk.check();
    }
}

#[test]
fn nothing_is_lost_whoever_dies_and_whenever() {
    for seed in 0..TASKS {
        let task = move || {
            let mut chance = Chance(seed);
            let mut disk = Disk::new(1 + seed % 3);
            for _ in 0..chance.below(DEADLY_RUNS) {
                Run::start(&mut disk, &mut chance, true).run();
            }
            Run::start(&mut disk, &mut chance, false).run();
            for lasting in &disk.lasting {
                assert!((1..=LINES).all(|line| lasting.contains(&line)), "{lasting:?}");
                let again = lasting.len() as u64 - LINES;
                assert!(again <= disk.again, "{again} lines came again, not {}", disk.again);
            }
        };
        let outcome = std::panic::catch_unwind(task);
        assert!(outcome.is_ok(), "with the seed {seed}");
    }
}
