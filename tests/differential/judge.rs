//! Whether a write did what its answer says: the rows before it and after it, as the client shows them.

use larder::{Error, ErrorKind};

use crate::{
    case::{Case, Rewrites},
    cell::{Cell, Line, Rows, key, key_of_row},
    findings::{Findings, detail},
    thing::Row,
};

#[derive(Debug)]
pub struct Step {
    pub operation: &'static str,
    pub asked: Asked,
    pub answer: Answer,
    pub may_refuse: bool,
}

#[derive(Debug)]
pub enum Asked {
    Insert(Vec<Row>),
    Update(Vec<Row>),
    /// Replaces what is there, or leaves it.
    Upsert(Vec<Row>, bool),
    /// Sets a column of the rows that have a value.
    Set {
        matching: (usize, String),
        column: usize,
        value: Option<String>,
    },
    DeleteWhere(usize, String),
    Delete(Vec<Vec<String>>),
}

#[derive(Debug)]
pub enum Answer {
    Models(Vec<Row>),
    Count(u64),
    Upserted(u64, u64, u64),
    Error(Error),
}

pub fn judge(case: &Case, step: &Step, before: &Rows, after: &Rows, found: &mut Findings<'_>) {
    found.at(step.operation);
    if let Answer::Error(error) = &step.answer {
        found.refusal(error, step.may_refuse || is_true(case, step, error, before));
        if error.kind() != ErrorKind::CommitUnknown && !is_same(before, after) {
            found.wrong(
                format!("{:?}, and something is stored", error.kind()),
                format!("{}: {} to {}", detail(error), found.lines(before), found.lines(after)),
            );
        }
        return;
    }
    if is_matched_by_milliseconds(&step.asked, before) {
        return;
    }
    let expected = Expected::new(case, &step.asked, before);
    let left = expected.untouched_in(after, found);
    expected.touched_in(case, step, left, found);
    if let Answer::Models(models) = &step.answer {
        answered(case, step, models, after, found);
    }
}

/// Whether a condition is on times of which the client shows only the millisecond: whether they are the same to the microsecond
/// is not known.
fn is_matched_by_milliseconds(asked: &Asked, before: &Rows) -> bool {
    let (Asked::Set { matching: (at, value), .. } | Asked::DeleteWhere(at, value)) = asked else { return false };
    before.iter().any(|line| matches!(line[*at], Cell::About(_)) && line[*at].holds(Some(value)))
}

/// Whether an error says what is so: a row of the id is there, or is not.
fn is_true(case: &Case, step: &Step, error: &Error, before: &Rows) -> bool {
    let fields = case.fields();
    let keys: Vec<_> = before.iter().map(|line| key(&fields, line)).collect();
    let (Asked::Insert(rows) | Asked::Update(rows)) = &step.asked else { return false };
    let mut given: Vec<_> = rows.iter().map(|row| key_of_row(&fields, row)).collect();
    let all = given.len();
    match error.kind() {
        ErrorKind::Duplicate => {
            let is_stored = given.iter().any(|key| keys.contains(key));
            given.sort();
            given.dedup();
            // An engine need not know that a number it is about to generate was taken.
            is_stored || given.len() < all || rows.iter().any(|row| has_new_id(case, row))
        }
        ErrorKind::NotFound => given.iter().any(|key| !keys.contains(key)),
        _ => false,
    }
}

pub fn is_same(a: &Rows, b: &Rows) -> bool {
    let mut left: Vec<_> = b.iter().collect();
    a.len() == b.len()
        && a.iter().all(|line| left.iter().position(|other| *other == line).map(|at| left.swap_remove(at)).is_some())
}

/// A row by what was there before, if something was, and what is given.
type Touched<'e> = (Option<&'e Line>, Option<Row>);

/// What a write has to leave behind.
struct Expected<'e> {
    untouched: Vec<&'e Line>,
    touched: Vec<Touched<'e>>,
    /// How many of them are new, replaced, and left as they are.
    counts: (u64, u64, u64),
    /// A column and its new value, where only one is given.
    set: Option<(usize, Option<String>)>,
}

/// The rows that have a value.
fn matching<'e>(before: &'e Rows, at: usize, value: &str) -> Vec<Touched<'e>> {
    before.iter().filter(|line| line[at].holds(Some(value))).map(|line| (Some(line), None)).collect()
}

