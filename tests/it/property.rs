//! Random operations mean the same on every backend: the memory backend is what the others are compared with.

use std::{fmt::Debug, future::Future, pin::Pin, sync::Arc};

use larder::{
    Changes, Cx, DeleterExt, Error, ErrorKind, OnConflict, ReaderExt, Result, Storage, Store, TransactionalExt, field, field_of,
};
use proptest::{prelude::*, test_runner::TestRunner};

use crate::support::{
    backend::Harness,
    entities::{label, letter, person},
    time,
};

type People = Arc<dyn Storage<person::Model, i64>>;
type Labels = Arc<dyn Storage<label::Model, String>>;

/// Few ids and few values, so that operations meet.
fn number() -> impl Strategy<Value = i64> {
    1..5_i64
}

fn text() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["", "a", "b", "B", "ä"]).prop_map(str::to_owned)
}

#[derive(Clone, Debug)]
enum Operation {
    CreatePeople(Vec<person::Model>),
    CreateLetter(letter::Model),
    CreateLabels(Vec<label::Model>),
    UpdatePerson(person::Model),
    UpdateLetter(letter::Model),
    UpdateLabel(label::Model),
    DeletePerson(i64),
    DeleteLetter(i64),
    DeleteLabel(String),
    DeleteAllPeople,
    DeleteAllLetters,
    UpdateLabels(Vec<label::Model>),
    DeleteLabels(Vec<String>),
    UpsertLabels(Vec<label::Model>, bool),
    /// By the id or by the address, ignored or replaced.
    UpsertPeople(Vec<person::Model>, bool, bool),
    RaiseLevels(String, i64),
    DeleteByText(String),
    FindLabels(Vec<String>),
    FindPerson(i64),
    Count,
    /// All labels with a text get another.
    SetTexts(String, Option<String>),
    /// By repositories that see some models only.
    Within(Box<Operation>),
    /// Operations that commit or roll back together; the first failure ends them, or is hidden.
    Transaction {
        operations: Vec<Operation>,
        commits: bool,
        hides_failures: bool,
    },
}

fn people() -> impl Strategy<Value = person::Model> {
    (number(), text(), prop::option::of(1..3_i32), prop::option::of(1..3_i32), prop::option::of(number())).prop_map(
        |(id, email, row, place, level)| {
            let joined = Some(time("2026-01-01T00:00:00Z"));
            person::Model { id, email, row, place, level, joined }
        },
    )
}

fn letters() -> impl Strategy<Value = letter::Model> {
    (number(), number(), prop::option::of(number())).prop_map(|(id, sender, answers)| letter::Model {
        id,
        sender,
        // A letter that answers itself: when that is checked differs between engines.
        answers: answers.filter(|answers| *answers != id),
        about: None,
    })
}

fn labels() -> impl Strategy<Value = label::Model> {
    (text(), prop::option::of(text())).prop_map(|(name, text)| label::Model { name, text })
}

fn operations() -> impl Strategy<Value = Operation> {
    use Operation as O;
    let plain = prop_oneof![
        4 => prop::collection::vec(people(), 0..4).prop_map(O::CreatePeople),
        4 => letters().prop_map(O::CreateLetter),
        3 => prop::collection::vec(labels(), 0..3).prop_map(O::CreateLabels),
        2 => people().prop_map(O::UpdatePerson),
        2 => letters().prop_map(O::UpdateLetter),
        2 => labels().prop_map(O::UpdateLabel),
        2 => number().prop_map(O::DeletePerson),
        2 => number().prop_map(O::DeleteLetter),
        1 => text().prop_map(O::DeleteLabel),
        1 => Just(O::DeleteAllPeople),
        1 => Just(O::DeleteAllLetters),
        2 => prop::collection::vec(labels(), 0..4).prop_map(O::UpdateLabels),
        1 => prop::collection::vec(text(), 0..4).prop_map(O::DeleteLabels),
        3 => (prop::collection::vec(labels(), 0..5), any::<bool>()).prop_map(|(models, replaces)| O::UpsertLabels(models, replaces)),
        3 => (prop::collection::vec(people(), 0..4), any::<bool>(), any::<bool>())
            .prop_map(|(models, by_email, replaces)| O::UpsertPeople(models, by_email, replaces)),
        2 => (text(), -2..3_i64).prop_map(|(email, by)| O::RaiseLevels(email, by)),
        1 => text().prop_map(O::DeleteByText),
        2 => prop::collection::vec(text(), 0..5).prop_map(O::FindLabels),
        1 => number().prop_map(O::FindPerson),
        1 => Just(O::Count),
        2 => (text(), prop::option::of(text())).prop_map(|(text, new)| O::SetTexts(text, new)),
    ];
    let plain = plain.boxed();
    let plain = prop_oneof![3 => plain.clone(), 1 => plain.prop_map(|operation| O::Within(Box::new(operation)))];
    plain.prop_recursive(3, 24, 5, |inner| {
        (prop::collection::vec(inner, 1..5), any::<bool>(), any::<bool>())
            .prop_map(|(operations, commits, hides_failures)| Operation::Transaction { operations, commits, hides_failures })
    })
}

