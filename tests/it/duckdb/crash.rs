//! What is left when the process is killed.

use std::{
    env,
    io::{BufRead, BufReader, Write},
    process::{Command, Stdio},
    sync::Arc,
};

use larder::ReaderExt as _;
use larder::{Cx, Error, Storage, Store, TransactionalExt};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect, QueryTrait};
use uuid::Uuid;

use crate::support::{
    entities::{label, note, person},
    note, person, tables,
};

const URL: &str = "LARDER_TEST_DUCKDB_CRASH_URL";
const ROUNDS: usize = 50;

/// What a writer keeps, all of it changed in each of its transactions.
struct Shelves {
    notes: Arc<dyn Storage<note::Model, Uuid>>,
    people: Arc<dyn Storage<person::Model, i64>>,
    labels: Arc<dyn Storage<label::Model, String>>,
}

impl Shelves {
    fn of(store: &Store) -> Self {
        Self {
            notes: store.repository::<note::Entity>(),
            people: store.repository::<person::Entity>(),
            labels: store.repository::<label::Entity>(),
        }
    }

    /// One number: a note by its primary key; a label deleted and stored again; a person whose unique columns change.
    async fn write(&self, cx: &Cx, number: usize) -> Result<(), Error> {
        self.notes.create_many(cx, &[note(&format!("{number} a")), note(&format!("{number} b"))]).await?;
        self.labels.delete(cx, &"last".to_owned()).await?;
        self.labels.create(cx, &label::Model { name: "last".into(), text: Some(number.to_string()) }).await?;
        let mut person = self.people.find(cx, &1).await?.unwrap();
        person.email = format!("{number}@b");
        (person.row, person.place) = (Some(1), i32::try_from(number).ok());
        self.people.update(cx, &person).await.map(drop)
    }

    /// The numbers that are stored, each checked to be there as a whole.
    async fn stored(&self) -> usize {
        let cx = Cx::new();
        let bodies: Vec<_> = self.notes.all(&cx).await.unwrap().into_iter().map(|note| note.body).collect();
        let count = bodies.len() / 2;
        for number in 0..count {
            assert!(bodies.contains(&format!("{number} a")) && bodies.contains(&format!("{number} b")), "{number} of {count}");
        }
        assert_eq!(bodies.len() % 2, 0);
        let person = self.people.find(&cx, &1).await.unwrap().unwrap();
        let last = self.labels.find(&cx, &"last".to_owned()).await.unwrap().and_then(|label| label.text);
        match count.checked_sub(1) {
            Some(number) => assert_eq!((last, person.email), (Some(number.to_string()), format!("{number}@b"))),
            None => assert_eq!((last, person.email.as_str()), (None, "first@b")),
        }
        count
    }
}

/// What an index finds is what a scan of the table finds.
async fn indexes_agree_with_the_tables(store: &Store, stored: usize) {
    let cx = Cx::new();
    let email = stored.checked_sub(1).map_or("first@b".to_owned(), |number| format!("{number}@b"));
    let by_index = person::Entity::find().filter(person::Column::Email.eq(email.as_str()));
    let by_scan = person::Entity::find().filter(sea_orm::sea_query::Expr::cust(format!("email || '' = '{email}'"))).limit(9);
    for select in [by_index.into_query(), by_scan.into_query()] {
        assert_eq!(store.sql().unwrap().models::<person::Entity>(&cx, &select).await.unwrap().len(), 1);
    }
    let notes = store.repository::<note::Entity>();
    let ids: Vec<_> = notes.all(&cx).await.unwrap().into_iter().map(|note| note.id).collect();
    assert_eq!(notes.find_many(&cx, &ids).await.unwrap().len(), ids.len());
}

/// Writes until it is killed, and says before each transaction that it begins and after it that it was committed.
async fn write_until_killed(url: &str) {
    let say = |word: &str, number: usize| {
        let mut out = std::io::stdout().lock();
        writeln!(out, "\n{word} {number}").unwrap();
        out.flush().unwrap();
    };
    let store = larder::open(url).await.unwrap();
    let shelves = &Shelves::of(&store);
    let first = shelves.stored().await;
    for number in first.. {
        say("TRY", number);
        store.tx(&Cx::new(), |cx| async move { shelves.write(&cx, number).await }).await.unwrap();
        say("ACK", number);
    }
}

/// Killed fifty times at some moment of its work: the log is read again, what was acknowledged is there, nothing that was not tried is, and
/// nothing is there by half.
#[tokio::test]
async fn a_killed_process_undoes_nothing_it_acknowledged() {
    if let Ok(url) = env::var(URL) {
        return write_until_killed(&url).await;
    }
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("crash.duckdb");
    let url = format!("duckdb:{}", file.display());
    let store = larder::open(&url).await.unwrap();
    tables::create(&store).await;
    store.repository::<person::Entity>().create(&Cx::new(), &person("first@b")).await.unwrap();
    store.close().await;

    let mut acknowledged = 0;
    for round in 0..ROUNDS {
        let test = "duckdb::crash::a_killed_process_undoes_nothing_it_acknowledged";
        let mut writer = Command::new(env::current_exe().unwrap());
        writer.args(["--exact", test, "--nocapture"]).env(URL, &url).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut writer = writer.spawn().unwrap();
        let mut lines = BufReader::new(writer.stdout.take().unwrap()).lines().map(Result::unwrap);
        // Another number of words each round, so that it is killed before, in and after a commit.
        let mut said: Vec<_> = lines.by_ref().filter(|line| is_word(line)).take(1 + round % 7).collect();
        let was_running = writer.try_wait().unwrap().is_none();
        writer.kill().unwrap();
        writer.wait().unwrap();
        assert!(was_running && said.len() == 1 + round % 7, "{said:?}");
        said.extend(lines.filter(|line| is_word(line)));

        let number = |word: &str| said.iter().filter_map(|line| line.strip_prefix(word)?.parse::<usize>().ok()).max();
        assert!(number("ACK ").is_none() || fs_size(&file.with_extension("duckdb.wal")) > 0, "the log is what is read again");
        let store = larder::open(&url).await.unwrap();
        let stored = Shelves::of(&store).stored().await;
        acknowledged += said.iter().filter(|line| line.starts_with("ACK ")).count();
        assert!(number("ACK ").is_none_or(|acknowledged| acknowledged < stored), "{said:?}, but {stored}");
        assert!(number("TRY ").is_some_and(|tried| stored <= tried + 1), "{said:?}, but {stored}");
        indexes_agree_with_the_tables(&store, stored).await;
        store.close().await;
    }
    assert!(acknowledged >= ROUNDS, "{acknowledged}");
}

fn is_word(line: &str) -> bool {
    line.starts_with("TRY ") || line.starts_with("ACK ")
}

fn fs_size(path: &std::path::Path) -> u64 {
    std::fs::metadata(path).map_or(0, |file| file.len())
}
