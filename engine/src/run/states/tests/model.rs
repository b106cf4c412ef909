//! Whatever happens in whatever order: every run ends, and says what became of every line.
//!
//! The states are the engine's own; around them is a model of processes, pipes and the relay
//! (`world`), in which one thing happens after the other, by chance: a process takes its command,
//! speaks, reads, writes, dies, leaves somebody behind who holds its pipes; a timer is due; somebody
//! sends a signal. After some steps a signal is sent in any case, and then the run must end. What must
//! hold:
//!
//! - every run ends, and every process that was started is reaped;
//! - no signal goes to a process group that has been reaped;
//! - a process fails at most once, and one that dies by itself with a status other than 0 does fail;
//! - every line that the relay has taken was read by an output, is reported as lost, or counts as not
//!   written.

use proptest::prelude::*;

use super::super::*;
use super::world::{Setup, World};

/// Steps of the end; a run that takes more does not end.
const STEPS_MAX: usize = 20_000;

fn setups() -> impl Strategy<Value = Setup> {
    let of_run = (1..4_usize, any::<bool>(), prop::bool::weighted(0.2), prop::bool::weighted(0.1));
    (of_run, any::<[bool; 4]>(), any::<[bool; 4]>()).prop_map(|(of_run, restarts, required)| {
        let (outputs, keeps_checkpoints, is_stubborn, is_reader_blocked) = of_run;
        Setup { outputs, restarts, keeps_checkpoints, is_stubborn, is_reader_blocked, required }
    })
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        cases: 2_000,
        ..Default::default()
    })]

    #[test]
    fn every_run_ends_and_says_what_became_of_every_line(
        setup in setups(),
        choices in prop::collection::vec(any::<u16>(), 0..300),
        seed in any::<u64>(),
    ) {
        let mut world = World::new(setup, seed);
        world.step(Event::Begin);
        for choice in choices {
            if !world.is_done() {
                world.happens(choice);
            }
        }
        if !world.is_done() {
            world.step(Event::Stop(StopSignal::Terminate));
        }
        let mut steps = 0;
        while !world.is_done() {
            prop_assert!(steps < STEPS_MAX, "it does not end: {world:?}");
            steps += 1;
            world.goes_on();
        }
        world.check_end();
    }
}
