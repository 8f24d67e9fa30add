use std::{collections::BTreeSet, error::Error as _, future::Future, pin::Pin};

use larder::{Cx, Error, ErrorKind, Store, TransactionalExt, TxOptions};
use larder::{DeleterExt as _, ReaderExt as _};

use crate::testing::{Harness, Notes, entities::note, note};

fn undo() -> Error {
    Error::new(ErrorKind::Internal, "undo")
}

async fn bodies(notes: &Notes) -> Vec<String> {
    let mut bodies: Vec<_> = notes.all(&Cx::new()).await.unwrap().into_iter().map(|note| note.body).collect();
    bodies.sort();
    bodies
}

/// An inner failure that the outer closure takes note of undoes the inner part alone.
pub async fn undoes_only_the_inner_part(harness: &'static dyn Harness) {
    let fixture = harness.narrow().await;
    let notes = &fixture.store.repository::<note::Entity>();
    if !fixture.store.capabilities().savepoints {
        return fails_the_outer_part_as_well(&fixture.store).await;
    }
    let outcome = fixture.store.tx(&Cx::new(), |cx| async move {
        notes.create(&cx, &note("before")).await?;
        let inner = notes.tx(&cx, |cx| async move {
            notes.create(&cx, &note("inner")).await?;
            Err::<(), _>(undo())
        });
        assert_eq!(inner.await.unwrap_err().kind(), ErrorKind::Internal);
        let inner = notes.tx(&cx, |cx| async move { notes.create(&cx, &note("second inner")).await.map(drop) });
        inner.await?;
        notes.create(&cx, &note("after")).await.map(drop)
    });
    outcome.await.unwrap();
    assert_eq!(bodies(notes).await, ["after", "before", "second inner"]);
}

/// Where an inner part cannot be undone by itself, its failure leaves nothing that the outer one could go on with or commit, and
/// the inner failure is told as the reason.
async fn fails_the_outer_part_as_well(store: &Store) {
    let notes = &store.repository::<note::Entity>();
    for goes_on in [false, true] {
        let outcome = store.tx(&Cx::new(), |cx| async move {
            notes.create(&cx, &note("before")).await?;
            let inner = notes.tx(&cx, |cx| async move {
                let made = notes.create(&cx, &note("inner")).await?;
                notes.create(&cx, &made).await.map(drop)
            });
            assert_eq!(inner.await.unwrap_err().kind(), ErrorKind::Duplicate);
            if goes_on { notes.create(&cx, &note("after")).await.map(drop) } else { Ok(()) }
        });
        let error = outcome.await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TransactionAborted);
        assert_eq!(error.source().unwrap().downcast_ref::<Error>().unwrap().kind(), ErrorKind::Duplicate);
    }
    let undone = store.tx(&Cx::new(), |cx| async move {
        let inner = notes.tx(&cx, |cx| async move {
            notes.create(&cx, &note("inner")).await?;
            Err::<(), _>(undo())
        });
        assert_eq!(inner.await.unwrap_err().kind(), ErrorKind::Internal);
        Ok::<_, Error>(())
    });
    assert_eq!(undone.await.unwrap_err().kind(), ErrorKind::TransactionAborted);
    let kept = store.tx(&Cx::new(), |cx| async move {
        notes.tx(&cx, |cx| async move { notes.create(&cx, &note("inner")).await.map(drop) }).await?;
        notes.create(&cx, &note("after")).await.map(drop)
    });
    kept.await.unwrap();
    assert_eq!(bodies(notes).await, ["after", "inner"]);
}

/// An inner part that succeeded goes with the outer one.
pub async fn is_undone_with_the_outer_part(harness: &'static dyn Harness) {
    let fixture = harness.narrow().await;
    let notes = &fixture.store.repository::<note::Entity>();
    let outcome = fixture.store.tx(&Cx::new(), |cx| async move {
        notes.tx(&cx, |cx| async move { notes.create(&cx, &note("inner")).await.map(drop) }).await?;
        Err::<(), _>(undo())
    });
    outcome.await.unwrap_err();
    assert_eq!(notes.count(&Cx::new(), &larder::Filter::all()).await.unwrap(), 0);
}

/// An inner closure that hides a failed statement is told so; the outer one can go on where the inner part can be undone.
pub async fn hides_no_failure_of_the_inner_part(harness: &'static dyn Harness) {
    let fixture = harness.narrow().await;
    let notes = &fixture.store.repository::<note::Entity>();
    let goes_on = fixture.store.capabilities().savepoints;
    let outcome = fixture.store.tx(&Cx::new(), |cx| async move {
        let made = &notes.create(&cx, &note("outer")).await?;
        let inner = notes.tx(&cx, |cx| async move {
            notes.create(&cx, &note("inner")).await?;
            notes.create(&cx, made).await.unwrap_err();
            Ok::<_, Error>(())
        });
        let error = inner.await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TransactionAborted);
        assert_eq!(error.source().unwrap().downcast_ref::<Error>().unwrap().kind(), ErrorKind::Duplicate);
        Ok::<_, Error>(())
    });
    let outcome = outcome.await.map_err(|error| error.kind());
    assert_eq!(outcome, if goes_on { Ok(()) } else { Err(ErrorKind::TransactionAborted) });
    assert_eq!(bodies(notes).await, if goes_on { vec!["outer"] } else { vec![] });
}

