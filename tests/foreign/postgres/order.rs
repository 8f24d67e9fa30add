//! Text of other collations, and values that a cursor cannot hold.

use larder::{Cx, ErrorKind, Filter, OnConflict, PageRequest, Query, ReaderExt as _, SqlText, Store, field};

use larder_entity::raw_log;

use super::{entities::doubles, is_skipped, psql, stores};
use crate::support::{entities::label, postgres::TestDatabase};

/// All of a query, by pages.
async fn paged(store: &Store, query: &Query<label::Model>, size: u32) -> Vec<String> {
    let (cx, labels) = (Cx::new(), store.repository::<label::Entity>());
    let (mut names, mut request) = (Vec::new(), PageRequest::new(size));
    loop {
        let page = labels.page(&cx, query, &request).await.unwrap();
        names.extend(page.models.into_iter().map(|label| label.name));
        match page.next {
            Some(next) if names.len() < 100 => request = PageRequest::new(size).after(&next),
            _ => return names,
        }
    }
}

/// Text is what its bytes are, whatever the column's collation takes for the same.
#[tokio::test]
async fn text_of_any_collation_is_compared_by_its_bytes() {
    if is_skipped() {
        return;
    }
    for english in [false, true] {
        let database = &if english { TestDatabase::in_english().await } else { TestDatabase::empty().await };
        psql(
            database,
            "CREATE EXTENSION citext; CREATE COLLATION folded (provider = icu, locale = 'und-u-ks-level2', deterministic = false)",
        );
        for column in ["citext", "text COLLATE folded", "text COLLATE \"en-x-icu\"", "text", "varchar(20)", "text COLLATE \"C\""]
        {
            psql(
                database,
                &format!(
                    "DROP TABLE IF EXISTS label; CREATE TABLE label (name {column} PRIMARY KEY, text {column});
                     INSERT INTO label VALUES ('Zebra', 'x'), ('apple', 'X'), ('Ann', 'x'), ('é', 'X'), ('b', 'y'), ('_', NULL)"
                ),
            );
            let bytes = psql(database, "SELECT name FROM label ORDER BY name::text COLLATE \"C\"").replace('\n', " ");
            for store in stores(database).await {
                let case = format!("{column} in {english}");
                orders_by_bytes(&store, &bytes, &case).await;
                finds_by_bytes(&store, &case).await;
                groups_by_bytes(&store, &case).await;
                replaces_by_bytes(&store, column == "citext" || column == "text COLLATE folded", &case).await;
                store.close().await;
            }
        }
    }
}

fn names(labels: Vec<label::Model>) -> String {
    labels.into_iter().map(|label| label.name).collect::<Vec<_>>().join(" ")
}

/// Models and pages of any size come in the order of bytes.
async fn orders_by_bytes(store: &Store, bytes: &str, case: &str) {
    let labels = store.repository::<label::Entity>();
    assert_eq!(names(labels.all(&Cx::new()).await.unwrap()), bytes, "{case}");
    for size in [1, 2, 5] {
        assert_eq!(paged(store, &Query::new(), size).await.join(" "), bytes, "{case}");
        let by_text = Query::new().order_by_desc(label::COLUMN.text).order_by_desc(label::COLUMN.name);
        assert_eq!(paged(store, &by_text, size).await.join(" "), "_ b Zebra Ann é apple", "{case}");
    }
}

/// Groups and what belongs to a parent are told by the bytes of text.
async fn groups_by_bytes(store: &Store, case: &str) {
    let (cx, labels) = (Cx::new(), store.repository::<label::Entity>());
    let first = Query::new().order_by_desc(label::COLUMN.name).first_of_each(label::COLUMN.text);
    assert_eq!(names(labels.query(&cx, &first).await.unwrap()), "é b _ Zebra", "{case}");
    let parents = ["x", "X", "z"].map(|text| label::Model { name: String::new(), text: Some(text.to_owned()) });
    let of_each = labels.of_each(&cx, &parents, label::COLUMN.text, label::COLUMN.text, &Query::new()).await.unwrap();
    assert_eq!(of_each.into_iter().map(names).collect::<Vec<_>>(), ["Ann Zebra", "apple é", ""], "{case}");
}

