//! Imports of files from each other, read from their `use` declarations.

use std::collections::{BTreeMap, BTreeSet};

/// A module, by its path from the crate.
type Module = Vec<String>;

fn module_of(file: &str) -> Module {
    let mut path: Module = file.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
    path.pop_if(|last| last == "mod" || last == "lib");
    path
}

/// Where each name is defined.
fn definitions(sources: &[(String, String)]) -> BTreeMap<String, Vec<Module>> {
    let keywords = ["fn", "struct", "enum", "trait", "type", "const", "static"];
    let before = ["pub", "pub(crate)", "pub(super)", "async", "const"];
    let mut definitions: BTreeMap<String, Vec<Module>> = BTreeMap::new();
    for (file, code) in sources {
        for line in code.lines().filter(|line| !line.starts_with(' ')) {
            let mut words = line.split(' ').skip_while(|word| before.contains(word) && !line.starts_with("const "));
            if words.next().is_some_and(|word| keywords.contains(&word))
                && let Some(name) = words.next().and_then(|rest| rest.split(|c: char| !c.is_alphanumeric() && c != '_').next())
            {
                definitions.entry(name.to_owned()).or_default().push(module_of(file));
            }
        }
    }
    definitions
}

/// The paths of a tree of imports.
fn paths(prefix: &[String], tree: &str) -> Vec<Module> {
    let (mut paths_of_it, mut depth, mut start) = (Vec::new(), 0_usize, 0);
    let ends = tree.char_indices().chain([(tree.len(), ',')]);
    for (at, c) in ends {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                paths_of_it.extend(path(prefix, tree[start..at].trim()));
                start = (at + 1).min(tree.len());
            }
            _ => {}
        }
    }
    paths_of_it
}

fn path(prefix: &[String], part: &str) -> Vec<Module> {
    let (path, inner) = part.split_once('{').map_or((part, None), |(path, inner)| (path, inner.strip_suffix('}')));
    let path = path.split(" as ").next().unwrap();
    let mut whole = prefix.to_vec();
    whole.extend(path.split("::").filter(|name| !name.is_empty()).map(str::to_owned));
    match inner {
        Some(inner) => paths(&whole, inner),
        None if path.is_empty() => Vec::new(),
        None => vec![whole],
    }
}

/// The module that has what a path of a module's import names.
fn target(own: &Module, path: Module, modules: &BTreeSet<Module>, definitions: &BTreeMap<String, Vec<Module>>) -> Option<Module> {
    let mut names = path.into_iter().peekable();
    let mut base = match names.peek()?.as_str() {
        "crate" => Vec::new(),
        "self" | "super" => own.clone(),
        _ => return None,
    };
    while let Some(name) = names.next_if(|name| ["crate", "self", "super"].contains(&name.as_str())) {
        if name == "super" {
            base.pop();
        }
    }
    while let Some(name) = names.next_if(|name| modules.contains(&[&base[..], std::slice::from_ref(name)].concat())) {
        base.push(name);
    }
    let Some(name) = names.next() else { return Some(base) };
    let inside = definitions.get(&name)?.iter().filter(|module| module.starts_with(&base));
    inside.min_by_key(|module| module.len()).cloned()
}

/// The modules whose definitions a file imports. Names that it hands on (`pub use`) are not counted.
fn imports(file: &str, code: &str, modules: &BTreeSet<Module>, definitions: &BTreeMap<String, Vec<Module>>) -> BTreeSet<Module> {
    let own = module_of(file);
    let mut found = BTreeSet::new();
    let code = code.split("#[cfg(test)]\nmod tests").next().unwrap();
    for (_, tree) in code
        .split(';')
        .filter_map(|item| item.trim_start().split_once("use "))
        .filter(|(before, _)| before.lines().all(|line| line.is_empty() || line.starts_with("#[")))
    {
        for path in paths(&[], &tree.split_whitespace().collect::<Vec<_>>().join(" ")) {
            let target = target(&own, path, modules, definitions);
            found.extend(target.filter(|target| *target != own && modules.contains(target)));
        }
    }
    found
}

/// The circles of files that import each other, each sorted.
pub(super) fn circles(sources: &[(String, String)]) -> BTreeSet<BTreeSet<String>> {
    let modules: BTreeSet<_> = sources.iter().map(|(file, _)| module_of(file)).collect();
    let definitions = definitions(sources);
    let edges: BTreeMap<Module, BTreeSet<Module>> =
        sources.iter().map(|(file, code)| (module_of(file), imports(file, code, &modules, &definitions))).collect();
    let reached_from = |start: &Module| {
        let (mut reached, mut left) = (BTreeSet::new(), vec![start.clone()]);
        while let Some(module) = left.pop() {
            left.extend(edges[&module].iter().filter(|next| reached.insert((*next).clone())).cloned());
        }
        reached
    };
    let reached: BTreeMap<_, _> = modules.iter().map(|module| (module, reached_from(module))).collect();
    let circle = |module: &Module| -> BTreeSet<String> {
        let same = modules.iter().filter(|other| reached[module].contains(*other) && reached[other].contains(module));
        same.map(|module| module.join("/")).collect()
    };
    modules.iter().map(circle).filter(|circle| circle.len() > 1).collect()
}