/// What an operation answers, in a form that can be compared: the value, or the kind of error and the model concerned.
fn answer<T: Debug>(result: Result<T>) -> (String, Result<()>) {
    match result {
        Ok(value) => (format!("{value:?}"), Ok(())),
        Err(error) => (format!("{:?} {:?} {:?}", error.kind(), error.operation(), error.model()), Err(error)),
    }
}

/// Repositories of people and of labels: of all, or of people from level 2 on, and of labels whose text is not "b".
fn repositories(store: &Store, sees_all: bool) -> (People, Labels) {
    if sees_all {
        return (store.repository::<person::Entity>(), store.repository::<label::Entity>());
    }
    let people = store.repository_builder::<person::Entity>().within(field(person::COLUMN.level).at_least(2));
    let labels = store.repository_builder::<label::Entity>().within(!field(label::COLUMN.text).equals("b"));
    (people.build().unwrap(), labels.build().unwrap())
}

fn set_text(text: &String) -> Changes<label::Model> {
    Changes::new().set(label::COLUMN.text, text)
}

fn on_conflict<M>(replaces: bool) -> OnConflict<M> {
    if replaces { OnConflict::replace() } else { OnConflict::ignore() }
}

/// An operation that is no transaction.
async fn apply_single(store: &Store, cx: &Cx, operation: &Operation) -> (String, Result<()>) {
    let letters = store.repository::<letter::Entity>();
    use Operation as O;
    let (operation, sees_all) = match operation {
        O::Within(operation) => (&**operation, false),
        operation => (operation, true),
    };
    let (people, labels) = repositories(store, sees_all);
    match operation {
        O::CreatePeople(models) => answer(people.create_many(cx, models).await),
        O::CreateLetter(model) => answer(letters.create(cx, model).await),
        O::CreateLabels(models) => answer(labels.create_batch(cx, models).await),
        O::UpdatePerson(model) => answer(people.update(cx, model).await),
        O::UpdateLetter(model) => answer(letters.update(cx, model).await),
        O::UpdateLabel(model) => answer(labels.update(cx, model).await),
        O::DeletePerson(id) => answer(people.delete(cx, id).await),
        O::DeleteLetter(id) => answer(letters.delete(cx, id).await),
        O::DeleteLabel(name) => answer(labels.delete(cx, name).await),
        O::DeleteAllPeople => answer(people.delete_all(cx).await),
        O::DeleteAllLetters => answer(letters.delete_all(cx).await),
        O::UpdateLabels(models) => answer(labels.update_many(cx, models).await),
        O::DeleteLabels(names) => answer(labels.delete_many(cx, names).await),
        O::UpsertLabels(models, replaces) => answer(labels.upsert_batch(cx, models, &on_conflict(*replaces)).await),
        O::UpsertPeople(models, by_email, replaces) => {
            let on_conflict = on_conflict(*replaces);
            let on_conflict = if *by_email { on_conflict.on(person::COLUMN.email) } else { on_conflict };
            answer(people.upsert_batch(cx, &alone(models), &on_conflict).await)
        }
        O::RaiseLevels(email, by) => {
            let changes = Changes::new().increase(person::COLUMN.level, *by);
            answer(people.update_where(cx, &field(person::COLUMN.email).at_least(email), &changes).await)
        }
        O::DeleteByText(text) => answer(labels.delete_where(cx, &field_of(label::Column::Text).less_than(text.as_str())).await),
        O::FindLabels(names) => answer(labels.find_many(cx, names).await),
        O::FindPerson(id) => answer(people.find(cx, id).await),
        O::Count => answer(people.count(cx, &larder::Filter::all()).await),
        O::SetTexts(text, new) => {
            let changes = new.as_ref().map_or_else(|| Changes::new().set_null(label::COLUMN.text), set_text);
            answer(labels.update_where(cx, &field(label::COLUMN.text).equals(text), &changes).await)
        }
        O::Within(_) | O::Transaction { .. } => unreachable!("not a single operation"),
    }
}

fn apply<'a>(
    store: &'a Store,
    cx: Cx,
    operation: &'a Operation,
    trace: &'a std::sync::Mutex<Vec<String>>,
) -> Pin<Box<dyn Future<Output = Result<()>> + Send + 'a>> {
    Box::pin(async move {
        let cx = &cx;
        let (text, outcome) = match operation {
            Operation::Transaction { operations, commits, hides_failures } => {
                let tx = store.tx(cx, |cx| async move {
                    for operation in operations {
                        match apply(store, cx.clone(), operation, trace).await {
                            Err(error) if !hides_failures => return Err(error),
                            _ => {}
                        }
                    }
                    if *commits { Ok(()) } else { Err(Error::new(ErrorKind::Internal, "undo")) }
                });
                answer(tx.await)
            }
            other => apply_single(store, cx, other).await,
        };
        trace.lock().unwrap().push(text);
        outcome
    })
}

