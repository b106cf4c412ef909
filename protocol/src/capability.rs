//! The optional parts of the protocol.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An optional part of the protocol. DStream asks for it among the `features` of the command line, and
/// a provider announces it among the `capabilities` of its ready line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Capability {
    /// Checkpoints and their acknowledgements (P-44).
    Checkpoint,
    /// An output returns single lines that it cannot write (P-53).
    Reject,
}

impl Capability {
    const ALL: [Self; 2] = [Self::Checkpoint, Self::Reject];

    /// The word for it in the protocol.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Checkpoint => "checkpoint",
            Self::Reject => "reject",
        }
    }
}

/// A set of capabilities. As JSON it is a list of their words. Words that this version does not know
/// are ignored when it is read, and so is anything that is no list of words.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Capabilities(u8);

impl Capabilities {
    /// None at all.
    pub const NONE: Self = Self(0);

    /// The same set and this one.
    #[must_use]
    pub const fn with(self, capability: Capability) -> Self {
        Self(self.0 | 1 << capability as u8)
    }

    /// The same set, and this one if `condition` holds.
    #[must_use]
    pub const fn with_if(self, condition: bool, capability: Capability) -> Self {
        if condition { self.with(capability) } else { self }
    }

    /// Whether this one is in the set.
    pub const fn has(self, capability: Capability) -> bool {
        self.0 & 1 << capability as u8 != 0
    }

    /// Whether the set is empty.
    pub const fn is_empty(&self) -> bool {
        self.0 == 0
    }
}

impl Serialize for Capabilities {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let own = Capability::ALL.into_iter().filter(|capability| self.has(*capability));
        serializer.collect_seq(own.map(Capability::as_str))
    }
}

impl<'de> Deserialize<'de> for Capabilities {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let words = serde_json::Value::deserialize(deserializer)?;
        let is_named = |capability: &Capability| {
            words
                .as_array()
                .is_some_and(|words| words.iter().any(|word| word == capability.as_str()))
        };
        Ok(Capability::ALL.into_iter().filter(is_named).fold(Self::NONE, Self::with))
    }
}
