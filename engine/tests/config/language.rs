//! The language, feature by feature.
