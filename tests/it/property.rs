//! Random operations mean the same on every backend: the memory backend is what the others are compared with.

use std::{fmt::Debug, future::Future, pin::Pin, sync::Arc};

use larder::{
    Changes, Cx, DeleterExt, Error, ErrorKind, OnConflict, Query, ReaderExt, Result, Storage, Store, TransactionalExt, field,
    field_of,
};
use proptest::{prelude::*, test_runner::TestRunner};

use crate::support::{
    backend::Harness,
    entities::{job, label, letter, person},
    job, time,
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
    /// By the id or by the name; counted or ignored, if it was tried less often than this.
    UpsertJobs(Vec<job::Model>, bool, Option<i32>),
    UpsertJob(job::Model, bool, Option<i32>),
    /// By the name or by the number of tries, descending or not.
    ClaimJobs(bool, bool, u64),
    DeleteFirstJobs(bool, u64),
    ReleaseJobs(i32),
    DeleteJobs(i32),
    FindLockedJob(i64),
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

fn jobs() -> impl Strategy<Value = job::Model> {
    (number(), text(), 0..4_i32).prop_map(|(id, name, tries)| job::Model { name, tries, ..job(id) })
}

fn least_tried(tries: Option<i32>) -> OnConflict<job::Model> {
    let again = OnConflict::apply(Changes::new().increase(job::COLUMN.tries, 1).set_from(job::COLUMN.worker, job::COLUMN.name));
    tries.iter().fold(again, |again, tries| again.only_if(field(job::COLUMN.tries).less_than(*tries)))
}

fn by(on_conflict: OnConflict<job::Model>, by_name: bool) -> OnConflict<job::Model> {
    if by_name { on_conflict.on(job::COLUMN.name) } else { on_conflict }
}

fn free(by_name: bool, descending: bool, limit: u64) -> Query<job::Model> {
    let free = Query::new().filter(field(job::COLUMN.worker).is_null()).limit(limit);
    match (by_name, descending) {
        (true, false) => free.order_by(job::COLUMN.name),
        (true, true) => free.order_by_desc(job::COLUMN.name),
        (false, false) => free.order_by(job::COLUMN.tries),
        (false, true) => free.order_by_desc(job::COLUMN.tries),
    }
}

fn operations_on_jobs() -> impl Strategy<Value = Operation> {
    use Operation as O;
    let least_tried = || prop::option::of(0..6_i32);
    prop_oneof![
        2 => (prop::collection::vec(jobs(), 0..5), any::<bool>(), least_tried())
            .prop_map(|(models, by_name, tries)| O::UpsertJobs(models, by_name, tries)),
        2 => (jobs(), any::<bool>(), least_tried()).prop_map(|(model, by_name, tries)| O::UpsertJob(model, by_name, tries)),
        2 => (any::<bool>(), any::<bool>(), 0..3_u64).prop_map(|(by_name, descends, limit)| O::ClaimJobs(by_name, descends, limit)),
        1 => (any::<bool>(), 0..2_u64).prop_map(|(descends, limit)| O::DeleteFirstJobs(descends, limit)),
        1 => (0..4_i32).prop_map(O::ReleaseJobs),
        1 => (2..5_i32).prop_map(O::DeleteJobs),
        1 => number().prop_map(O::FindLockedJob),
    ]
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
    let plain = prop_oneof![4 => plain, 1 => operations_on_jobs()].boxed();
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

fn of_people(by_email: bool, replaces: bool) -> OnConflict<person::Model> {
    let on_conflict = on_conflict(replaces);
    if by_email { on_conflict.on(person::COLUMN.email) } else { on_conflict }
}

fn on_conflict<M>(replaces: bool) -> OnConflict<M> {
    if replaces { OnConflict::replace() } else { OnConflict::ignore() }
}

/// An operation that is no transaction.
async fn apply_single(store: &Store, cx: &Cx, operation: &Operation) -> (String, Result<()>) {
    let letters = store.repository::<letter::Entity>();
    let (operation, sees_all) = if let Operation::Within(inner) = operation { (&**inner, false) } else { (operation, true) };
    let (people, labels) = repositories(store, sees_all);
    use Operation as O;
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
            answer(people.upsert_batch(cx, &alone(models), &of_people(*by_email, *replaces)).await)
        }
        O::RaiseLevels(email, by) => {
            let raised = Changes::new().increase(person::COLUMN.level, *by);
            answer(people.update_where(cx, &field(person::COLUMN.email).at_least(email), &raised).await)
        }
        O::DeleteByText(text) => answer(labels.delete_where(cx, &field_of(label::Column::Text).less_than(text.as_str())).await),
        O::FindLabels(names) => answer(labels.find_many(cx, names).await),
        O::FindPerson(id) => answer(people.find(cx, id).await),
        O::Count => answer(people.count(cx, &larder::Filter::all()).await),
        O::SetTexts(text, new) => {
            let changes = Changes::new().set(label::COLUMN.text, new.as_deref());
            answer(labels.update_where(cx, &field(label::COLUMN.text).equals(text), &changes).await)
        }
        O::Within(_) | O::Transaction { .. } => unreachable!("not a single operation"),
        of_jobs => apply_to_jobs(store, cx, of_jobs, sees_all).await,
    }
}

