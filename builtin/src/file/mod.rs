//! `file`: lines of files as a stream, and a stream as files. Two providers of one name.

mod input;
mod output;
mod tail;

pub(crate) use input::FileInput;
pub(crate) use output::FileOutput;
