//! Which anomalies a history of transactions shows that read lists and append to them.
//!
//! Every append writes a list that nobody else writes: what was read before, and a new element. A list therefore tells which
//! versions of its key came before it, and its last element who wrote it. From that follow the dependencies between transactions:
//! ww to whoever replaced a version, wr to whoever read it, rw from whoever read it to whoever replaced it. A cycle of them is an
//! anomaly, and has the name that Adya gave it ("Weak Consistency", 1999); G-nonadjacent is a cycle without two rw in a row,
//! which a snapshot forbids.
//!
//! What is claimed is so: where the order of two versions cannot be told, none is assumed.

use std::collections::{BTreeMap, BTreeSet, HashMap};

pub(crate) type Key = u32;
pub(crate) type List = Vec<u32>;

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Step {
    Read(Key, List),
    Write(Key, List),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Committed,
    Aborted,
    /// Committed if somebody has seen it.
    Unknown,
}

#[derive(Clone, Debug)]
pub(crate) struct Transaction {
    pub steps: Vec<Step>,
    pub outcome: Outcome,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Anomaly {
    /// A list was read that nobody wrote.
    Unwritten,
    /// A transaction did not see what it wrote itself.
    Internal,
    /// Writes in a cycle.
    G0,
    /// What was rolled back was read.
    G1a,
    /// What was not the last was read.
    G1b,
    /// Writes and reads in a cycle.
    G1c,
    /// A cycle with one rw: a lost update, or two reads of two moments.
    GSingle,
    /// A cycle without two rw in a row.
    GNonadjacent,
    /// Any other cycle, such as write skew.
    G2Item,
}

/// Each anomaly that was found, with an example.
pub(crate) type Found = BTreeMap<Anomaly, String>;

const WW: u8 = 1;
const WR: u8 = 2;
const RW: u8 = 4;

/// A version of a key, by its last element; none of its first, empty one.
type Version = (Key, Option<u32>);

struct Written<'a> {
    by: usize,
    list: &'a List,
    is_last: bool,
}

impl Step {
    fn parts(&self) -> (Key, &List) {
        match self {
            Self::Read(key, list) | Self::Write(key, list) => (*key, list),
        }
    }
}

/// The anomalies of a history.
pub(crate) fn check(history: &[Transaction]) -> Found {
    let written = written(history);
    let committed = committed(history, &written);
    let mut found = Found::new();
    for reader in (0..history.len()).filter(|reader| committed[*reader]) {
        look_at_reads(history, &written, reader, &mut found);
    }
    let edges = edges(history, &written, &committed, &mut found);
    for cycle in components(&(0..history.len()).collect::<Vec<_>>(), |node| edges.from(node, WW | WR | RW)) {
        let text = cycle.iter().take(8).map(|node| format!("\n  {node}: {:?}", history[*node])).collect::<String>();
        found.entry(edges.name(&cycle)).or_insert(format!("{} transactions{text}", cycle.len()));
    }
    found
}

fn written(history: &[Transaction]) -> HashMap<Version, Written<'_>> {
    let mut written = HashMap::new();
    for (by, transaction) in history.iter().enumerate() {
        let mut last = BTreeMap::new();
        for step in &transaction.steps {
            if let Step::Write(key, list) = step {
                let version = (*key, list.last().copied());
                let earlier = written.insert(version, Written { by, list, is_last: true });
                assert!(earlier.is_none() && !list.is_empty(), "an element was written twice, or none was");
                if let Some(replaced) = last.insert(*key, version) {
                    written.entry(replaced).and_modify(|written| written.is_last = false);
                }
            }
        }
    }
    written
}

/// Which transactions have committed: those that say so, and those of unknown outcome that one of the others has seen.
fn committed(history: &[Transaction], written: &HashMap<Version, Written<'_>>) -> Vec<bool> {
    let mut committed: Vec<_> = history.iter().map(|transaction| transaction.outcome == Outcome::Committed).collect();
    let mut left: Vec<_> = (0..history.len()).filter(|nth| committed[*nth]).collect();
    while let Some(reader) = left.pop() {
        for (key, list) in history[reader].steps.iter().map(Step::parts) {
            for by in list.iter().filter_map(|element| written.get(&(key, Some(*element)))).map(|written| written.by) {
                if history[by].outcome == Outcome::Unknown && !committed[by] {
                    committed[by] = true;
                    left.push(by);
                }
            }
        }
    }
    committed
}

/// What a transaction read that it should not have, whatever the order of things.
fn look_at_reads(history: &[Transaction], written: &HashMap<Version, Written<'_>>, reader: usize, found: &mut Found) {
    let mut own: BTreeMap<Key, &List> = BTreeMap::new();
    let mut note = |anomaly, step: &Step| {
        found.entry(anomaly).or_insert_with(|| format!("{reader}: {step:?}"));
    };
    for step in &history[reader].steps {
        let (key, list) = step.parts();
        if let Step::Write(..) = step {
            own.insert(key, list);
            continue;
        }
        if own.get(&key).is_some_and(|own| *own != list) {
            note(Anomaly::Internal, step);
        }
        for element in list {
            match written.get(&(key, Some(*element))) {
                Some(written) if written.by == reader || history[written.by].outcome != Outcome::Aborted => {}
                Some(_) => note(Anomaly::G1a, step),
                None => note(Anomaly::Unwritten, step),
            }
        }
        match list.last().and_then(|last| written.get(&(key, Some(*last)))) {
            Some(written) if written.list != list => note(Anomaly::Unwritten, step),
            Some(written) if !written.is_last && written.by != reader => note(Anomaly::G1b, step),
            _ => {}
        }
    }
}

struct Edges(Vec<BTreeMap<usize, u8>>);

