use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use larder::{
    Changes, Clock, Cx, DeleterExt, Error, ErrorKind, Filter, ManualClock, OnConflict, PageRequest, Projection, Query, ReaderExt,
    Retry, TransactionalExt, TxOptions, field,
};

use crate::testing::{
    Fixture, Harness, OpenWith, Pages,
    entities::{
        item,
        page::{self, COLUMN, Column},
        person,
    },
    page, time,
};

/// A store whose clock stands still, and a repository that keeps everything it can.
async fn kept(harness: &'static dyn Harness) -> (Fixture, Arc<ManualClock>, Pages) {
    let clock = Arc::new(ManualClock::at(time("2026-05-01T00:00:00.1234567Z")));
    let fixture = harness.open(OpenWith { clock: Some(clock.clone()), ..OpenWith::default() }).await;
    let pages = fixture.store.repository_builder::<page::Entity>().version(Column::Version).created_at(Column::CreatedAt);
    let pages = pages.updated_at(Column::UpdatedAt).deleted_at(Column::DeletedAt).build().unwrap();
    (fixture, clock, pages)
}

/// The time that the clock shows, as it is stored.
fn now(clock: &ManualClock) -> chrono::DateTime<chrono::Utc> {
    larder::to_microseconds(clock.now())
}

/// An update of the stored version raises it; one of another version is `Conflict`, changes nothing, and lets a transaction go
/// on.
pub async fn refuse_a_stale_version(harness: &'static dyn Harness) {
    let (fixture, _clock, pages) = kept(harness).await;
    let cx = Cx::new();
    let first = pages.create(&cx, &page(1, "a")).await.unwrap();
    assert_eq!(first.version, 1);
    let second = pages.update(&cx, &page::Model { title: "b".into(), ..first.clone() }).await.unwrap();
    assert_eq!((second.version, second.title.as_str()), (2, "b"));
    let pages = &pages;
    let went_on = fixture.store.tx(&cx, |cx| {
        let first = first.clone();
        async move {
            let stale = pages.update(&cx, &page::Model { title: "c".into(), ..first }).await;
            let error = stale.unwrap_err();
            assert_eq!((error.kind(), error.operation()), (ErrorKind::Conflict, Some("update")));
            assert_eq!(pages.update(&cx, &page(7, "none")).await.unwrap_err().kind(), ErrorKind::NotFound);
            pages.create(&cx, &page(2, "other")).await
        }
    });
    went_on.await.unwrap();
    assert_eq!(pages.get(&cx, &1).await.unwrap(), second);
}

/// Many models are updated if none of them is stale; every other change of a model raises its version, too.
pub async fn raise_the_version_of_every_change(harness: &'static dyn Harness) {
    let (_fixture, _clock, pages) = kept(harness).await;
    let cx = Cx::new();
    let stored = pages.create_many(&cx, &[page(1, "a"), page(2, "b"), page(3, "c")]).await.unwrap();
    let updated = pages.update_many(&cx, &stored).await.unwrap();
    assert!(updated.iter().all(|page| page.version == 2));
    assert_eq!(updated, pages.all(&cx).await.unwrap());
    let mixed = [updated[0].clone(), stored[1].clone()];
    assert_eq!(pages.update_many(&cx, &mixed).await.unwrap_err().kind(), ErrorKind::Conflict);
    let missing = [updated[0].clone(), page::Model { id: 9, ..updated[1].clone() }];
    assert_eq!(pages.update_many(&cx, &missing).await.unwrap_err().kind(), ErrorKind::NotFound);
    let twice = [updated[0].clone(), updated[0].clone()];
    assert_eq!(pages.update_many(&cx, &twice).await.unwrap_err().kind(), ErrorKind::Conflict);
    assert_eq!(pages.all(&cx).await.unwrap(), updated);

    pages.update_where(&cx, &field(COLUMN.id).equals(1), &Changes::new().set(COLUMN.title, "x")).await.unwrap();
    assert_eq!(pages.get(&cx, &1).await.unwrap().version, 3);
    let given = page::Model { version: 77, title: "y".into(), ..updated[1].clone() };
    pages.upsert_batch(&cx, &[given, page::Model { version: 5, ..page(4, "d") }], &OnConflict::replace()).await.unwrap();
    assert_eq!((pages.get(&cx, &2).await.unwrap().version, pages.get(&cx, &4).await.unwrap().version), (3, 5));
    let version = Changes::new().set(COLUMN.version, 1);
    assert_eq!(pages.update_where(&cx, &Filter::all(), &version).await.unwrap_err().kind(), ErrorKind::InvalidInput);
    let before = pages.all(&cx).await.unwrap();
    assert_eq!(pages.update_where(&cx, &Filter::all(), &Changes::new()).await.unwrap(), 4);
    assert_eq!(pages.all(&cx).await.unwrap(), before);
}

