//! The progress of a fetch.

/// Is notified of the progress of a fetch, by the thread that fetches.
pub trait FetchObserver: Send + Sync {
    /// Another process fetches the same; its end is waited for.
    fn waiting(&self, _reference: &str) {}
    /// An executable is being downloaded: its size, and how much of it is there already.
    fn started(&self, _reference: &str, _total_bytes: u64, _have_bytes: u64) {}
    /// So many more bytes are there.
    fn advanced(&self, _bytes: u64) {}
    /// What has come so far is of no use: from the beginning.
    fn restarted(&self) {}
    /// The download is over, however it ended.
    fn finished(&self) {}
}
