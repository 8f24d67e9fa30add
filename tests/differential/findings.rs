//! What was found wrong, and a report that puts the same findings together.

use std::collections::BTreeMap;

use larder::{Error, ErrorKind};

use crate::{case::Case, cell::Line, thing::Row};

#[derive(Debug)]
pub struct Finding {
    pub case: u64,
    pub title: String,
    pub operation: String,
    pub wrong: String,
    pub detail: String,
}

/// The findings of one case.
#[derive(Debug)]
pub struct Findings<'c> {
    case: &'c Case,
    /// What larder is doing, for a panic to be reported with.
    pub operation: String,
    pub list: Vec<Finding>,
    /// How often larder refused, by operation and kind.
    pub refused: BTreeMap<String, u64>,
}

impl<'c> Findings<'c> {
    pub fn new(case: &'c Case) -> Self {
        Self { case, operation: "open".to_owned(), list: Vec::new(), refused: BTreeMap::new() }
    }

    pub fn at(&mut self, operation: impl Into<String>) {
        self.operation = operation.into();
    }

    pub fn wrong(&mut self, wrong: impl Into<String>, detail: impl Into<String>) {
        let (wrong, operation) = (wrong.into(), self.operation.clone());
        self.list.push(Finding { case: self.case.number, title: self.case.title(), operation, wrong, detail: detail.into() });
    }

    /// Takes an error for what it may be: a refusal that names one of the columns, where larder may refuse.
    pub fn refusal(&mut self, error: &Error, may_refuse: bool) {
        *self.refused.entry(format!("{} {:?}", self.operation, error.kind())).or_default() += 1;
        use ErrorKind as K;
        let is_refusal = matches!(
            error.kind(),
            K::Corrupt | K::Unsupported | K::InvalidInput | K::Duplicate | K::NotNull | K::Check | K::NotFound
        );
        if !is_refusal {
            self.wrong(format!("an error of kind {:?}", error.kind()), detail(error));
        } else if !may_refuse {
            self.wrong(format!("{:?} for what is sound", error.kind()), detail(error));
        } else if matches!(error.kind(), K::Corrupt | K::Unsupported) && !self.names_a_column(error) {
            self.wrong(format!("{:?} that does not name the column", error.kind()), detail(error));
        }
    }

    /// The columns at these positions, for what is wrong with them.
    pub fn columns(&self, at: &[usize]) -> String {
        let column = |at: &usize| {
            let column = &self.case.columns[*at];
            format!("{:?} as {}", column.field.kind, column.declared.replace(" NOT NULL", ""))
        };
        let mut columns: Vec<_> = at.iter().map(column).collect();
        columns.dedup();
        if columns.is_empty() { String::new() } else { format!(" ({})", columns.join(", ")) }
    }

    /// What matters of a row: its id and the columns in focus.
    pub fn line(&self, line: &Line) -> String {
        self.lines([line])
    }

    pub fn lines<'l>(&self, lines: impl IntoIterator<Item = &'l Line>) -> String {
        let of = |line: &Line| self.shown(|at| format!("{:?}", line[at]));
        lines.into_iter().take(8).map(of).collect::<Vec<_>>().join(" ")
    }

    pub fn row(&self, row: Option<&Row>) -> String {
        row.map_or_else(|| "the same".to_owned(), |row| self.shown(|at| row[at].clone().unwrap_or_else(|| "null".to_owned())))
    }

    fn shown(&self, of: impl Fn(usize) -> String) -> String {
        let columns = self.case.columns.iter().enumerate();
        let shown = columns.filter(|(at, column)| column.field.is_id || self.case.focus.contains(at));
        let shown: Vec<_> = shown.map(|(at, column)| format!("{} {}", column.field.name, of(at))).collect();
        format!("({})", shown.join(", "))
    }

    fn names_a_column(&self, error: &Error) -> bool {
        let text = detail(error);
        let words: Vec<_> = text.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
        self.case.columns.iter().any(|column| words.contains(&column.field.name))
    }
}

pub fn detail(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        text.push_str(&format!(": {error}"));
        source = error.source();
    }
    text
}

/// One paragraph for each kind of finding, with the simplest example.
pub fn report(engine: &str, seed: u64, findings: &[Finding]) -> String {
    let mut kinds: BTreeMap<(&str, &str), Vec<&Finding>> = BTreeMap::new();
    for finding in findings {
        kinds.entry((&finding.operation, &finding.wrong)).or_default().push(finding);
    }
    let mut report = String::new();
    for ((operation, wrong), mut same) in kinds {
        same.sort_by_key(|finding| finding.title.len());
        report.push_str(&format!("{engine}, {operation}: {wrong} ({} times)\n", same.len()));
        for finding in same.iter().take(examples()) {
            let Finding { case, title, detail, .. } = finding;
            report.push_str(&format!("    seed {seed} case {case}, {title}\n        {detail}\n"));
        }
    }
    report
}

fn examples() -> usize {
    std::env::var("LARDER_DIFFERENTIAL_EXAMPLES").ok().and_then(|number| number.parse().ok()).unwrap_or(3)
}