/// Ids and filters are compared by their bytes.
async fn finds_by_bytes(store: &Store, case: &str) {
    let (cx, labels) = (Cx::new(), store.repository::<label::Entity>());
    assert_eq!(labels.find(&cx, &"ANN".to_owned()).await.unwrap(), None, "{case}");
    assert!(labels.find(&cx, &"Ann".to_owned()).await.unwrap().is_some(), "{case}");
    let ids = ["ANN", "Ann", "zebra", "Zebra"].map(str::to_owned);
    assert_eq!(names(labels.find_many(&cx, &ids).await.unwrap()), "Ann Zebra", "{case}");
    let starts = async |text: &str| {
        let query = Query::new().filter(field(label::COLUMN.name).starts_with(text));
        names(labels.query(&cx, &query).await.unwrap())
    };
    assert_eq!((starts("Z").await, starts("z").await), ("Zebra".to_owned(), String::new()), "{case}");
    let count = async |filter: Filter<label::Model>| labels.count(&cx, &filter).await.unwrap();
    let text = || field(label::COLUMN.text);
    assert_eq!(count(text().equals("x")).await, 2, "{case}");
    assert_eq!(count(text().not_equals("x")).await, 3, "{case}");
    assert_eq!(count(text().is_in(["x", "y"])).await, 3, "{case}");
    assert_eq!(count(text().contains("X")).await, 2, "{case}");
    assert_eq!(count(text().at_most("X")).await, 2, "{case}");
    let mut texts = labels.distinct::<Option<String>, _>(&cx, label::COLUMN.text, &Filter::all()).await.unwrap();
    texts.sort();
    assert_eq!(texts, [None, Some("X".to_owned()), Some("x".to_owned()), Some("y".to_owned())], "{case}");
    assert_eq!(labels.delete_many(&cx, &["ANN".to_owned()]).await.unwrap(), 0, "{case}");
}

/// Writes find rows by the bytes of the id. An upsert fails as a duplicate, and changes nothing, if the id differs from a stored
/// one only in a way that the column ignores.
async fn replaces_by_bytes(store: &Store, folds: bool, case: &str) {
    let (cx, labels) = (Cx::new(), store.repository::<label::Entity>());
    let label = |name: &str, text: &str| label::Model { name: name.to_owned(), text: Some(text.to_owned()) };
    let before = labels.all(&cx).await.unwrap();
    let written = [label("c1", "x"), label("C2", "X"), label("c3", "y")];
    assert_eq!(labels.create(&cx, &written[0]).await.unwrap(), written[0], "{case}");
    labels.create_batch(&cx, &written[1..]).await.unwrap();
    assert_eq!(labels.update(&cx, &label("c1", "Z")).await.unwrap(), label("c1", "Z"), "{case}");
    let changed = [label("c1", "z"), label("C2", "Y")];
    assert_eq!(labels.update_many(&cx, &changed).await.unwrap(), changed, "{case}");
    assert_eq!(labels.update(&cx, &label("c2", "Z")).await.unwrap_err().kind(), ErrorKind::NotFound, "{case}");
    let deleted = field(label::COLUMN.name).is_in(["c1", "C1", "C2", "c3"]);
    assert_eq!(labels.delete_where(&cx, &deleted).await.unwrap(), 3, "{case}");
    for replaces in [true, false] {
        let on_conflict = if replaces { OnConflict::replace() } else { OnConflict::ignore() };
        let given = [label("ANN", "1"), label("new", "2"), label("b", "3")];
        let upserted = labels.upsert_batch(&cx, &given, &on_conflict).await;
        if folds {
            let error = upserted.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Duplicate, "{case}: {error:?}");
            assert_eq!(labels.all(&cx).await.unwrap(), before, "{case}");
            let twice = [label("New", "1"), label("new", "2")];
            assert_eq!(labels.upsert_batch(&cx, &twice, &on_conflict).await.unwrap_err().kind(), ErrorKind::Duplicate, "{case}");
            assert_eq!(labels.all(&cx).await.unwrap(), before, "{case}");
        } else {
            assert_eq!(upserted.unwrap().inserted, 2, "{case}");
            assert_eq!(labels.find(&cx, &"Ann".to_owned()).await.unwrap(), Some(label("Ann", "x")), "{case}");
            assert_eq!(labels.delete_many(&cx, &["ANN".to_owned(), "new".to_owned()]).await.unwrap(), 2, "{case}");
        }
        let upserted = labels.upsert_batch(&cx, &[label("b", "3"), label("c", "4")], &on_conflict).await.unwrap();
        assert_eq!((upserted.inserted, upserted.updated + upserted.ignored), (1, 1), "{case}");
        assert_eq!(
            labels.find(&cx, &"b".to_owned()).await.unwrap(),
            Some(label("b", if replaces { "3" } else { "y" })),
            "{case}"
        );
        labels.delete(&cx, &"c".to_owned()).await.unwrap();
        labels.upsert_batch(&cx, &[label("b", "y")], &OnConflict::replace()).await.unwrap();
    }
}

