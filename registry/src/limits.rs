//! Every limit of what is fetched: number, unit, reason, and what happens when it is hit.

use std::time::Duration;

/// How long a connection to a registry may take to come about.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Redirects that are followed for one request. Registries send blobs from elsewhere, one hop.
pub(crate) const REDIRECTS_MAX: usize = 5;

/// Further attempts at one request; each part of a blob that has come starts the count anew.
pub(crate) const RETRIES_MAX: u32 = 5;

/// The longest wait before the first further attempt; it doubles with each.
pub(crate) const RETRY_BASE: Duration = Duration::from_millis(200);

/// The longest wait between attempts that nobody asked for.
pub(crate) const RETRY_PAUSE_MAX: Duration = Duration::from_secs(5);

/// The longest `Retry-After` that is waited for; a longer one is an error that says so.
pub(crate) const RETRY_AFTER_MAX: Duration = Duration::from_secs(60);

/// Bytes of a manifest, of an index and of a list of referrers: what registries accept.
pub(crate) const MANIFEST_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Bytes of a token service's answer. Real ones have a few thousand.
pub(crate) const TOKEN_BODY_BYTES_MAX: u64 = 256 * 1024;

/// Bytes of an error's body that are looked at.
pub(crate) const ERROR_BODY_BYTES_MAX: u64 = 64 * 1024;

/// Bytes of a provider.json.
pub(crate) const METADATA_BYTES_MAX: u64 = 1024 * 1024;

/// Bytes of one blob, and of the executable unpacked from it: an executable beyond it is none.
pub(crate) const EXECUTABLE_BYTES_MAX: u64 = 4 * 1024 * 1024 * 1024;

/// Bytes a blob has to bring in the time of a stall, or it counts as stalled: a server that
/// sends a byte now and then is not sending.
pub(crate) const BLOB_BYTES_PER_STALL_MIN: u64 = 1024;

/// The slowest upload that is waited for.
pub(crate) const UPLOAD_BYTES_PER_S_MIN: u64 = 32 * 1024;

/// How long ago a file must have been changed for its times to show a further change. File systems
/// and kernels keep times in ticks of up to two seconds.
pub(crate) const RACILY_CLEAN: Duration = Duration::from_secs(2);

/// Signatures of one manifest that are looked at.
pub(crate) const SIGNATURES_MAX: usize = 50;

/// Bytes of a signed text. Real ones have some three hundred.
pub(crate) const SIGNED_BYTES_MAX: u64 = 64 * 1024;

/// Bytes of a lock file: hundreds of thousands of references.
pub(crate) const LOCK_FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Layers of a manifest, and manifests of an index, that are looked at.
pub(crate) const DESCRIPTORS_MAX: usize = 1000;

/// Entries of an archive that holds a provider, headers included. More is an error: it would
/// be a whole system's files, read to the end for one of them.
pub(crate) const ARCHIVE_ENTRIES_MAX: usize = 1024;

/// Bytes of a pax header or a long name in such an archive, which are kept in memory. A longer
/// one is an error. What is that long are attributes of macOS.
pub(crate) const ARCHIVE_HEADER_BYTES_MAX: u64 = 1024 * 1024;

/// Names of an archive's files that an error lists; of the rest it says how many they are.
pub(crate) const ARCHIVE_NAMES_SHOWN_MAX: usize = 10;

/// Largest window of a zstd frame, as a power of two: 128 MiB, which is what the `zstd` program
/// accepts by default, and what its highest level makes. Bounds the memory
/// of unpacking; a larger one is an error.
pub(crate) const ZSTD_WINDOW_LOG_MAX: u32 = 27;

/// Bytes of an image layout's `index.json`, which is read whole. Room for some 40 000 entries;
/// a larger one is an error.
pub(crate) const LAYOUT_INDEX_BYTES_MAX: u64 = 16 * 1024 * 1024;
