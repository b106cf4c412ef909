//! The providers that DStream ships.
