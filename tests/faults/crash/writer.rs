//! A writer that says what it does, and what has to be true of what it leaves.

#![allow(dead_code)] // Each feature uses a part of it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use futures::future::join_all;
use larder::{Cx, Error, ErrorKind, Filter, ReaderExt as _, SqlText, Storage, Store, TransactionalExt};
use uuid::Uuid;

use crate::{
    child::say,
    support::{
        create_tables,
        entities::{label, note, person},
        note, person,
    },
};

const FIRST: &str = "first@b";

/// What a writer keeps. Each of its transactions changes all of it.
#[derive(Clone)]
pub(crate) struct Shelves {
    store: Store,
    notes: Arc<dyn Storage<note::Model, Uuid>>,
    people: Arc<dyn Storage<person::Model, i64>>,
    labels: Arc<dyn Storage<label::Model, String>>,
}

/// Names of writes.
pub(crate) type Names = BTreeSet<String>;

/// How many notes the transaction of a number stores.
pub(crate) fn size(number: usize) -> usize {
    [1, 10, 1000][number % 3]
}

/// Whether a number is that of single writes, and not of a transaction.
fn is_single(number: usize) -> bool {
    number % 4 == 3
}

fn number_of(name: &str) -> Option<usize> {
    name.split('.').next()?.parse().ok()
}

impl Shelves {
    pub(crate) fn of(store: &Store) -> Self {
        Self {
            store: store.clone(),
            notes: store.repository::<note::Entity>(),
            people: store.repository::<person::Entity>(),
            labels: store.repository::<label::Entity>(),
        }
    }

    /// Makes the tables, and whom the transactions change.
    pub(crate) async fn new(store: &Store) -> Self {
        if store.capabilities().schema {
            create_tables(store).await;
        }
        let shelves = Self::of(store);
        shelves.people.create(&Cx::new(), &person(FIRST)).await.unwrap();
        shelves
    }

    /// Leaves everything as it was in the beginning.
    #[cfg(feature = "postgres")]
    pub(crate) async fn clear(&self) {
        let cx = Cx::new();
        self.notes.delete_where(&cx, &Filter::all()).await.unwrap();
        self.labels.delete_where(&cx, &Filter::all()).await.unwrap();
        let first = person::Model { id: 1, level: Some(3), ..person(FIRST) };
        self.people.update(&cx, &first).await.unwrap();
    }

    /// One transaction: notes with a primary key; a label deleted and stored again, and one more; a person whose unique columns
    /// change.
    pub(crate) async fn write(&self, number: usize, size: usize) -> Result<(), Error> {
        let notes: Vec<_> = (0..size).map(|_| note(&number.to_string())).collect();
        let notes = &notes;
        let transaction = self.store.tx(&Cx::new(), |cx| async move {
            match size {
                1 => self.notes.create(&cx, &notes[0]).await.map(drop)?,
                10 => self.notes.create_many(&cx, notes).await.map(drop)?,
                _ => self.notes.create_batch(&cx, notes).await.map(drop)?,
            }
            self.labels.delete(&cx, &"last".to_owned()).await?;
            let label = |name: &str, text: usize| label::Model { name: name.to_owned(), text: Some(text.to_string()) };
            self.labels.create_many(&cx, &[label("last", number), label(&number.to_string(), size)]).await?;
            let mut person = self.people.find(&cx, &1).await?.unwrap();
            person.email = format!("{number}@b");
            (person.row, person.place) = (Some(1), i32::try_from(number).ok());
            self.people.update(&cx, &person).await.map(drop)
        });
        transaction.await
    }

    /// One write without a transaction.
    async fn write_alone(&self, name: &str) -> Result<(), Error> {
        let label = label::Model { name: name.to_owned(), text: Some("0".to_owned()) };
        self.labels.create(&Cx::new(), &label).await.map(drop)
    }

    /// Writes what belongs to a number, and says before each write that it begins and after it what it came to.
    pub(crate) async fn write_aloud(&self, number: usize, size: usize) -> Result<(), Error> {
        if is_single(number) {
            let writes = ["a", "b", "c"].map(|letter| async move {
                let name = format!("{number}.{letter}");
                say(&format!("TRY {name}"));
                answered(&name, self.write_alone(&name).await)
            });
            return join_all(writes).await.into_iter().collect();
        }
        say(&format!("TRY {number}"));
        answered(&number.to_string(), self.write(number, size).await)
    }

    /// The same without words, for a writer of this process.
    pub(crate) async fn write_noted(&self, number: usize, said: &mut Said) -> Result<(), Error> {
        let writes = match is_single(number) {
            false => vec![(number.to_string(), self.write(number, size(number)).await)],
            true => {
                let names = ["a", "b", "c"].map(|letter| format!("{number}.{letter}"));
                let writes = join_all(names.iter().map(|name| self.write_alone(name))).await;
                names.into_iter().zip(writes).collect()
            }
        };
        for (name, written) in &writes {
            match written {
                Ok(()) => drop((said.tried.insert(name.clone()), said.acknowledged.insert(name.clone()))),
                Err(error) if error.kind() == ErrorKind::CommitUnknown => drop(said.tried.insert(name.clone())),
                Err(_) => {}
            }
        }
        writes.into_iter().try_for_each(|(_, written)| written)
    }

