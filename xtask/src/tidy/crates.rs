//! What each crate must build without.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::process::Command;

use serde::Deserialize;

use crate::root;

/// What a crate must be able to do without. Names may end in `*`.
struct Fence {
    package: &'static str,
    rule: Rule,
    why: &'static str,
}

enum Rule {
    /// It depends on these directly and on nothing else.
    Only(&'static [&'static str]),
    /// None of these is among its dependencies, whether direct or not.
    Without(&'static [&'static [&'static str]]),
}

use Rule::{Only, Without};

const HCL: &[&str] = &["hcl-*"];
const JSON: &[&str] = &["serde_json", "simd-json"];
const HTTP: &[&str] = &["reqwest", "hyper", "hyper-*", "oci-client"];
const ENGINE: &[&str] = &["dstream-engine"];
const CONFIG: &[&str] = &["dstream-config"];
const REGISTRY: &[&str] = &["dstream-registry"];
const TASK: &[&str] = &["dstream-task"];
/// Any crate of this workspace.
const OURS: &[&str] = &["dstream-*"];

const FENCES: &[Fence] = &[
    Fence {
        package: "dstream-protocol",
        rule: Only(&["serde", "serde_json"]),
        why: "engine, SDK and test kits in any program share it",
    },
    Fence {
        package: "dstream-relay",
        rule: Without(&[OURS, HCL, JSON, HTTP]),
        why: "it moves bytes, and knows neither what they mean nor which process sends them",
    },
    Fence {
        package: "dstream-task",
        rule: Without(&[ENGINE, HCL, HTTP]),
        why: "it holds plain values: config makes them, registry prepares them, engine runs them",
    },
    Fence {
        package: "dstream-engine",
        rule: Without(&[CONFIG, REGISTRY, HCL, HTTP]),
        why: "it runs tasks, wherever they come from, with programs that are on this machine",
    },
    Fence {
        package: "dstream-config",
        rule: Without(&[ENGINE, REGISTRY, HTTP]),
        why: "it makes tasks of text, without a process or the network",
    },
    Fence {
        package: "dstream-template",
        rule: Without(&[OURS, HCL, HTTP]),
        why: "it can be used without DStream",
    },
    Fence {
        package: "dstream-registry",
        rule: Without(&[ENGINE, TASK, CONFIG]),
        why: "it fetches and checks programs, and starts none",
    },
    Fence {
        package: "dstream-builtin",
        rule: Without(&[ENGINE, CONFIG, REGISTRY, HCL, HTTP]),
        why: "its providers are written on the SDK, as anyone's are",
    },
    Fence {
        package: "dstream-sdk",
        rule: Without(&[ENGINE, TASK, CONFIG, REGISTRY, HCL, HTTP]),
        why: "providers are built on it",
    },
];

/// Checks all fences.
pub(super) fn check(broken: &mut Vec<String>) -> Result<(), String> {
    let metadata = cargo(&["metadata", "--format-version", "1"])?;
    let metadata = serde_json::from_str(&metadata).map_err(|error| error.to_string())?;
    let graph = Graph::of(metadata);
    broken.extend(FENCES.iter().filter_map(|fence| graph.breach(fence)));
    Ok(())
}

/// Which crate depends on which, in normal builds.
struct Graph(BTreeMap<String, BTreeSet<String>>);

impl Graph {
    fn of(metadata: Metadata) -> Self {
        let names: HashMap<String, String> =
            metadata.packages.into_iter().map(|package| (package.id, package.name)).collect();
        let name = |id: &str| names.get(id).cloned().unwrap_or_default();
        let mut graph: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for node in metadata.resolve.nodes {
            let normal =
                node.deps.iter().filter(|dep| dep.dep_kinds.iter().any(|of| of.kind.is_none()));
            graph.entry(name(&node.id)).or_default().extend(normal.map(|dep| name(&dep.pkg)));
        }
        Self(graph)
    }

    /// What is wrong with a crate, in words.
    fn breach(&self, fence: &Fence) -> Option<String> {
        let Fence { package, rule, why } = fence;
        let Some(direct) = self.0.get(*package) else {
            return Some(format!("there is no crate `{package}`: mend `xtask/src/tidy/crates.rs`"));
        };
        let path = match rule {
            Only(allowed) => {
                let other = direct.iter().find(|name| !matches(name, allowed))?;
                vec![*package, other]
            }
            Without(forbidden) => {
                self.path(package, |name| forbidden.iter().any(|names| matches(name, names)))?
            }
        };
        Some(format!("{} must not be: {why}", path.join(" → ")))
    }

    /// The shortest way from a crate to a dependency of that kind.
    fn path(&self, from: &'static str, is_forbidden: impl Fn(&str) -> bool) -> Option<Vec<&str>> {
        let mut parents: HashMap<&str, &str> = HashMap::new();
        let mut queue = VecDeque::from([from]);
        while let Some(name) = queue.pop_front() {
            for next in self.0.get(name).into_iter().flatten().map(String::as_str) {
                if next == from || parents.contains_key(next) {
                    continue;
                }
                parents.insert(next, name);
                if is_forbidden(next) {
                    let mut path: Vec<&str> =
                        std::iter::successors(Some(next), |name| parents.get(name).copied())
                            .collect();
                    path.reverse();
                    return Some(path);
                }
                queue.push_back(next);
            }
        }
        None
    }
}

fn matches(name: &str, patterns: &[&str]) -> bool {
    patterns.iter().any(|pattern| match pattern.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix),
        None => name == *pattern,
    })
}