impl<'e> Expected<'e> {
    fn new(case: &Case, asked: &Asked, before: &'e Rows) -> Self {
        let fields = case.fields();
        let mut expected = Self { untouched: Vec::new(), touched: Vec::new(), counts: (0, 0, 0), set: None };
        match asked {
            Asked::Insert(given) => {
                expected.counts.0 = given.len() as u64;
                expected.touched = given.iter().map(|row| (None, Some(row.clone()))).collect();
            }
            Asked::Update(given) => expected.write(case, given, true, before),
            Asked::Upsert(given, replaces) => expected.write(case, given, *replaces, before),
            Asked::Set { matching: (at, value), column, value: new } => {
                expected.set = Some((*column, new.clone()));
                expected.touched = matching(before, *at, value);
            }
            Asked::DeleteWhere(at, value) => expected.touched = matching(before, *at, value),
            Asked::Delete(keys) => {
                let of_key = |wanted: &Vec<String>| before.iter().find(|line| key(&fields, line).as_ref() == Some(wanted));
                expected.touched = keys.iter().filter_map(of_key).map(|line| (Some(line), None)).collect();
            }
        }
        // Rows of known ids first: any other row that is like one of an unknown id may be that.
        expected.touched.sort_by_key(|(_, given)| given.as_ref().is_some_and(|row| has_new_id(case, row)));
        let is_touched =
            |line: &Line| expected.touched.iter().any(|(there, _)| there.is_some_and(|there| std::ptr::eq(there, line)));
        expected.untouched = before.iter().filter(|line| !is_touched(line)).collect();
        expected
    }

    /// Rows that replace those of their ids, or are left out. Of several with one id, the last stays.
    fn write(&mut self, case: &Case, given: &[Row], replaces: bool, before: &'e Rows) {
        let fields = case.fields();
        for (nth, row) in given.iter().enumerate() {
            let wanted = key_of_row(&fields, row);
            let there = before.iter().find(|line| wanted.is_some() && key(&fields, line) == wanted);
            match there {
                None => self.counts.0 += 1,
                Some(_) if replaces => self.counts.1 += 1,
                Some(_) => self.counts.2 += 1,
            }
            let is_last = !given[nth + 1..].iter().any(|later| key_of_row(&fields, later) == wanted);
            if is_last && (there.is_none() || replaces) {
                self.touched.push((there, Some(row.clone())));
            }
        }
    }

    /// The rows after the write without those that it had nothing to do with.
    fn untouched_in<'a>(&self, after: &'a Rows, found: &mut Findings<'_>) -> Vec<&'a Line> {
        let mut left: Vec<_> = after.iter().collect();
        for line in &self.untouched {
            match left.iter().position(|other| other == line) {
                Some(at) => drop(left.swap_remove(at)),
                None => found.wrong("changes or deletes another row", found.line(line)),
            }
        }
        left
    }

    fn touched_in(&self, case: &Case, step: &Step, mut left: Vec<&Line>, found: &mut Findings<'_>) {
        let deletes = matches!(step.asked, Asked::Delete(_) | Asked::DeleteWhere(..));
        let mut done = 0;
        for touched in &self.touched {
            let is_done = match (deletes, touched) {
                (true, (Some(there), _)) => deleted_in(case, step, there, &mut left, found),
                _ => self.written_in(case, touched, &mut left, found),
            };
            done += u64::from(is_done);
        }
        if !left.is_empty() {
            found.wrong("stores a row that was not given", found.lines(left.iter().copied()));
        }
        let is_counted = match step.answer {
            Answer::Count(count) if case.skips => {
                count <= self.touched.len() as u64 && (!deletes && !matches!(step.asked, Asked::Insert(_)) || count == done)
            }
            Answer::Count(count) => count == self.touched.len() as u64,
            Answer::Upserted(..) if case.skips => true,
            Answer::Upserted(inserted, updated, ignored) => (inserted, updated, ignored) == self.counts,
            Answer::Models(_) | Answer::Error(_) => true,
        };
        if !is_counted {
            found.wrong("Ok with another number than there were", format!("{:?}, {done} of {}", step.answer, self.touched.len()));
        }
    }

