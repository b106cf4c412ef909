//! Finding a value in a list whatever both are: each is read once, however many items there are.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

use super::{List, Object, Value};

/// Nodes of a value up to which comparing it with each item is quicker, and bounded as well.
const FEW_NODES: usize = 64;

impl List<'_> {
    /// Whether an item is equal to `wanted`.
    pub fn contains(&self, wanted: &Value<'_>) -> bool {
        if !wanted.has_more_nodes_than(FEW_NODES) {
            return self.iter().any(|item| item == *wanted);
        }
        // To compare means to go over a wide object once an item, of which a line may have a lot.
        // What is equal has the same fingerprint; of what is not, a line cannot choose it, since
        // nobody knows the seed.
        let seed = RandomState::new();
        let fingerprint = wanted.fingerprint(&seed);
        self.iter().any(|item| item.fingerprint(&seed) == fingerprint && item == *wanted)
    }
}

impl Value<'_> {
    /// A number that equal values have in common.
    fn fingerprint(&self, seed: &RandomState) -> u64 {
        match self {
            Self::Null => 0,
            Self::Bool(bool) => seed.hash_one(bool),
            // By value: 1 is 1.0, and 0.0 is -0.0.
            Self::Number(number) => seed.hash_one((number.as_f64() + 0.0).to_bits()),
            Self::Text(text) => seed.hash_one(text),
            Self::List(list) => {
                list.iter().fold(1, |before, item| seed.hash_one((before, item.fingerprint(seed))))
            }
            Self::Object(object) => object.fingerprint(seed),
        }
    }
}

impl Object<'_> {
    /// In whatever order the keys stand.
    fn fingerprint(&self, seed: &RandomState) -> u64 {
        let mut sum = 2_u64;
        self.for_each_last(|key, value| {
            sum = sum.wrapping_add(seed.hash_one((key, value.fingerprint(seed))));
        });
        sum
    }
}