/// One of these people, without a seat: in which order those of a batch take what others give up is the engine's choice.
fn alone(models: &[person::Model]) -> Vec<person::Model> {
    models.iter().take(1).map(|model| person::Model { row: None, place: None, ..model.clone() }).collect()
}

/// Everything that is stored, and every answer on the way there.
async fn run(store: &Store, operations: &[Operation]) -> Vec<String> {
    let trace = std::sync::Mutex::new(Vec::new());
    let cx = Cx::new();
    store.repository::<letter::Entity>().delete_all(&cx).await.unwrap();
    store.repository::<person::Entity>().delete_all(&cx).await.unwrap();
    store.repository::<label::Entity>().delete_all(&cx).await.unwrap();
    for operation in operations {
        let _ = apply(store, Cx::new(), operation, &trace).await;
        let people = store.repository::<person::Entity>().all(&cx).await.unwrap();
        let letters = store.repository::<letter::Entity>().all(&cx).await.unwrap();
        let labels = store.repository::<label::Entity>().all(&cx).await.unwrap();
        trace.lock().unwrap().push(format!("{people:?} {letters:?} {labels:?}"));
    }
    trace.into_inner().unwrap()
}

/// The operations without those whose answers are up to references.
fn without_letters(operations: Vec<Operation>) -> Vec<Operation> {
    use Operation as O;
    let plain = |operation| match operation {
        O::CreateLetter(_) | O::UpdateLetter(_) | O::DeleteLetter(_) | O::DeleteAllLetters => None,
        O::Within(operation) => without_letters(vec![*operation]).pop().map(|operation| O::Within(Box::new(operation))),
        O::Transaction { operations, commits, hides_failures } => {
            Some(O::Transaction { operations: without_letters(operations), commits, hides_failures })
        }
        other => Some(other),
    };
    operations.into_iter().filter_map(plain).collect()
}

/// Puts what nested transactions do into the outermost one.
fn flatten(operation: &mut Operation) {
    let Operation::Transaction { operations, .. } = operation else { return };
    operations.iter_mut().for_each(flatten);
    let inner = std::mem::take(operations).into_iter().flat_map(|operation| match operation {
        Operation::Transaction { operations, .. } => operations,
        other => vec![other],
    });
    *operations = inner.collect();
}

/// How many cases a backend is given: `LARDER_PROPERTY_CASES`, or what CI has time for.
pub(crate) fn cases(default: u32) -> u32 {
    std::env::var("LARDER_PROPERTY_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(default)
}

fn agrees_with_memory(harness: &'static dyn Harness, default_cases: u32) {
    if harness.is_skipped() {
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let oracle = runtime.block_on(crate::memory::Memory.fresh());
    let fixture = runtime.block_on(harness.fresh());
    let config = ProptestConfig { cases: cases(default_cases), failure_persistence: None, ..ProptestConfig::default() };
    let capabilities = fixture.store.capabilities();
    let outcome = TestRunner::new(config).run(&prop::collection::vec(operations(), 1..12), |mut operations| {
        if !capabilities.referential_actions {
            operations = without_letters(operations);
        }
        if !capabilities.savepoints {
            operations.iter_mut().for_each(flatten);
        }
        let expected = runtime.block_on(run(&oracle.store, &operations));
        let actual = runtime.block_on(run(&fixture.store, &operations));
        prop_assert_eq!(expected, actual);
        Ok(())
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
    drop((fixture, oracle));
}

#[cfg(feature = "sqlite")]
#[test]
fn sqlite_in_memory_agrees_with_memory() {
    agrees_with_memory(&crate::sqlite::InMemory, 400);
}

#[cfg(feature = "sqlite")]
#[test]
fn sqlite_in_a_file_agrees_with_memory() {
    agrees_with_memory(&crate::sqlite::File, 100);
}

#[cfg(feature = "sqlite")]
#[test]
fn sqlite_of_sea_orm_agrees_with_memory() {
    agrees_with_memory(&crate::sqlite::SeaOrm, 100);
}

#[cfg(feature = "postgres")]
#[test]
fn postgres_agrees_with_memory() {
    agrees_with_memory(&crate::postgres::Server, 100);
}

#[cfg(feature = "duckdb-linked")]
#[test]
fn duckdb_in_memory_agrees_with_memory() {
    agrees_with_memory(&crate::duckdb::InMemory, 100);
}

#[cfg(feature = "duckdb-linked")]
#[test]
fn duckdb_in_a_file_agrees_with_memory() {
    agrees_with_memory(&crate::duckdb::File, 50);
}

/// The same operations give the same answers again, with nothing left from the time before.
#[test]
fn memory_agrees_with_itself() {
    agrees_with_memory(&crate::memory::Memory, 200);
}