    /// The number after all that are stored.
    pub(crate) async fn next(&self) -> usize {
        self.stored().await.iter().filter_map(|name| number_of(name)).max().map_or(0, |last| last + 1)
    }

    /// What is stored, each write of it checked to be there as a whole.
    pub(crate) async fn stored(&self) -> Names {
        let cx = Cx::new();
        let mut labels: BTreeMap<String, String> =
            self.labels.all(&cx).await.unwrap().into_iter().map(|label| (label.name, label.text.unwrap())).collect();
        let last = labels.remove("last");
        let notes = self.counts().await;
        let of_labels = labels.iter().filter(|(_, size)| *size != "0");
        let of_labels: BTreeMap<String, i64> = of_labels.map(|(name, size)| (name.clone(), size.parse().unwrap())).collect();
        assert_eq!(notes, of_labels, "a transaction is there by half");

        let latest = of_labels.keys().filter_map(|name| number_of(name)).max();
        let person = self.people.find(&cx, &1).await.unwrap().unwrap();
        let email = latest.map_or(FIRST.to_owned(), |number| format!("{number}@b"));
        assert_eq!((last, person.email), (latest.map(|number| number.to_string()), email), "a transaction is there by half");
        self.indexes_agree(&of_labels, latest).await;
        labels.into_keys().collect()
    }

    /// How many notes there are of each body.
    async fn counts(&self) -> BTreeMap<String, i64> {
        let Ok(sql) = self.store.sql() else {
            let mut counts = BTreeMap::new();
            for note in self.notes.all(&Cx::new()).await.unwrap() {
                *counts.entry(note.body).or_default() += 1;
            }
            return counts;
        };
        let counts = SqlText::new("SELECT body, count(*) FROM note GROUP BY body");
        let counts: Vec<(String, i64)> = sql.query_as(&Cx::new(), &counts).await.unwrap();
        counts.into_iter().collect()
    }

    /// What an index finds is what a scan of the table finds.
    async fn indexes_agree(&self, sizes: &BTreeMap<String, i64>, latest: Option<usize>) {
        let cx = Cx::new();
        let email = latest.map_or(FIRST.to_owned(), |number| format!("{number}@b"));
        for condition in ["email = $1", "email || '' = $1"] {
            let Ok(sql) = self.store.sql() else { continue };
            let people = SqlText::new(format!("SELECT count(*) FROM person WHERE {condition}")).bind(email.as_str());
            assert_eq!(sql.query_as::<i64>(&cx, &people).await.unwrap(), [1], "{condition}");
        }
        let notes = self.notes.all(&cx).await.unwrap();
        assert_eq!(i64::try_from(notes.len()).unwrap(), sizes.values().sum::<i64>());
        assert_eq!(self.notes.count(&cx, &Filter::all()).await.unwrap(), notes.len() as u64);
        // Of many, so many from all over the table.
        let ids: Vec<_> = notes.iter().step_by(notes.len() / 2_000 + 1).map(|note| note.id).collect();
        assert_eq!(self.notes.find_many(&cx, &ids).await.unwrap().len(), ids.len());
    }
}

/// Says what a write came to.
fn answered(name: &str, written: Result<(), Error>) -> Result<(), Error> {
    match &written {
        Ok(()) => say(&format!("ACK {name}")),
        Err(error) => say(&format!("ERR {name} {:?} {}", error.kind(), error.code().unwrap_or_default())),
    }
    written
}

/// What a writer said.
#[derive(Debug, Default)]
pub(crate) struct Said {
    /// What may be stored: what was begun, and was not answered with an error that says it is not.
    pub tried: Names,
    pub acknowledged: Names,
    /// What was answered with an error, and its kind and code.
    pub refused: Vec<(String, String)>,
}

impl Said {
    pub(crate) fn of(words: &[String]) -> Self {
        let said = |word: &str| words.iter().filter_map(|said| said.strip_prefix(word)).map(str::to_owned).collect::<Vec<_>>();
        let refused: Vec<_> =
            said("ERR ").iter().filter_map(|said| said.split_once(' ')).map(|(name, why)| (name.into(), why.into())).collect();
        let mut tried = Names::from_iter(said("TRY "));
        for (name, _) in refused.iter().filter(|(_, why): &&(String, String)| !why.starts_with("CommitUnknown")) {
            tried.remove(name);
        }
        Self { tried, acknowledged: Names::from_iter(said("ACK ")), refused }
    }

    /// What was acknowledged is stored, and what is stored was there before or was tried.
    pub(crate) fn check(&self, before: &Names, stored: &Names) {
        let expected: Names = before.union(&self.acknowledged).cloned().collect();
        let lost: Vec<_> = expected.difference(stored).collect();
        assert!(lost.is_empty(), "{lost:?} is lost of {self:?}");
        let possible: Names = before.union(&self.tried).cloned().collect();
        let invented: Vec<_> = stored.difference(&possible).collect();
        assert!(invented.is_empty(), "{invented:?} was never tried: {self:?}");
    }
}

/// SQLite's own check of the whole file.
#[cfg(feature = "sqlite")]
pub(crate) async fn is_sound(store: &Store) {
    let check = SqlText::new("SELECT integrity_check FROM pragma_integrity_check");
    let found: Vec<String> = store.sql().unwrap().query_as(&Cx::new(), &check).await.unwrap();
    assert_eq!(found, ["ok"]);
}