/// What one level does: whether it hides a failed statement, and whether it says `Ok`.
type Plan = Vec<(bool, bool)>;

/// Five levels deep, with many combinations of outcomes, exactly what a model says is stored.
pub async fn keeps_to_a_model_five_levels_deep(harness: &'static dyn Harness) {
    let fixture = harness.narrow().await;
    let notes = fixture.store.repository::<note::Entity>();
    let mut random = fastrand::Rng::with_seed(5);
    for _ in 0..60 {
        let plan: Plan = (0..5).map(|_| (random.f32() < 0.2, random.f32() < 0.7)).collect();
        notes.delete_all(&Cx::new()).await.unwrap();
        let outcome = level(&notes, Cx::new(), &plan, 0).await;
        let (expected, committed) = model(&plan, 0, fixture.store.capabilities().savepoints);
        assert_eq!(outcome.is_ok(), committed, "{plan:?}");
        assert_eq!(bodies(&notes).await, expected.into_iter().collect::<Vec<_>>(), "{plan:?}");
    }
}

/// Writes before and after the level inside it, whose failure it survives.
fn level<'a>(
    notes: &'a Notes,
    cx: Cx,
    plan: &'a Plan,
    depth: usize,
) -> Pin<Box<dyn Future<Output = Result<(), Error>> + Send + 'a>> {
    let Some(&(hides_failure, succeeds)) = plan.get(depth) else { return Box::pin(async { Ok(()) }) };
    Box::pin(async move {
        notes
            .tx(&cx, |cx| async move {
                let made = notes.create(&cx, &note(&format!("{depth} before"))).await?;
                let inner = level(notes, cx.clone(), plan, depth + 1).await;
                drop(inner);
                notes.create(&cx, &note(&format!("{depth} after"))).await?;
                if hides_failure {
                    notes.create(&cx, &made).await.unwrap_err();
                }
                if succeeds { Ok(()) } else { Err(undo()) }
            })
            .await
    })
}

fn model(plan: &Plan, depth: usize, savepoints: bool) -> (BTreeSet<String>, bool) {
    let Some(&(hides_failure, succeeds)) = plan.get(depth) else { return (BTreeSet::new(), true) };
    let (mut stored, inner) = model(plan, depth + 1, savepoints);
    let committed = succeeds && !hides_failure && (inner || savepoints);
    stored.extend([format!("{depth} before"), format!("{depth} after")]);
    (if committed { stored } else { BTreeSet::new() }, committed)
}

/// The outer context cannot be used while the inner part is open: it would be undone with it. Nothing else is disturbed.
pub async fn refuses_the_outer_context_while_open(harness: &'static dyn Harness) {
    let fixture = harness.narrow().await;
    let notes = &fixture.store.repository::<note::Entity>();
    let outcome = fixture.store.tx(&Cx::new(), |outer| async move {
        let outer = &outer;
        let inner = notes.tx(outer, |cx| async move {
            assert_eq!(notes.create(outer, &note("misplaced")).await.unwrap_err().kind(), ErrorKind::NestedAcquire);
            notes.create(&cx, &note("inner")).await.map(drop)
        });
        inner.await?;
        notes.create(outer, &note("outer")).await.map(drop)
    });
    outcome.await.unwrap();
    assert_eq!(bodies(notes).await, ["inner", "outer"]);
}

/// A nested transaction cannot be asked to be what the outermost one is not.
pub async fn refuses_other_options(harness: &'static dyn Harness) {
    let fixture = harness.narrow().await;
    let notes = &fixture.store.repository::<note::Entity>();
    let outcome = fixture.store.tx(&Cx::new(), |cx| async move {
        let inner = notes.tx_with(&cx, TxOptions::new().read_only(), |_| async { Ok::<_, Error>(()) });
        assert_eq!(inner.await.unwrap_err().kind(), ErrorKind::Unsupported);
        notes.create(&cx, &note("kept")).await
    });
    outcome.await.unwrap();
    assert_eq!(notes.count(&Cx::new(), &larder::Filter::all()).await.unwrap(), 1);
}

/// Two nested transactions at once in one outer one: the later one is refused, and nothing of the first is lost.
pub async fn runs_one_after_another(harness: &'static dyn Harness) {
    let fixture = harness.narrow().await;
    let notes = &fixture.store.repository::<note::Entity>();
    let outcome = fixture.store.tx(&Cx::new(), |cx| async move {
        let inner = |body: &'static str| {
            let cx = cx.clone();
            async move {
                let inner = notes.tx(&cx, |cx| async move {
                    notes.create(&cx, &note(body)).await?;
                    notes.create(&cx, &note(body)).await.map(drop)
                });
                inner.await
            }
        };
        let (first, second) = futures::join!(inner("one"), inner("two"));
        let refused = first.err().into_iter().chain(second.err()).map(|error| error.kind()).collect::<Vec<_>>();
        assert!(refused.iter().all(|kind| *kind == ErrorKind::NestedAcquire), "{refused:?}");
        Ok::<_, Error>(refused.len())
    });
    let refused = outcome.await.unwrap();
    assert!(refused < 2);
    assert_eq!(notes.count(&Cx::new(), &larder::Filter::all()).await.unwrap(), 2 * (2 - refused as u64));
}