/// The plan of a statement that lists labels in their order.
async fn plan(store: &Store, sql: &str) -> String {
    let plan: Vec<String> = store.sql().unwrap().query_as(&Cx::new(), &SqlText::new(format!("EXPLAIN {sql}"))).await.unwrap();
    plan.join("\n")
}

/// The last statement that read a table's models.
fn last_query(database: &TestDatabase, table: &str) -> String {
    psql(
        database,
        &format!(
            "SELECT query FROM pg_stat_activity WHERE query LIKE 'SELECT \"{table}\"%' AND query NOT LIKE '%pg_stat%' AND datname = current_database() ORDER BY query_start DESC LIMIT 1"
        ),
    )
}

/// Text keys are searched by an ordinary index where the order of the column is that of bytes, and else by one that is made for
/// it.
#[tokio::test]
async fn text_keys_are_searched_by_an_index() {
    if is_skipped() {
        return;
    }
    for (english, column, index) in [
        (false, "text", ""),
        (true, "text COLLATE \"C\"", ""),
        (true, "text", "CREATE INDEX label_by_name ON label (name COLLATE \"C\")"),
    ] {
        let database = &if english { TestDatabase::in_english().await } else { TestDatabase::empty().await };
        psql(
            database,
            &format!(
                "CREATE TABLE label (name {column} PRIMARY KEY, text text); {index};
                 INSERT INTO label SELECT 'label ' || n FROM generate_series(1, 20000) n; ANALYZE label"
            ),
        );
        for store in stores(database).await {
            let (cx, labels) = (Cx::new(), store.repository::<label::Entity>());
            assert_eq!(labels.query(&cx, &Query::new().limit(3)).await.unwrap().len(), 3);
            let query = last_query(database, "label");
            let query = query.replace("$1", "3").replace("$2", "0");
            let plan = plan(&store, &query).await;
            assert!(plan.contains("Index") && !plan.contains("Sort"), "{query}: {plan}");
            store.close().await;
        }
    }
}

/// The ready-made tables keep text that is searched by in the order of bytes, whatever the database speaks.
#[tokio::test]
async fn ready_made_tables_are_searched_by_their_indexes_in_english() {
    if is_skipped() {
        return;
    }
    let database = &TestDatabase::in_english().await;
    let [store, _] = stores(database).await;
    larder_migration::Migrations::default().up(&store, None).await.unwrap();
    psql(
        database,
        "INSERT INTO raw_logs SELECT gen_random_uuid(), now(), 'source ' || n, 'text', now(), 1 FROM generate_series(1, 20000) n; ANALYZE raw_logs",
    );
    let (cx, logs) = (Cx::new(), store.repository::<raw_log::Entity>());
    let in_order = Query::new().order_by(raw_log::COLUMN.source_id).limit(3);
    let first = logs.query(&cx, &in_order).await.unwrap();
    assert_eq!(first.iter().map(|log| log.source_id.as_str()).collect::<Vec<_>>(), ["source 1", "source 10", "source 100"]);
    let query = last_query(database, "raw_logs").replace("$1", "3").replace("$2", "0");
    let plan = plan(&store, &query).await;
    assert!(plan.contains("idx_raw_logs_source"), "{query}: {plan}");
    store.close().await;
}