/// Of two updates of one version at once, one is stored and the other is refused.
pub async fn let_one_of_two_updates_win(harness: &'static dyn Harness) {
    let (_fixture, _clock, pages) = kept(harness).await;
    pages.create(&Cx::new(), &page(1, "a")).await.unwrap();
    let pages = &pages;
    for round in 1..20 {
        let update = |task: i32| async move {
            let model = page::Model { version: round, ..page(1, &format!("{round} {task}")) };
            pages.update(&Cx::new(), &model).await.map_err(|error| error.kind())
        };
        let outcomes = futures::future::join_all((0..3).map(update)).await;
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1, "{outcomes:?}");
        let refused = [ErrorKind::Conflict, ErrorKind::Contention];
        assert!(outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).all(|kind| refused.contains(kind)), "{outcomes:?}");
        assert_eq!(pages.get(&Cx::new(), &1).await.unwrap().version, round + 1);
    }
}

/// The times of creation and of the last change are the store's, whatever a model says.
pub async fn keep_the_times(harness: &'static dyn Harness) {
    let (_fixture, clock, pages) = kept(harness).await;
    let cx = Cx::new();
    let start = now(&clock);
    let given = page::Model { updated_at: Some(time("1999-01-01T00:00:00Z").fixed_offset()), ..page(1, "a") };
    let created = pages.create(&cx, &given).await.unwrap();
    assert_eq!((created.created_at, created.updated_at), (start, Some(start.fixed_offset())));
    pages.create_batch(&cx, &[page(2, "b"), page(3, "c")]).await.unwrap();
    assert!(pages.all(&cx).await.unwrap().iter().all(|page| page.created_at == start));

    clock.advance(Duration::from_secs(60));
    let second = now(&clock);
    let updated = pages.update(&cx, &page::Model { title: "x".into(), created_at: second, ..created }).await.unwrap();
    assert_eq!((updated.created_at, updated.updated_at), (start, Some(second.fixed_offset())));
    assert_eq!(pages.get(&cx, &1).await.unwrap(), updated);
    let many = pages.update_many(&cx, &[page(2, "y"), page(3, "z")]).await.unwrap();
    assert!(many.iter().all(|page| page.created_at == start && page.updated_at == Some(second.fixed_offset())));

    clock.advance(Duration::from_secs(60));
    let third = now(&clock).fixed_offset();
    pages.update_where(&cx, &field(COLUMN.id).equals(2), &Changes::new().set(COLUMN.title, "w")).await.unwrap();
    pages.upsert_batch(&cx, &[page(3, "v"), page(4, "new")], &OnConflict::replace()).await.unwrap();
    let all = pages.all(&cx).await.unwrap();
    let times: Vec<_> = all.iter().map(|page| (page.created_at, page.updated_at.unwrap())).collect();
    assert_eq!(times, [(start, second.fixed_offset()), (start, third), (start, third), (third.to_utc(), third)]);
}

fn ids(models: Vec<page::Model>) -> Vec<i64> {
    models.into_iter().map(|page| page.id).collect()
}