/// An operation on jobs.
async fn apply_to_jobs(store: &Store, cx: &Cx, operation: &Operation, sees_all: bool) -> (String, Result<()>) {
    let jobs = match sees_all {
        true => store.repository::<job::Entity>(),
        false => store.repository_builder::<job::Entity>().within(!field(job::COLUMN.name).equals("b")).build().unwrap(),
    };
    use Operation as O;
    match operation {
        O::UpsertJobs(models, by_name, tries) => answer(jobs.upsert_batch(cx, models, &by(least_tried(*tries), *by_name)).await),
        O::UpsertJob(model, by_name, tries) => answer(jobs.upsert(cx, model, &by(least_tried(*tries), *by_name)).await),
        O::ClaimJobs(by_name, descends, limit) => {
            let claim = Changes::new().set(job::COLUMN.worker, "w").increase(job::COLUMN.tries, 1);
            answer(jobs.update_first(cx, &free(*by_name, *descends, *limit), &claim).await)
        }
        O::DeleteFirstJobs(descends, limit) => answer(jobs.delete_first(cx, &free(true, *descends, *limit)).await),
        O::ReleaseJobs(tries) => {
            let release = Changes::new().set(job::COLUMN.worker, None::<String>).lower_to(job::COLUMN.tries, 2);
            answer(jobs.update_where_returning(cx, &field(job::COLUMN.tries).at_least(*tries), &release).await)
        }
        O::DeleteJobs(tries) => answer(jobs.delete_where_returning(cx, &field(job::COLUMN.tries).at_least(*tries)).await),
        O::FindLockedJob(id) => answer(jobs.find_locked(cx, id).await),
        _ => unreachable!("not of jobs"),
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
    store.repository::<job::Entity>().delete_all(&cx).await.unwrap();
    for operation in operations {
        let _ = apply(store, Cx::new(), operation, &trace).await;
        let people = store.repository::<person::Entity>().all(&cx).await.unwrap();
        let letters = store.repository::<letter::Entity>().all(&cx).await.unwrap();
        let labels = store.repository::<label::Entity>().all(&cx).await.unwrap();
        let jobs = store.repository::<job::Entity>().all(&cx).await.unwrap();
        trace.lock().unwrap().push(format!("{people:?} {letters:?} {labels:?} {jobs:?}"));
    }
    trace.into_inner().unwrap()
}

/// Whether the answer is up to references.
fn is_of_letters(operation: &Operation) -> bool {
    use Operation as O;
    matches!(operation, O::CreateLetter(_) | O::UpdateLetter(_) | O::DeleteLetter(_) | O::DeleteAllLetters)
}

/// The operations without some.
fn without(operations: Vec<Operation>, is_left_out: fn(&Operation) -> bool) -> Vec<Operation> {
    use Operation as O;
    let plain = |operation| match operation {
        O::Within(operation) => without(vec![*operation], is_left_out).pop().map(|operation| O::Within(Box::new(operation))),
        O::Transaction { operations, commits, hides_failures } => {
            Some(O::Transaction { operations: without(operations, is_left_out), commits, hides_failures })
        }
        other => Some(other).filter(|operation| !is_left_out(operation)),
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

/// For a test of so many cases, if nothing else is said.
pub(crate) fn config(default_cases: u32) -> ProptestConfig {
    ProptestConfig { cases: cases(default_cases), failure_persistence: None, ..ProptestConfig::default() }
}

fn agrees_with_memory(harness: &'static dyn Harness, default_cases: u32) {
    if harness.is_skipped() {
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let oracle = runtime.block_on(crate::memory::Memory.fresh());
    let fixture = runtime.block_on(harness.fresh());
    let capabilities = fixture.store.capabilities();
    let outcome = TestRunner::new(config(default_cases)).run(&prop::collection::vec(operations(), 1..12), |mut operations| {
        if !capabilities.referential_actions {
            operations = without(operations, is_of_letters);
        }
        if !capabilities.row_locks {
            operations = without(operations, |operation| matches!(operation, Operation::FindLockedJob(_)));
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