/// A row that holds NaN is read as it is, and is no hindrance to pages in the order of other columns.
#[tokio::test]
async fn pages_pass_over_a_row_that_holds_nan() {
    if is_skipped() {
        return;
    }
    let database = &TestDatabase::empty().await;
    psql(
        database,
        "CREATE TABLE typed (id integer PRIMARY KEY, value double precision);
         INSERT INTO typed VALUES (1, 'NaN'), (2, 1), (3, 'NaN'), (4, 'Infinity'), (5, NULL)",
    );
    for store in stores(database).await {
        let (cx, models) = (Cx::new(), store.repository::<doubles::Entity>());
        let (mut read, mut request) = (Vec::new(), PageRequest::new(1));
        for _ in 0..5 {
            let page = models.page(&cx, &Query::new(), &request).await.unwrap();
            read.extend(page.models);
            let Some(next) = page.next else { break };
            request = PageRequest::new(1).after(&next);
        }
        assert_eq!(read.iter().map(|model| model.id).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
        let value = |nth: usize| read[nth].value;
        assert!(value(0).is_some_and(f64::is_nan) && value(3) == Some(f64::INFINITY));
        let error = models.update(&cx, &read[0]).await.unwrap_err();
        assert_eq!((error.kind(), error.column()), (larder::ErrorKind::InvalidInput, Some("value")));
        store.close().await;
    }
}

/// Columns that fill text up with blanks.
const BLANKS: &str = "DROP TABLE IF EXISTS label; CREATE TABLE label (name char(5) PRIMARY KEY, text char(3));
    INSERT INTO label VALUES ('abc', 'x'), ('ab', 'xyz'), ('ab c', NULL), ('abcde', 'x')";

/// Text that a `char(n)` has filled up with blanks is read with them, found by what was read, and by nothing else.
#[tokio::test]
async fn text_that_is_filled_up_with_blanks_is_found_by_what_was_read() {
    if is_skipped() {
        return;
    }
    let database = &TestDatabase::empty().await;
    psql(database, BLANKS);
    for store in stores(database).await {
        let (cx, labels) = (Cx::new(), store.repository::<label::Entity>());
        let all = labels.all(&cx).await.unwrap();
        let names: Vec<_> = all.iter().map(|label| label.name.as_str()).collect();
        assert_eq!(names, ["ab   ", "ab c ", "abc  ", "abcde"]);
        assert_eq!(paged(&store, &Query::new(), 1).await, names);
        assert_eq!(paged(&store, &Query::new().order_by_desc(label::COLUMN.text), 1).await, ["ab c ", "ab   ", "abc  ", "abcde"]);
        for label in &all {
            assert_eq!(labels.find(&cx, &label.name).await.unwrap().as_ref(), Some(label));
            let found = labels.query(&cx, &Query::new().filter(field(label::COLUMN.name).equals(&label.name))).await.unwrap();
            assert_eq!(found, std::slice::from_ref(label));
        }
        assert_eq!(labels.find(&cx, &"ab".to_owned()).await.unwrap(), None);
        let ids: Vec<_> = ["ab   ", "ab", "abcde"].map(str::to_owned).into();
        assert_eq!(labels.find_many(&cx, &ids).await.unwrap().len(), 2);
        let count = async |filter: Filter<label::Model>| labels.count(&cx, &filter).await.unwrap();
        assert_eq!(count(field(label::COLUMN.text).equals("x  ")).await, 2);
        assert_eq!(count(field(label::COLUMN.text).equals("x")).await, 0);
        assert_eq!(count(field(label::COLUMN.text).is_in(["x  ", "xyz"])).await, 3);
        assert_eq!(count(field(label::COLUMN.name).contains("b ")).await, 2);
    }
}

/// Writes find such text by what was read as well, and are refused where the column would fill up what they give.
#[tokio::test]
async fn text_that_is_filled_up_with_blanks_is_written_by_what_was_read() {
    if is_skipped() {
        return;
    }
    let database = &TestDatabase::empty().await;
    for nth in 0..2 {
        psql(database, BLANKS);
        let (cx, labels) = (Cx::new(), stores(database).await[nth].repository::<label::Entity>());
        let full = labels.find(&cx, &"abcde".to_owned()).await.unwrap().unwrap();
        let refused = labels.update_many(&cx, std::slice::from_ref(&full)).await;
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::InvalidInput);
        let changed = [label::Model { text: Some("new".to_owned()), ..full.clone() }];
        assert_eq!(labels.update_many(&cx, &changed).await.unwrap(), changed);
        let again = [label::Model { text: Some("xxx".to_owned()), ..full }];
        assert_eq!(labels.update_many(&cx, &again).await.unwrap().len(), 1);
        assert_eq!(labels.delete_many(&cx, &["ab".to_owned()]).await.unwrap(), 0);
    }
}