/// What is deleted is marked and left out of everything that does not ask for it; what is marked is not deleted again.
pub async fn mark_what_is_deleted(harness: &'static dyn Harness) {
    let (fixture, clock, pages) = kept(harness).await;
    let cx = Cx::new();
    pages.create_batch(&cx, &[page(1, "a"), page(2, "b"), page(3, "c"), page(4, "d"), page(5, "e")]).await.unwrap();
    clock.advance(Duration::from_secs(1));
    assert!(pages.delete(&cx, &1).await.unwrap());
    assert!(!pages.delete(&cx, &1).await.unwrap());
    assert_eq!(pages.delete_many(&cx, &[1, 2, 2, 9]).await.unwrap(), 1);
    assert_eq!(pages.delete_where(&cx, &field(COLUMN.title).is_in(["b", "c"])).await.unwrap(), 1);

    what_is_marked_is_left_out(&pages).await;
    let deleted = pages.query(&cx, &Query::new().with_deleted()).await.unwrap();
    assert_eq!(ids(deleted.clone()), [1, 2, 3, 4, 5]);
    assert_eq!((deleted[0].deleted_at, deleted[0].version), (Some(now(&clock)), 2));

    a_mark_is_not_updated(&pages, &deleted[0], now(&clock)).await;
    assert_eq!(pages.create(&cx, &page(1, "again")).await.unwrap_err().kind(), ErrorKind::Duplicate);

    // It is there to be seen, and to be had back, by whoever asks for it.
    let revived = page::Model { deleted_at: None, ..deleted[0].clone() };
    pages.upsert_batch(&cx, &[revived], &OnConflict::replace()).await.unwrap();
    assert!(pages.exists(&cx, &1).await.unwrap());
    assert_eq!(pages.delete_all(&cx).await.unwrap(), 3);
    let plain = fixture.store.repository::<page::Entity>();
    assert_eq!(plain.count(&cx, &Filter::all()).await.unwrap(), 5);
    assert!(plain.delete(&cx, &1).await.unwrap());
    assert_eq!(pages.query(&cx, &Query::new().with_deleted()).await.unwrap().len(), 4);
}

/// Of five pages, three of which are marked, every read knows two.
async fn what_is_marked_is_left_out(pages: &Pages) {
    let cx = Cx::new();
    assert_eq!(ids(pages.all(&cx).await.unwrap()), [4, 5]);
    assert_eq!(ids(pages.find_many(&cx, &[1, 5, 2]).await.unwrap()), [5]);
    assert_eq!(pages.find(&cx, &1).await.unwrap(), None);
    assert_eq!(pages.count(&cx, &Filter::all()).await.unwrap(), 2);
    assert_eq!(ids(pages.page(&cx, &Query::new(), &PageRequest::new(9)).await.unwrap().models), [4, 5]);
    assert_eq!(pages.distinct::<String, _>(&cx, COLUMN.title, &Filter::all()).await.unwrap(), ["d", "e"]);
    let read: Vec<i64> = pages.query_as(&cx, &Query::new(), &Projection::of(COLUMN.id)).await.unwrap();
    assert_eq!(read, [4, 5]);
    let mut stream = pages.stream(&cx, &Query::new()).await.unwrap();
    assert_eq!(stream.try_next().await.unwrap().map(|page| page.id), Some(4));
    drop(stream);
}