    /// Whether a row is written, rightly or wrongly; it is taken from the rows that are left.
    fn written_in(&self, case: &Case, touched: &Touched<'_>, left: &mut Vec<&Line>, found: &mut Findings<'_>) -> bool {
        let (there, given) = touched;
        let fields = case.fields();
        // What a table with a trigger that skips rows may leave as it was.
        let may_be_kept = case.skips && there.is_some_and(|there| left.contains(&there));
        let at = left.iter().position(|line| match given {
            Some(row) if !has_new_id(case, row) => key(&fields, line) == key_of_row(&fields, row),
            Some(row) => self.wrong_columns(case, line, there.as_ref(), Some(row)).is_empty(),
            None => there.is_some_and(|there| key(&fields, line) == key(&fields, there)),
        });
        let Some(at) = at else {
            if !case.skips {
                let lines = found.lines(left.iter().copied());
                found.wrong("Ok, and it is not stored", format!("{} in {lines}", found.row(given.as_ref())));
            }
            return false;
        };
        let line = left.swap_remove(at);
        let wrong = self.wrong_columns(case, line, there.as_ref(), given.as_ref());
        if wrong.is_empty() || may_be_kept {
            return wrong.is_empty();
        }
        let cells: Vec<_> = wrong.iter().map(|at| &line[*at]).collect();
        let set = self.set.as_ref().map(|(_, value)| vec![value.clone()]);
        let values = given.as_ref().map(|row| wrong.iter().map(|at| row[*at].clone()).collect());
        found.wrong(
            format!("Ok, and another value is stored{}", found.columns(&wrong)),
            format!("{cells:?} for {:?}", values.or(set)),
        );
        true
    }

    /// Columns that hold something else than was given, and that the table does not rewrite.
    fn wrong_columns(&self, case: &Case, line: &Line, there: Option<&&Line>, given: Option<&Row>) -> Vec<usize> {
        let is_right = |at: usize| {
            let column = &case.columns[at];
            let value = match (given, &self.set) {
                (Some(row), _) => &row[at],
                (None, Some((set, value))) if *set == at => value,
                (None, _) => return column.rewrites == Rewrites::Always || there.is_some_and(|there| there[at] == line[at]),
            };
            match column.rewrites {
                Rewrites::Always => true,
                Rewrites::Null if value.is_none() => true,
                _ if column.field.is_generated_id && value.as_deref() == Some("0") => matches!(line[at], Cell::Is(_)),
                _ => line[at].holds(value.as_deref()),
            }
        };
        (0..line.len()).filter(|at| !is_right(*at)).collect()
    }
}

/// Whether a row is deleted. One that a table with a trigger may leave as it was is taken from the rows that are left.
fn deleted_in(case: &Case, step: &Step, there: &Line, left: &mut Vec<&Line>, found: &mut Findings<'_>) -> bool {
    match left.iter().position(|line| *line == there) {
        Some(at) if case.skips => drop(left.swap_remove(at)),
        Some(_) => {
            found.wrong(format!("Ok, and a row is still there{}", filtered(step, found)), format!("{there:?}"));
        }
        None => return true,
    }
    false
}

fn has_new_id(case: &Case, row: &Row) -> bool {
    case.columns.iter().zip(row).any(|(column, value)| column.field.is_generated_id && value.as_deref() == Some("0"))
}

fn filtered(step: &Step, found: &Findings<'_>) -> String {
    if let Asked::DeleteWhere(at, _) = step.asked { found.columns(&[at]) } else { String::new() }
}

/// That the models answered are those that are stored.
fn answered(case: &Case, step: &Step, models: &[Row], after: &Rows, found: &mut Findings<'_>) {
    let fields = case.fields();
    let (Asked::Insert(given) | Asked::Update(given)) = &step.asked else { return };
    if models.len() != given.len() {
        found.wrong("answers another number of models", format!("{} for {}", models.len(), given.len()));
    }
    for (model, given) in models.iter().zip(given) {
        let wanted = key_of_row(&fields, model);
        if !has_new_id(case, given) && wanted != key_of_row(&fields, given) && case.ids().all(|id| id.rewrites == Rewrites::Never)
        {
            found.wrong("answers a model of another id", format!("{} for {}", found.row(Some(model)), found.row(Some(given))));
        }
        let Some(line) = after.iter().find(|line| key(&fields, line) == wanted) else {
            found.wrong("answers a model that is not stored", found.row(Some(model)));
            continue;
        };
        let wrong: Vec<_> = (0..line.len()).filter(|at| !line[*at].holds(model[*at].as_deref())).collect();
        if !wrong.is_empty() {
            let cells: Vec<_> = wrong.iter().map(|at| (&line[*at], &model[*at])).collect();
            found.wrong(format!("answers another value than is stored{}", found.columns(&wrong)), format!("{cells:?}"));
        }
    }
}
