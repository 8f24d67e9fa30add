use std::collections::BTreeMap;

use larder::{
    Changes, Cx, Error, ErrorKind, Filter, Query, ReaderExt, Result, Storage, Transactional, TransactionalExt, TxOptions, field,
};

use crate::testing::{
    Harness,
    entities::job::{self, COLUMN},
    job, time,
};

type Jobs = dyn Storage<job::Model, i64>;

fn free() -> Query<job::Model> {
    Query::new().filter(field(COLUMN.worker).is_null()).order_by(COLUMN.due)
}

fn taken_by(worker: &str) -> Changes<job::Model> {
    Changes::new().set(COLUMN.worker, worker).increase(COLUMN.tries, 1)
}

fn ids(jobs: &[job::Model]) -> Vec<i64> {
    jobs.iter().map(|job| job.id).collect()
}

/// Jobs that are due in the reverse order of their ids, without an end.
async fn fill(jobs: &Jobs, count: i64) -> Vec<job::Model> {
    let due = |id: i64| time("2026-01-01T00:00:00Z") - std::time::Duration::from_secs(id.unsigned_abs());
    let models: Vec<_> = (1..=count).map(|id| job::Model { due: Some(due(id)), ..job(id) }).collect();
    jobs.create_batch(&Cx::new(), &models).await.unwrap();
    models
}

/// `update_first` changes the first models of its query, and answers them as they are then in the order that they had before.
pub async fn take_the_first_of_an_order(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let jobs = fixture.store.repository::<job::Entity>();
    let cx = Cx::new();
    let models = fill(&*jobs, 5).await;
    jobs.create(&cx, &job(6)).await.unwrap();
    // The order changes with the claim.
    let later = time("2026-02-01T00:00:00Z");
    let changes = taken_by("a").set(COLUMN.due, later).set_from(COLUMN.name, COLUMN.name);
    let claimed = jobs.update_first(&cx, &free().limit(3), &changes).await.unwrap();
    let taken = |job: &job::Model| job::Model { due: Some(later), tries: 1, worker: Some("a".into()), ..job.clone() };
    // Nulls come first.
    assert_eq!(claimed, [taken(&job(6)), taken(&models[4]), taken(&models[3])]);
    let by_two = free().order_by_desc(COLUMN.name).limit(10);
    assert_eq!(ids(&jobs.update_first(&cx, &by_two, &taken_by("b")).await.unwrap()), [3, 2, 1]);
    assert!(jobs.update_first(&cx, &free().limit(10), &taken_by("c")).await.unwrap().is_empty());
    let mut tries: Vec<_> = jobs.all(&cx).await.unwrap().into_iter().map(|job| (job.tries, job.worker.unwrap())).collect();
    tries.sort();
    assert_eq!(tries, [(1, "a"), (1, "a"), (1, "a"), (1, "b"), (1, "b"), (1, "b")].map(|(n, w)| (n, w.to_owned())));
    // Without a change, they are answered as they are.
    let all = Query::new().order_by_desc(COLUMN.id).limit(2);
    assert_eq!(ids(&jobs.update_first(&cx, &all, &Changes::new()).await.unwrap()), [6, 5]);
    assert!(jobs.update_first(&cx, &all.limit(0), &taken_by("d")).await.unwrap().is_empty());
}

/// `delete_first` deletes the first models of its query, and answers them as they were.
pub async fn delete_the_first_of_an_order(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let jobs = fixture.store.repository::<job::Entity>();
    let cx = Cx::new();
    let models = fill(&*jobs, 5).await;
    let deleted = jobs.delete_first(&cx, &free().limit(2)).await.unwrap();
    assert_eq!(deleted, [models[4].clone(), models[3].clone()]);
    assert_eq!(ids(&jobs.delete_first(&cx, &free().limit(1)).await.unwrap()), [3]);
    assert_eq!(ids(&jobs.all(&cx).await.unwrap()), [1, 2]);
    assert_eq!(ids(&jobs.delete_first(&cx, &Query::new().order_by(COLUMN.id).limit(9)).await.unwrap()), [1, 2]);
}

/// A claim needs an order and a limit, and takes no offset, no deleted models, and no first of each group.
pub async fn need_an_order_and_a_limit(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let jobs = fixture.store.repository::<job::Entity>();
    let cx = Cx::new();
    let models = fill(&*jobs, 2).await;
    let one = || free().limit(1);
    let of_each = one().first_of_each(COLUMN.tries);
    for query in [Query::new().limit(1), free(), one().offset(1), one().with_deleted(), of_each] {
        let refused = jobs.update_first(&cx, &query, &taken_by("a")).await.unwrap_err();
        assert_eq!((refused.kind(), refused.operation()), (ErrorKind::InvalidInput, Some("update_first")));
        let refused = jobs.delete_first(&cx, &query).await.unwrap_err();
        assert_eq!((refused.kind(), refused.operation()), (ErrorKind::InvalidInput, Some("delete_first")));
    }
    let too_many = Changes::new().increase(COLUMN.tries, i64::MAX);
    let refused = jobs.update_first(&cx, &free().limit(1), &too_many).await.unwrap_err();
    assert_eq!((refused.kind(), refused.column()), (ErrorKind::InvalidInput, Some("tries")));
    let read_only = fixture.store.tx_with(&cx, TxOptions::new().read_only(), |cx| {
        let jobs = jobs.clone();
        async move { jobs.update_first(&cx, &free().limit(1), &taken_by("a")).await }
    });
    assert_eq!(read_only.await.unwrap_err().kind(), ErrorKind::ReadOnly);
    assert_eq!(jobs.all(&cx).await.unwrap(), models);
}