fn cargo(arguments: &[&str]) -> Result<String, String> {
    let output = Command::new("cargo").args(arguments).current_dir(root()).output();
    let output = output.map_err(|error| format!("cannot run cargo: {error}"))?;
    if !output.status.success() {
        let why = String::from_utf8_lossy(&output.stderr);
        return Err(format!("cargo {}: {}", arguments.join(" "), why.trim()));
    }
    String::from_utf8(output.stdout).map_err(|error| error.to_string())
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    pkg: String,
    dep_kinds: Vec<DependencyKind>,
}

/// `None` for a normal dependency, else `dev` or `build`.
#[derive(Deserialize)]
struct DependencyKind {
    kind: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `package: dependency dependency`, a line each. `~` marks one that only tests or build scripts have.
    fn graph(text: &str) -> Graph {
        let packages = text.split([' ', ':', '\n']).map(|name| name.trim_start_matches('~'));
        let packages: BTreeSet<&str> = packages.filter(|name| !name.is_empty()).collect();
        let nodes = packages.iter().map(|package| {
            let line = text.lines().find_map(|line| line.strip_prefix(&format!("{package}:")));
            let deps = line.unwrap_or_default().split_whitespace().map(|word| {
                let name = word.trim_start_matches('~');
                let kind = (name != word).then_some("dev");
                serde_json::json!({ "pkg": format!("id of {name}"), "dep_kinds": [{ "kind": kind }] })
            });
            serde_json::json!({ "id": format!("id of {package}"), "deps": deps.collect::<Vec<_>>() })
        });
        let metadata = serde_json::json!({
            "packages": packages.iter().map(|name| serde_json::json!({ "id": format!("id of {name}"), "name": name })).collect::<Vec<_>>(),
            "resolve": { "nodes": nodes.collect::<Vec<_>>() },
        });
        Graph::of(serde_json::from_value(metadata).unwrap())
    }

    fn breach(rule: Rule, text: &str) -> Option<String> {
        graph(text).breach(&Fence { package: "a", rule, why: "so" })
    }

    #[test]
    fn a_forbidden_dependency_is_found_however_deep() {
        let without = || Without(&[HCL, OURS]);
        assert_eq!(breach(without(), "a: b c\nb: d\nd: b"), None);
        assert_eq!(breach(without(), "a: b ~dstream-x\nb: ~hcl-rs"), None);
        assert_eq!(
            breach(without(), "a: b c\nb: c\nc: hcl-rs").unwrap(),
            "a → c → hcl-rs must not be: so"
        );
        assert_eq!(breach(without(), "a: dstream-x").unwrap(), "a → dstream-x must not be: so");
    }

    #[test]
    fn only_counts_what_a_crate_names_itself() {
        let only = || Only(&["serde"]);
        assert_eq!(breach(only(), "a: serde ~b\nserde: syn"), None);
        assert_eq!(breach(only(), "a: serde b").unwrap(), "a → b must not be: so");
    }

    #[test]
    fn a_fence_around_nothing_is_no_fence() {
        assert!(breach(Without(&[HCL]), "b: c").unwrap().starts_with("there is no crate `a`"));
    }
}
