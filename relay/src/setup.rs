//! From a choice of transport to its threads.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::thread;

use crossbeam_channel::{Receiver, Sender, bounded};

use super::batch::Batch;
use super::check::LineCheck;
use super::framer::Framer;
use super::meter::Phase;
use super::queue::{Order, Queue, same};
use super::shared::Shared;
use super::transport::Transport;
use super::{InputEnd, OutputEnd, RelayEvent, portable, pump};
#[cfg(target_os = "linux")]
use super::{splice, uring};
use crate::pipe;

/// A relay that is about to run.
pub(super) struct Setup<C> {
    pub(super) source: Arc<File>,
    pub(super) initial: Vec<u8>,
    pub(super) sinks: Vec<Arc<File>>,
    pub(super) framer: Framer<C>,
    /// Batches that may wait for a writer.
    pub(super) queue_batches: usize,
    pub(super) shared: Arc<Shared>,
    /// There where ends can be replaced.
    pub(super) orders: Option<Orders>,
    /// See [`RelayOptions::watched`](super::RelayOptions::watched).
    pub(super) watched: bool,
}

/// What takes the place of an end that has ended.
pub(super) struct Orders {
    pub(super) sources: Receiver<(Arc<File>, Vec<u8>)>,
    /// One for each sink.
    pub(super) sinks: Vec<Receiver<Order>>,
}

impl<C: LineCheck> Setup<C> {
    /// Starts the threads of the transport that is wanted, or of the next best. Returns which.
    pub(super) fn spawn(
        self,
        wanted: Transport,
        tell: impl Fn(RelayEvent) + Send + Clone + 'static,
    ) -> io::Result<Transport> {
        #[cfg(target_os = "linux")]
        if let (Transport::Auto | Transport::Splice, [sink]) = (wanted, &self.sinks[..])
            && self.orders.is_none()
            && let Ok(splice) = splice::Splice::new(&self.source, sink)
        {
            self.spawn_splice(splice, tell)?;
            return Ok(Transport::Splice);
        }
        #[cfg(target_os = "linux")]
        if wanted == Transport::Uring && uring::is_available() {
            self.spawn_pair(Plumbing::Ring, tell)?;
            return Ok(Transport::Uring);
        }
        let _ = wanted;
        self.spawn_pair(Plumbing::Plain, tell)?;
        Ok(Transport::Portable)
    }

    #[cfg(target_os = "linux")]
    fn spawn_splice(
        self,
        splice: splice::Splice,
        tell: impl Fn(RelayEvent) + Send + Clone + 'static,
    ) -> io::Result<()> {
        let Self { source, initial, sinks, mut framer, shared, .. } = self;
        let relay = move || {
            let (input_end, output_end) = splice.relay_all(&initial, &mut framer, &shared);
            shared.counters.outputs[0].leave(&sinks[0]);
            drop((source, sinks));
            tell(RelayEvent::InputEnd(input_end));
            tell(RelayEvent::OutputEnd(0, output_end));
        };
        thread::Builder::new().name("relay".to_owned()).spawn(relay).map(drop)
    }

    /// A thread that reads, and one for each output that writes.
    fn spawn_pair(
        self,
        plumbing: Plumbing,
        tell: impl Fn(RelayEvent) + Send + Clone + 'static,
    ) -> io::Result<()> {
        let mut outlets = Vec::with_capacity(self.sinks.len());
        let (sources, orders) =
            self.orders.map_or((None, Vec::new()), |orders| (Some(orders.sources), orders.sinks));
        let mut orders = orders.into_iter();
        for (index, mut sink) in self.sinks.into_iter().enumerate() {
            let (outlet, batches) = bounded(self.queue_batches);
            outlets.push(outlet);
            let mut queue = Queue::new(batches, orders.next());
            let (shared, tell) = (Arc::clone(&self.shared), tell.clone());
            let is_gradual = self.watched && plumbing == Plumbing::Plain;
            let write = move || {
                let end = loop {
                    if is_gradual {
                        pipe::set_nonblocking(&sink);
                    }
                    let end = plumbing.write_all(&sink, &mut queue, &shared, index);
                    shared.counters.outputs[index].leave(&sink);
                    drop(sink);
                    let OutputEnd::Broken(error) = end else { break end };
                    if !queue.is_replaceable() {
                        break OutputEnd::Broken(error);
                    }
                    tell(RelayEvent::SinkBroken(index, same(&error)));
                    match queue.next_sink(&shared.counters, index) {
                        Some(next) => sink = next,
                        None => break OutputEnd::Broken(error),
                    }
                };
                tell(RelayEvent::OutputEnd(index, end));
                queue.drain();
            };
            thread::Builder::new().name(format!("write-{index}")).spawn(write)?;
        }
        let (mut framer, source, initial, shared) =
            (self.framer, self.source, self.initial, self.shared);
        let read = move || {
            let mut end = plumbing.read_all(source, &initial, &mut framer, &outlets, &shared);
            while let (InputEnd::Ended, Some(sources)) = (&end, &sources) {
                shared.meter.enter(Phase::Input);
                tell(RelayEvent::SourceEnded);
                let Ok((source, initial)) = sources.recv() else { break };
                end = plumbing.read_all(source, &initial, &mut framer, &outlets, &shared);
            }
            shared.meter.enter(Phase::Output); // what is left is for the outputs to take
            drop(outlets);
            tell(RelayEvent::InputEnd(end));
        };
        thread::Builder::new().name("read".to_owned()).spawn(read).map(drop)
    }
}

/// How a thread reads or writes its pipe.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Plumbing {
    Plain,
    #[cfg(target_os = "linux")]
    Ring,
}

impl Plumbing {
    fn read_all<C: LineCheck>(
        self,
        source: Arc<File>,
        initial: &[u8],
        framer: &mut Framer<C>,
        outlets: &[Sender<Batch>],
        shared: &Shared,
    ) -> InputEnd {
        #[cfg(target_os = "linux")]
        if let (Self::Ring, Ok(source)) = (self, uring::RingFile::new(Arc::clone(&source))) {
            return pump::read_all(source, initial, framer, outlets, shared);
        }
        pump::read_all(portable::SharedFile(source), initial, framer, outlets, shared)
    }

    fn write_all(
        self,
        sink: &Arc<File>,
        queue: &mut Queue,
        shared: &Shared,
        index: usize,
    ) -> OutputEnd {
        #[cfg(target_os = "linux")]
        if let (Self::Ring, Ok(sink)) = (self, uring::RingFile::new(Arc::clone(sink))) {
            return pump::write_all(sink, queue, shared, index);
        }
        pump::write_all(portable::SharedFile(Arc::clone(sink)), queue, shared, index)
    }
}