/// Claims until nothing is left, and counts how often each model was claimed.
async fn claim_all(jobs: &Jobs, worker: &str, limit: u64) -> BTreeMap<i64, usize> {
    let (cx, mut claimed) = (Cx::new(), BTreeMap::new());
    loop {
        match jobs.update_first(&cx, &free().limit(limit), &taken_by(worker)).await {
            Ok(models) if models.is_empty() => {
                // Others may have locked what is left, and may give it up again.
                if jobs.count(&cx, &field(COLUMN.worker).is_null()).await.unwrap() == 0 {
                    return claimed;
                }
                tokio::task::yield_now().await;
            }
            Ok(models) => models.iter().for_each(|job| *claimed.entry(job.id).or_default() += 1),
            Err(error) => assert_eq!(error.kind(), ErrorKind::Contention),
        }
    }
}

/// Eight tasks that claim at once come to different models: none is claimed twice, and none is left.
pub async fn give_no_model_to_two(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let jobs = &*fixture.store.repository::<job::Entity>();
    fill(jobs, 120).await;
    let workers: Vec<_> = (0..8).map(|nth| (format!("worker {nth}"), 1 + nth % 3)).collect();
    let claimed = futures::future::join_all(workers.iter().map(|(name, limit)| claim_all(jobs, name, *limit))).await;
    let mut times: BTreeMap<i64, usize> = BTreeMap::new();
    for (id, count) in claimed.into_iter().flatten() {
        *times.entry(id).or_default() += count;
    }
    assert!(times.values().all(|count| *count == 1), "{times:?}");
    assert_eq!(times.into_keys().collect::<Vec<_>>(), (1..=120).collect::<Vec<_>>());
    assert!(jobs.all(&Cx::new()).await.unwrap().iter().all(|job| job.tries == 1));
}

/// What a transaction has claimed is free again if it is rolled back, and nobody's else if it commits.
pub async fn come_back_with_a_rollback(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let jobs = &fixture.store.repository::<job::Entity>();
    let models = fill(&**jobs, 3).await;
    let undone = fixture.store.tx(&Cx::new(), |cx| async move {
        assert_eq!(ids(&jobs.update_first(&cx, &free().limit(2), &taken_by("a")).await?), [3, 2]);
        assert_eq!(ids(&jobs.update_first(&cx, &free().limit(2), &taken_by("a")).await?), [1]);
        jobs.delete_first(&cx, &Query::new().order_by(COLUMN.id).limit(1)).await?;
        Err::<(), _>(Error::new(ErrorKind::Internal, "undo"))
    });
    undone.await.unwrap_err();
    assert_eq!(jobs.all(&Cx::new()).await.unwrap(), models);
}

/// Transactions that claim, fail now and then, and write what they have done: each model is done once, whatever failed.
pub async fn are_done_once_in_transactions(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let (store, jobs) = (&fixture.store, &fixture.store.repository::<job::Entity>());
    let notes = &store.repository::<crate::testing::entities::note::Entity>();
    fill(&**jobs, 40).await;
    let work = |worker: usize| async move {
        let mut attempt = 0;
        while jobs.count(&Cx::new(), &Filter::all()).await.unwrap() > 0 {
            attempt += 1;
            let done = store.tx(&Cx::new(), |cx| async move {
                for job in jobs.delete_first(&cx, &free().limit(2)).await? {
                    notes.create(&cx, &crate::testing::note(&job.name)).await?;
                }
                if attempt % 3 == worker % 3 { Err(Error::new(ErrorKind::Internal, "undo")) } else { Result::Ok(()) }
            });
            match done.await {
                Ok(()) => {}
                Err(error) => assert!(matches!(error.kind(), ErrorKind::Internal | ErrorKind::Contention), "{error}"),
            }
        }
    };
    futures::future::join_all((0..8).map(work)).await;
    let mut done: Vec<_> = notes.all(&Cx::new()).await.unwrap().into_iter().map(|note| note.body).collect();
    done.sort();
    let mut expected: Vec<_> = (1..=40).map(|id| job(id).name).collect();
    expected.sort();
    assert_eq!(done, expected);
}

/// A claim passes over what another transaction has claimed and not yet committed. Without locks of single models it fails.
pub async fn wait_for_nobody(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let capabilities = fixture.store.capabilities();
    if !capabilities.concurrent_writers {
        // Those who write take turns.
        return;
    }
    let jobs = fixture.store.repository::<job::Entity>();
    fill(&*jobs, 3).await;
    let open = fixture.store.begin(&Cx::new(), TxOptions::new()).await.unwrap();
    let claim = Changes::new().increase(COLUMN.tries, 1);
    assert_eq!(ids(&jobs.update_first(&open, &free().limit(1), &claim).await.unwrap()), [3]);
    // Other columns of it.
    let other = Changes::new().set(COLUMN.worker, "b");
    let beside = jobs.update_first(&Cx::new(), &free().limit(1), &other).await;
    let deleted = jobs.delete_first(&Cx::new(), &free().limit(5)).await;
    if capabilities.row_locks {
        assert_eq!((ids(&beside.unwrap()), ids(&deleted.unwrap())), (vec![2], vec![1]));
    } else {
        assert_eq!((beside.unwrap_err().kind(), deleted.unwrap_err().kind()), (ErrorKind::Contention, ErrorKind::Contention));
    }
    open.commit().await.unwrap();
    assert_eq!(jobs.get(&Cx::new(), &3).await.unwrap().tries, 1);
}
