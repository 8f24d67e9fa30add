//! Runs cases on an engine, and reports what is wrong.

use std::{env, panic::AssertUnwindSafe, time::Duration};

use fastrand::Rng;
use futures::FutureExt;
use larder::Store;

use crate::{
    case::{Case, Schema},
    cell::Rows,
    entities::{by_number, by_pair, by_text, by_uuid, generated, priced},
    findings::{Finding, Findings, report},
    judge::{Step, is_same, judge},
    reads::reads,
    thing::{Field, Thing, fields},
    writes::{WRITES, Writer},
};

/// An engine's own client, and larder on the same database.
pub trait Client {
    type Schema: Schema;

    const ENGINE: &'static str;
    /// How many cases are prepared at once.
    const BATCH: usize;
    const HAS_DECIMALS: bool;

    /// Makes the tables of these cases, and answers their rows.
    fn begin(&mut self, cases: &[Case]) -> Vec<Rows>;

    /// Opens a store for one of them.
    async fn open(&mut self, case: &Case) -> Store;

    /// Lets the client do what another program does meanwhile. None where only one program can have the database open.
    fn meanwhile(&mut self, case: &Case) -> Option<Rows>;

    /// Takes down what the table holds now.
    async fn look(&mut self, case: &Case, store: &Store);

    /// Is done with the store.
    async fn close(&mut self, case: &Case, store: Store);

    /// What was taken down of each case, in the order of the cases.
    async fn end(&mut self, cases: &[Case]) -> Vec<Vec<Rows>>;
}

fn number(variable: &str, default: u64) -> u64 {
    env::var(variable).map_or(default, |value| value.parse().unwrap_or_else(|_| panic!("{variable} is no number")))
}

fn tables(has_decimals: bool) -> Vec<(&'static str, Vec<Field>)> {
    let mut tables = vec![
        ("by_number", fields::<by_number::Entity>()),
        ("generated", fields::<generated::Entity>()),
        ("by_text", fields::<by_text::Entity>()),
        ("by_uuid", fields::<by_uuid::Entity>()),
        ("by_pair", fields::<by_pair::Entity>()),
    ];
    if has_decimals {
        tables.push(("priced", fields::<priced::Entity>()));
    }
    tables
}

/// Runs as many cases as `LARDER_DIFFERENTIAL_CASES` says. `LARDER_DIFFERENTIAL_SEED` repeats a run, and
/// `LARDER_DIFFERENTIAL_CASE` one case of it.
pub async fn run<C: Client>(client: &mut C, default_cases: u64) {
    let seed = number("LARDER_DIFFERENTIAL_SEED", 1);
    let cases = number("LARDER_DIFFERENTIAL_CASES", default_cases);
    let only = env::var("LARDER_DIFFERENTIAL_CASE").ok().and_then(|number| number.parse().ok());
    let numbers: Vec<u64> = only.map_or_else(|| (0..cases).collect(), |only| vec![only]);
    let tables = tables(C::HAS_DECIMALS);
    let case = |number: &u64| {
        let (table, fields) = &tables[usize::try_from(*number).expect("a small number") % tables.len()];
        Case::generate::<C::Schema>(*number, seed, table, fields)
    };
    let mut all = Vec::new();
    let mut refused = std::collections::BTreeMap::new();
    for batch in numbers.chunks(C::BATCH) {
        let cases: Vec<_> = batch.iter().map(case).collect();
        if only.is_some() {
            println!("{}", cases[0].setup().join(";\n"));
            println!("-- meanwhile:\n{}", cases[0].meanwhile.join(";\n"));
        }
        for mut found in run_batch(client, &cases).await {
            all.append(&mut found.list);
            for (what, times) in found.refused {
                *refused.entry(what).or_insert(0) += times;
            }
        }
    }
    println!("{}: {} cases of seed {seed}; refused: {refused:?}", C::ENGINE, numbers.len());
    conclude(C::ENGINE, seed, &all);
}

fn conclude(engine: &str, seed: u64, all: &[Finding]) {
    assert!(
        all.is_empty(),
        "{} findings\n{}\nRun again with LARDER_DIFFERENTIAL_SEED={seed}, and with LARDER_DIFFERENTIAL_CASE and the number of a case for its SQL.",
        all.len(),
        report(engine, seed, all)
    );
}

async fn run_batch<'c, C: Client>(client: &mut C, cases: &'c [Case]) -> Vec<Findings<'c>> {
    let stored = client.begin(cases);
    let mut done = Vec::new();
    for (case, rows) in cases.iter().zip(&stored) {
        let mut found = Findings::new(case);
        let mut steps = Vec::new();
        let store = client.open(case).await;
        let work = AssertUnwindSafe(exercise_case(client, case, &store, rows, &mut found, &mut steps)).catch_unwind();
        match tokio::time::timeout(Duration::from_secs(60), work).await {
            Ok(Ok(())) => {}
            Ok(Err(panic)) => {
                let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
                found.wrong("a panic", text.unwrap_or_default());
            }
            Err(_) => found.wrong("no end within a minute", ""),
        }
        client.close(case, store).await;
        done.push((found, steps));
    }
    let mut shown = client.end(cases).await.into_iter();
    let judged = |((mut found, steps), case): ((Findings<'c>, Vec<Step>), &Case)| {
        let looks = shown.next().unwrap_or_default();
        // A look before the first write, and one after each.
        for (step, two) in steps.iter().zip(looks.windows(2)) {
            judge(case, step, &two[0], &two[1], &mut found);
        }
        // Later looks than the last write's: what is stored once the store is closed.
        found.at("close");
        for two in looks.get(steps.len()..).unwrap_or_default().windows(2) {
            if !is_same(&two[0], &two[1]) {
                found.wrong("something else is stored", found.lines(&two[1]));
            }
        }
        found
    };
    done.into_iter().zip(cases).map(judged).collect()
}

async fn exercise_case<C: Client>(
    client: &mut C,
    case: &Case,
    store: &Store,
    rows: &Rows,
    found: &mut Findings<'_>,
    steps: &mut Vec<Step>,
) {
    match case.table {
        "by_number" => exercise::<C, by_number::Entity>(client, case, store, rows, found, steps).await,
        "generated" => exercise::<C, generated::Entity>(client, case, store, rows, found, steps).await,
        "by_text" => exercise::<C, by_text::Entity>(client, case, store, rows, found, steps).await,
        "by_uuid" => exercise::<C, by_uuid::Entity>(client, case, store, rows, found, steps).await,
        "by_pair" => exercise::<C, by_pair::Entity>(client, case, store, rows, found, steps).await,
        _ => exercise::<C, priced::Entity>(client, case, store, rows, found, steps).await,
    }
}

async fn exercise<C: Client, E: Thing>(
    client: &mut C,
    case: &Case,
    store: &Store,
    rows: &Rows,
    found: &mut Findings<'_>,
    steps: &mut Vec<Step>,
) {
    let mut rng = Rng::with_seed(case.number);
    let repository = store.repository::<E>();
    let mut known = reads::<E>(case, rows, &repository, &mut rng, found).await;
    if !case.meanwhile.is_empty()
        && let Some(rows) = client.meanwhile(case)
    {
        known = reads::<E>(case, &rows, &repository, &mut rng, found).await;
    }
    client.look(case, store).await;
    let mut writer = Writer::<E>::new(case, &repository, &mut rng, known);
    for nth in 0..WRITES {
        if let Some(step) = writer.write(nth, found).await {
            client.look(case, store).await;
            steps.push(step);
        }
    }
}
