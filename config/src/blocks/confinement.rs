//! `limits { … }`, `no_new_privs` and `sandbox { … }`: what a provider may use and reach.

use std::path::PathBuf;

use super::declared::{Fields, ProviderDeclaration};
use super::task::TaskReader;
use crate::limits::{
    MEMORY_BYTES_MAX, MEMORY_BYTES_MIN, OPEN_FILES_MIN, RESOURCE_MAX, RESOURCE_MIN,
    SANDBOX_PATHS_MAX,
};
use crate::values::evaluate::span_of;
use crate::values::value::Data;
use dstream_task::{Confinement, ResourceLimits, Sandbox};

impl TaskReader<'_> {
    /// What a block confines its provider to; nothing if any of it is wrong: a provider is not
    /// started with half of its confinement.
    pub(super) fn confinement(&self, declared: &ProviderDeclaration) -> Option<Confinement> {
        let limits = declared
            .limits
            .as_ref()
            .map_or(Some(ResourceLimits::default()), |fields| self.resource_limits(fields));
        let sandbox = match &declared.sandbox {
            Some(fields) => self.sandbox(fields).map(Some),
            None => Some(None),
        };
        let no_new_privs = self.given(&declared.fields, "no_new_privs", |name| {
            self.values.flag(&declared.fields, name)
        })?;
        if let (Some(false), Some(_), Some(attribute)) =
            (no_new_privs, &declared.sandbox, declared.fields.get("no_new_privs"))
        {
            let message = "a `sandbox` requires `no_new_privs`";
            let help = "leave `no_new_privs` out: the sandbox sets it";
            self.values.fail_with(&span_of(&attribute.value), message, Some(help.to_owned()));
            return None;
        }
        let sandbox = sandbox?;
        Some(Confinement {
            limits: limits?,
            no_new_privs: no_new_privs.unwrap_or(false) || sandbox.is_some(),
            sandbox,
        })
    }

    fn resource_limits(&self, fields: &Fields) -> Option<ResourceLimits> {
        let values = &self.values;
        let bytes = |name: &str| {
            let bytes = values.size(fields, name, (MEMORY_BYTES_MIN, MEMORY_BYTES_MAX))?;
            u64::try_from(bytes).ok()
        };
        let memory_bytes = self.given(fields, "memory", bytes);
        let count = |name, min| {
            self.given(fields, name, |name| values.count(fields, name, (min, RESOURCE_MAX)))
        };
        let open_files = count("open_files", OPEN_FILES_MIN);
        let cpu_seconds = count("cpu_seconds", RESOURCE_MIN);
        let processes = count("processes", RESOURCE_MIN);
        Some(ResourceLimits {
            memory_bytes: memory_bytes?,
            open_files: open_files?,
            cpu_seconds: cpu_seconds?,
            processes: processes?,
        })
    }

    fn sandbox(&self, fields: &Fields) -> Option<Sandbox> {
        let read = self.paths(fields, "read");
        let write = self.paths(fields, "write");
        let network = self.given(fields, "network", |name| self.values.flag(fields, name));
        Some(Sandbox { read: read?, write: write?, network: network?.unwrap_or(false) })
    }

    /// `Some(None)` where an attribute is absent, `None` where it is wrong.
    fn given<T>(
        &self,
        fields: &Fields,
        name: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Option<Option<T>> {
        if fields.get(name).is_none() { Some(None) } else { read(name).map(Some) }
    }

    /// A list of paths, relative to the HCL file's folder. Whether they are there is only known
    /// where the provider is started.
    fn paths(&self, fields: &Fields, name: &str) -> Option<Vec<PathBuf>> {
        let Some(attribute) = fields.get(name) else { return Some(Vec::new()) };
        let values = &self.values;
        let span = span_of(&attribute.value);
        let value = values.value(&attribute.value).ok()?;
        values.note_secrets(&value);
        let kind = value.kind();
        let help = || Some(format!("write it like {name} = [\"./data\"]"));
        let Data::List(items) = value.data else {
            let message = format!("`{name}` must be a list of paths, not {kind}");
            values.fail_with(&span, message, help());
            return None;
        };
        if items.len() > SANDBOX_PATHS_MAX {
            let message = format!("`{name}` has at most {SANDBOX_PATHS_MAX} paths");
            values.fail_with(&span, message, Some("name a folder above them".to_owned()));
            return None;
        }
        let mut paths = Vec::with_capacity(items.len());
        for item in &items {
            let problem = match &item.data {
                Data::String(path) if path.is_empty() => {
                    format!("a path in `{name}` is empty; the folder of this file is \".\"")
                }
                Data::String(path) if path.contains('\0') => {
                    "a path must not contain a NUL character".into()
                }
                Data::String(path) => {
                    paths.push(self.surroundings.base_dir.join(path));
                    continue;
                }
                _ => format!("a path in `{name}` must be a string, not {}", item.kind()),
            };
            values.fail_with(&span, problem, help());
        }
        (paths.len() == items.len()).then_some(paths)
    }
}
