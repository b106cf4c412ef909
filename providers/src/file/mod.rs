//! `file`: lines of files as a stream, and a stream as files. Two providers of one name.

mod input;

pub(crate) use input::FileInput;
