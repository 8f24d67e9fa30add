//! Claims in tables with constraints: DuckDB's claims change a column and change it back, which no constraint may notice.

use larder::{Changes, Cx, Error, ErrorKind, Query, SqlText, Store, Transactional as _, TxOptions, field};

use crate::support::entities::job::{self, COLUMN};

/// A store whose table of jobs has these three columns after the name, with two jobs in it.
async fn with_jobs(columns: [&str; 3]) -> Store {
    let store = larder::open("duckdb::memory:").await.unwrap();
    let [due, tries, worker] = columns;
    let create = format!(
        "CREATE TABLE job (id BIGINT PRIMARY KEY, name VARCHAR NOT NULL UNIQUE, due TIMESTAMPTZ {due}, tries INTEGER NOT NULL {tries}, worker VARCHAR {worker})"
    );
    for sql in ["CREATE TABLE effort (tries INTEGER PRIMARY KEY)", "INSERT INTO effort VALUES (7), (8)", &create] {
        store.sql().unwrap().execute(&Cx::new(), &SqlText::new(sql)).await.unwrap();
    }
    for (id, tries) in [(1, 7), (2, 8)] {
        let job = job::Model { id, name: format!("job {id}"), due: None, tries, worker: None };
        store.repository::<job::Entity>().create(&Cx::new(), &job).await.unwrap();
    }
    store
}

/// Claims a job in an open transaction, and then beside it. Returns the error of the second claim.
async fn claims_twice(store: &Store) -> Error {
    let jobs = store.repository::<job::Entity>();
    let first = Query::new().order_by(COLUMN.id).limit(1);
    let open = store.begin(&Cx::new(), TxOptions::new()).await.unwrap();
    let claimed = jobs.update_first(&open, &first, &Changes::new().set(COLUMN.name, "claimed")).await.unwrap();
    assert_eq!((claimed[0].id, claimed[0].tries, claimed[0].worker.as_deref()), (1, 7, None));
    let beside = jobs.delete_first(&Cx::new(), &first).await.unwrap_err();
    open.commit().await.unwrap();
    assert_eq!(jobs.delete_first(&Cx::new(), &Query::new().order_by(COLUMN.id).limit(9)).await.unwrap().len(), 2);
    beside
}

#[tokio::test]
async fn columns_with_constraints_are_left_alone() {
    for columns in [
        ["", "CHECK (tries > 6)", ""],
        ["", "REFERENCES effort", ""],
        ["", "UNIQUE", ""],
        ["", "", "CHECK (worker <> '')"],
        ["CHECK (due IS NULL)", "", ""],
    ] {
        assert_eq!(claims_twice(&with_jobs(columns).await).await.kind(), ErrorKind::Contention, "{columns:?}");
    }
    let store = with_jobs(["", "", ""]).await;
    store.sql().unwrap().execute(&Cx::new(), &SqlText::new("CREATE UNIQUE INDEX tries ON job (tries)")).await.unwrap();
    assert_eq!(claims_twice(&store).await.kind(), ErrorKind::Contention);
}

#[tokio::test]
async fn a_table_in_which_no_row_can_be_marked_has_no_claims() {
    let store = with_jobs(["", "CHECK (tries > 6)", "CHECK (worker <> '')"]).await;
    let jobs = store.repository::<job::Entity>();
    let claim = Changes::new().set(COLUMN.worker, "ann");
    let refused = jobs.update_first(&Cx::new(), &Query::new().order_by(COLUMN.id).limit(1), &claim).await;
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Unsupported);
    assert_eq!(jobs.count(&Cx::new(), &field(COLUMN.worker).is_null()).await.unwrap(), 2);
}