/// No update finds what is marked, and none sets a mark.
async fn a_mark_is_not_updated(pages: &Pages, deleted: &page::Model, now: chrono::DateTime<chrono::Utc>) {
    let cx = Cx::new();
    assert_eq!(pages.update(&cx, deleted).await.unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(pages.update_many(&cx, std::slice::from_ref(deleted)).await.unwrap_err().kind(), ErrorKind::NotFound);
    let mark = Changes::new().set(COLUMN.deleted_at, time("2030-01-01T00:00:00Z"));
    assert_eq!(pages.update_where(&cx, &Filter::all(), &mark).await.unwrap_err().kind(), ErrorKind::InvalidInput);
    let marked = page::Model { deleted_at: Some(now), ..pages.get(&cx, &5).await.unwrap() };
    assert_eq!(pages.update(&cx, &marked).await.unwrap().deleted_at, None);
    let again = page::Model { version: 2, ..marked };
    assert_eq!(pages.update_many(&cx, &[again]).await.unwrap()[0].deleted_at, None);
    assert_eq!(pages.update_where(&cx, &field(COLUMN.id).at_most(4), &Changes::new().set(COLUMN.title, "new")).await.unwrap(), 1);
}

/// A mark is undone with its transaction.
pub async fn undo_a_mark_with_its_transaction(harness: &'static dyn Harness) {
    let (fixture, _clock, pages) = kept(harness).await;
    let pages = &pages;
    pages.create(&Cx::new(), &page(1, "a")).await.unwrap();
    let undone = fixture.store.tx(&Cx::new(), |cx| async move {
        assert!(pages.delete(&cx, &1).await?);
        assert_eq!(pages.find(&cx, &1).await?, None);
        Err::<(), _>(Error::new(ErrorKind::Internal, "undo"))
    });
    undone.await.unwrap_err();
    assert_eq!(pages.get(&Cx::new(), &1).await.unwrap().version, 1);
}

/// A column of the wrong type is refused when the repository is made.
pub async fn refuse_columns_of_the_wrong_type(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let store = &fixture.store;
    let pages = || store.repository_builder::<page::Entity>();
    let refused = [
        pages().version(Column::Title).build().err(),
        pages().version(Column::Id).build().err(),
        pages().created_at(Column::Title).build().err(),
        pages().updated_at(Column::Version).build().err(),
        pages().deleted_at(Column::CreatedAt).build().err(),
        pages().created_at(Column::UpdatedAt).updated_at(Column::UpdatedAt).build().err(),
        store.repository_builder::<person::Entity>().version(person::Column::Level).build().err(),
        store.repository_builder::<item::Entity>().deleted_at(item::Column::Day).build().err(),
    ];
    for error in refused {
        assert_eq!(error.map(|error| error.kind()), Some(ErrorKind::InvalidInput));
    }
    assert!(pages().created_at(Column::CreatedAt).deleted_at(Column::DeletedAt).build().is_ok());
}

/// A stale version is `Conflict` at once, or, where the options ask for it, reason to run the closure again, which then reads the
/// newer version.
pub async fn run_again_after_a_conflict_where_that_is_asked(harness: &'static dyn Harness) {
    let (fixture, _clock, pages) = kept(harness).await;
    let stale = pages.create(&Cx::new(), &page(1, "a")).await.unwrap();
    pages.update(&Cx::new(), &page::Model { title: "b".into(), ..stale.clone() }).await.unwrap();
    let (pages, stale) = (&pages, &stale);
    let soon = Retry::attempts(3).wait(Duration::from_millis(1), Duration::from_millis(2));
    for (retry, runs_again) in [(soon, false), (soon.on_conflict(), true), (Retry::never().on_conflict(), false)] {
        for by_many in [false, true] {
            let attempts = &AtomicU32::new(0);
            let outcome = fixture.store.tx_with(&Cx::new(), TxOptions::new().retry(retry), |cx| async move {
                attempts.fetch_add(1, Ordering::SeqCst);
                let read = if cx.attempt() == 1 { stale.clone() } else { pages.get(&cx, &1).await? };
                match by_many {
                    true => pages.update_many(&cx, &[read]).await.map(drop),
                    false => pages.update(&cx, &read).await.map(drop),
                }
            });
            let (outcome, attempts) = (outcome.await, attempts.load(Ordering::SeqCst));
            match runs_again {
                true => assert_eq!((outcome.map_err(|error| error.kind()), attempts), (Ok(()), 2)),
                false => assert_eq!((outcome.unwrap_err().kind(), attempts), (ErrorKind::Conflict, 1)),
            }
        }
    }
    // Of two models with one id, no repetition makes one.
    let attempts = &AtomicU32::new(0);
    let twice = fixture.store.tx_with(&Cx::new(), TxOptions::new().retry(soon.on_conflict()), |cx| async move {
        attempts.fetch_add(1, Ordering::SeqCst);
        let read = pages.get(&cx, &1).await?;
        pages.update_many(&cx, &[read.clone(), read]).await.map(drop)
    });
    assert_eq!((twice.await.unwrap_err().kind(), attempts.load(Ordering::SeqCst)), (ErrorKind::Conflict, 1));
    // A conflict that the closure has dealt with is none.
    let outcome = fixture.store.tx_with(&Cx::new(), TxOptions::new().retry(soon.on_conflict()), |cx| async move {
        pages.update(&cx, stale).await.unwrap_err();
        pages.get(&cx, &1).await?;
        Err::<(), _>(Error::new(ErrorKind::Check, format!("attempt {}", cx.attempt())))
    });
    assert!(outcome.await.unwrap_err().to_string().contains("attempt 1"));
}
