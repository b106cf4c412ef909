//! An allocator that counts. It is for a whole binary, so a test that uses it has one of its own.

#![expect(unsafe_code, reason = "an allocator is unsafe to be; this one hands everything on")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

/// The system's allocator. Counts what is asked of it, by any thread.
pub(crate) struct Counting {
    calls: AtomicU64,
    bytes: AtomicU64,
}

impl Counting {
    pub(crate) const fn new() -> Self {
        Self { calls: AtomicU64::new(0), bytes: AtomicU64::new(0) }
    }

    /// How often memory was allocated or moved so far, and how many bytes were asked for.
    pub(crate) fn count(&self) -> (u64, u64) {
        (self.calls.load(SeqCst), self.bytes.load(SeqCst))
    }

    fn add(&self, bytes: usize) {
        self.calls.fetch_add(1, SeqCst);
        self.bytes.fetch_add(bytes as u64, SeqCst);
    }
}

// SAFETY: every call goes to the system's allocator as it is, and counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.add(layout.size());
        // SAFETY: the caller's promise is handed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        self.add(layout.size());
        // SAFETY: the caller's promise is handed on.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is handed on.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        self.add(bytes);
        // SAFETY: the caller's promise is handed on.
        unsafe { System.realloc(memory, layout, bytes) }
    }
}