/// The dependencies between those that have committed. Where two of them replaced one version, an update was lost, whichever came
/// first.
fn edges(history: &[Transaction], written: &HashMap<Version, Written<'_>>, committed: &[bool], found: &mut Found) -> Edges {
    let mut edges = Edges(vec![BTreeMap::new(); history.len()]);
    let steps = || {
        let committed = history.iter().enumerate().filter(|(nth, _)| committed[*nth]);
        committed.flat_map(|(nth, transaction)| transaction.steps.iter().map(move |step| (nth, step)))
    };
    let mut replaced: HashMap<Version, BTreeSet<usize>> = HashMap::new();
    for (by, step) in steps() {
        if let Step::Write(key, list) = step {
            let before = (*key, list.iter().rev().nth(1).copied());
            let by_all = replaced.entry(before).or_default();
            by_all.insert(by);
            if by_all.len() > 1 {
                found.entry(Anomaly::GSingle).or_insert(format!("{before:?} was replaced by {by_all:?}"));
            }
            written.get(&before).into_iter().for_each(|written| edges.add(written.by, by, WW));
        }
    }
    for (reader, step) in steps() {
        if let Step::Read(key, list) = step {
            let version = (*key, list.last().copied());
            written.get(&version).into_iter().for_each(|written| edges.add(written.by, reader, WR));
            replaced.get(&version).into_iter().flatten().for_each(|by| edges.add(reader, *by, RW));
        }
    }
    edges
}

impl Edges {
    fn add(&mut self, from: usize, to: usize, kind: u8) {
        if from != to {
            *self.0[from].entry(to).or_default() |= kind;
        }
    }

    fn from(&self, node: usize, kinds: u8) -> Vec<usize> {
        self.0[node].iter().filter(|(_, kind)| *kind & kinds != 0).map(|(to, _)| *to).collect()
    }

    /// The worst that a strongly connected component holds.
    fn name(&self, nodes: &[usize]) -> Anomaly {
        let inside: BTreeSet<_> = nodes.iter().copied().collect();
        let within = |nodes: Vec<usize>| nodes.into_iter().filter(|node| inside.contains(node)).collect::<Vec<_>>();
        let has_cycle = |next: &dyn Fn(usize) -> Vec<usize>| !components(nodes, |node| within(next(node))).is_empty();
        if has_cycle(&|node| self.from(node, WW)) {
            return Anomaly::G0;
        }
        if has_cycle(&|node| self.from(node, WW | WR)) {
            return Anomaly::G1c;
        }
        // Back from where an rw leads to where it comes from.
        let closes = |from: usize, to: usize| {
            let (mut seen, mut left) = (BTreeSet::from([to]), vec![to]);
            while let Some(node) = left.pop() {
                left.extend(within(self.from(node, WW | WR)).into_iter().filter(|next| seen.insert(*next)));
            }
            seen.contains(&from)
        };
        if nodes.iter().any(|node| within(self.from(*node, RW)).into_iter().any(|to| closes(*node, to))) {
            return Anomaly::GSingle;
        }
        let ahead = |node: usize| {
            let dependent = within(self.from(node, WW | WR));
            dependent.iter().flat_map(|node| self.from(*node, RW)).chain(dependent.iter().copied()).collect()
        };
        if has_cycle(&ahead) { Anomaly::GNonadjacent } else { Anomaly::G2Item }
    }
}

/// A search for strongly connected components.
#[derive(Default)]
struct Search {
    found: Vec<Vec<usize>>,
    path: Vec<usize>,
    /// The place of a node in the order of visits, and the earliest place that can be reached from it; none once its component is
    /// known.
    places: HashMap<usize, (usize, Option<usize>)>,
}

impl Search {
    fn enter(&mut self, node: usize) {
        let place = self.places.len();
        self.places.insert(node, (place, Some(place)));
        self.path.push(node);
    }

    /// Takes the component of a node off the path, if the node is the first of it. Returns the earliest place that can be reached
    /// from the node, if that is before it.
    fn leave(&mut self, node: usize) -> Option<usize> {
        let (place, low) = self.places[&node];
        if low == Some(place) {
            let start = self.path.iter().rposition(|other| *other == node).unwrap();
            let component = self.path.split_off(start);
            component.iter().for_each(|node| self.places.get_mut(node).unwrap().1 = None);
            if component.len() > 1 {
                self.found.push(component);
            }
        }
        low.filter(|low| *low < place)
    }

    fn reaches(&mut self, node: usize, place: usize) {
        let (_, low) = self.places.get_mut(&node).unwrap();
        *low = low.map(|low| low.min(place));
    }
}

/// The strongly connected components of more than one node, by Tarjan's algorithm.
fn components(nodes: &[usize], next: impl Fn(usize) -> Vec<usize>) -> Vec<Vec<usize>> {
    let mut search = Search::default();
    for root in nodes {
        let mut calls = Vec::new();
        let mut entered = (!search.places.contains_key(root)).then_some(*root);
        while entered.is_some() || !calls.is_empty() {
            if let Some(node) = entered.take() {
                search.enter(node);
                calls.push((node, next(node).into_iter()));
            }
            let Some((node, after)) = calls.last_mut() else { break };
            let node = *node;
            match after.next().map(|to| (to, search.places.get(&to).copied())) {
                Some((to, None)) => entered = Some(to),
                // The component of that one is known.
                Some((_, Some((_, None)))) => {}
                Some((_, Some((place, Some(_))))) => search.reaches(node, place),
                None => {
                    calls.pop();
                    if let Some(((caller, _), low)) = calls.last().zip(search.leave(node)) {
                        search.reaches(*caller, low);
                    }
                }
            }
        }
    }
    search.found
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
