//! What may stand in each kind of block: the language's structure as a table.

/// What may stand in a kind of block.
pub(super) struct Shape {
    /// How messages call it.
    pub(super) title: &'static str,
    pub(super) attributes: &'static [&'static str],
    pub(super) blocks: &'static [&'static str],
    /// For what is not known here and resembles nothing.
    pub(super) hint: Option<&'static str>,
}

pub(super) const FILE: Shape = Shape {
    title: "a configuration file",
    attributes: &[],
    blocks: &["dstream", "variable", "locals", "task"],
    hint: None,
};
pub(super) const SETTINGS: Shape = Shape {
    title: "the `dstream` block",
    attributes: &[
        "required_version",
        "registry",
        "mirror",
        "insecure_registries",
        "ca_file",
        "state",
    ],
    blocks: &["trust"],
    hint: None,
};
pub(super) const TRUST: Shape =
    Shape { title: "a `trust` block", attributes: &["public_key"], blocks: &[], hint: None };
pub(super) const VARIABLE: Shape = Shape {
    title: "a `variable` block",
    attributes: &["default", "type", "description", "sensitive"],
    blocks: &[],
    hint: None,
};
pub(super) const TASK: Shape = Shape {
    title: "a `task` block",
    attributes: &["type"],
    blocks: &["input", "output", "stream"],
    hint: None,
};
pub(super) const INPUT: Shape = Shape { title: "an `input` block", ..OUTPUT };
pub(super) const OUTPUT: Shape = Shape {
    title: "an `output` block",
    attributes: &[
        "provider",
        "provider_path",
        "provider_ref",
        "config",
        "env",
        "config_format",
        "handshake",
        "no_new_privs",
        "startup_timeout",
        "shutdown_timeout",
        "stall_timeout",
    ],
    blocks: &["config", "limits", "restart", "sandbox"],
    hint: Some("the provider's own settings go into its `config { … }` block"),
};
pub(super) const RESTART: Shape = Shape {
    title: "a `restart` block",
    attributes: &["policy", "max_attempts", "backoff_min", "backoff_max", "window"],
    blocks: &[],
    hint: None,
};
pub(super) const LIMITS: Shape = Shape {
    title: "a `limits` block",
    attributes: &["memory", "open_files", "cpu_seconds", "processes"],
    blocks: &[],
    hint: None,
};
pub(super) const SANDBOX: Shape = Shape {
    title: "a `sandbox` block",
    attributes: &["read", "write", "network"],
    blocks: &[],
    hint: None,
};
pub(super) const STREAM: Shape = Shape {
    title: "a `stream` block",
    attributes: &[
        "delivery",
        "checkpoint_interval",
        "validate",
        "filter",
        "on_invalid",
        "dead_letter",
        "dead_letter_size",
        "dead_letter_files",
        "max_line",
        "buffer",
        "transport",
    ],
    blocks: &[],
    hint: None,
};

/// The attributes that say where a provider comes from; one of them stands in each block.
pub(crate) const PROVIDER_KINDS: [&str; 3] = ["provider", "provider_path", "provider_ref"];
