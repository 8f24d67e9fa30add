use larder::{Changes, Cx, Error, ErrorKind, Filter, OnConflict, Outcome, Query, ReaderExt, TransactionalExt, field, field_of};

use crate::testing::{
    Harness,
    entities::{
        item::{self, COLUMN},
        job, label, letter, page, person,
    },
    item, job, page, person,
};

/// `upsert` answers the model as it is stored, also where it stays as it was, and what became of it.
pub async fn say_what_became_of_a_model(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let people = fixture.store.repository::<person::Entity>();
    let cx = Cx::new();
    let by_email = || OnConflict::replace_column(person::COLUMN.level).on(person::COLUMN.email);
    let (first, outcome) = people.upsert(&cx, &person("a@b"), &by_email()).await.unwrap();
    assert_eq!(outcome, Outcome::Inserted);
    assert!(first.id > 0 && first.level == Some(3) && first.joined.is_some());
    let given = person::Model { level: Some(9), row: Some(1), place: Some(1), ..person("a@b") };
    let (updated, outcome) = people.upsert(&cx, &given, &by_email()).await.unwrap();
    assert_eq!((&updated, outcome), (&person::Model { level: Some(9), ..first.clone() }, Outcome::Updated));
    let ignore = OnConflict::ignore().on(person::COLUMN.email);
    assert_eq!(people.upsert(&cx, &given, &ignore).await.unwrap(), (updated.clone(), Outcome::Ignored));
    let only_new = by_email().only_if(field(person::COLUMN.level).less_than(5));
    assert_eq!(people.upsert(&cx, &person("a@b"), &only_new).await.unwrap(), (updated.clone(), Outcome::Ignored));
    let raise = OnConflict::apply(Changes::new().increase(person::COLUMN.level, 1)).on(person::COLUMN.email);
    let raised = person::Model { level: Some(10), ..updated };
    assert_eq!(people.upsert(&cx, &given, &raise).await.unwrap(), (raised.clone(), Outcome::Updated));
    // Without an id it is new, whatever is there.
    let (second, outcome) = people.upsert(&cx, &person("c@d"), &OnConflict::ignore()).await.unwrap();
    assert!(outcome == Outcome::Inserted && second.id != first.id);
    let taken = people.upsert(&cx, &person("c@d"), &OnConflict::ignore()).await.unwrap_err();
    assert_eq!((taken.kind(), taken.operation()), (ErrorKind::Duplicate, Some("upsert")));
    assert_eq!(people.all(&cx).await.unwrap(), [raised, second]);
}

/// `update_where_returning` answers the models that it changed as they are then, by id; `delete_where_returning` as they were.
pub async fn list_what_was_changed_or_deleted(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let labels = fixture.store.repository::<label::Entity>();
    let cx = Cx::new();
    let label = |name: &str, text: &str| label::Model { name: name.into(), text: Some(text.into()) };
    let models = [label("b", "1"), label("B", "1"), label("ä", "1"), label("a", "2")];
    labels.create_batch(&cx, &models).await.unwrap();
    let text = field_of(label::Column::Text);
    let changed = labels.update_where_returning(&cx, &text.equals("1"), &Changes::new().set(text, "new")).await.unwrap();
    assert_eq!(changed, [label("B", "new"), label("b", "new"), label("ä", "new")]);
    let none = labels.update_where_returning(&cx, &Filter::none(), &Changes::new().set(text, "x")).await.unwrap();
    assert!(none.is_empty());
    let same = labels.update_where_returning(&cx, &text.equals("2"), &Changes::new()).await.unwrap();
    assert_eq!(same, [label("a", "2")]);
    let deleted = labels.delete_where_returning(&cx, &text.equals("new")).await.unwrap();
    assert_eq!(deleted, [label("B", "new"), label("b", "new"), label("ä", "new")]);
    assert_eq!(labels.all(&cx).await.unwrap(), [label("a", "2")]);
    assert!(labels.delete_where_returning(&cx, &Filter::none()).await.unwrap().is_empty());
}

/// Any number of models is answered, whatever their changes are.
pub async fn list_thousands(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let items = fixture.store.repository::<item::Entity>();
    let cx = Cx::new();
    let models: Vec<_> = (0..12_000).map(|id| item::Model { single: Some(0.5), ..item(id) }).collect();
    items.create_batch(&cx, &models).await.unwrap();
    let some = field(COLUMN.id).at_least(2_000);
    let changes = Changes::new().increase_by(COLUMN.small, COLUMN.id).set(COLUMN.name, "new");
    let changed = items.update_where_returning(&cx, &some.clone(), &changes).await.unwrap();
    assert_eq!(changed.len(), 10_000);
    assert!((2_000..).zip(&changed).all(|(id, item)| item.id == id && item.small == id && item.name == "new"));
    let singles = Changes::new().increase(COLUMN.single, 0.25_f32);
    let changed = items.update_where_returning(&cx, &some, &singles).await.unwrap();
    assert!(changed.len() == 10_000 && changed.iter().all(|item| item.single == Some(0.75)));
    let first = Query::new().order_by_desc(COLUMN.id).limit(9_000);
    let claimed = items.update_first(&cx, &first, &Changes::new().set(COLUMN.small, -1)).await.unwrap();
    assert!(claimed.len() == 9_000 && (0..).zip(&claimed).all(|(nth, item)| item.id == 11_999 - nth && item.small == -1));
    let deleted = items.delete_first(&cx, &first.limit(9_500)).await.unwrap();
    assert!(deleted.len() == 9_500 && deleted[0].id == 11_999 && deleted[9_499].id == 2_500);
    assert_eq!(items.delete_where_returning(&cx, &Filter::all()).await.unwrap().len(), 2_500);
    assert_eq!(items.count(&cx, &Filter::all()).await.unwrap(), 0);
}

/// What is answered has the version and the times that the repository keeps; where it marks what is deleted, the mark too.
pub async fn show_the_columns_of_the_repository(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let builder = fixture.store.repository_builder::<page::Entity>();
    let builder = builder.version(page::Column::Version).updated_at(page::Column::UpdatedAt);
    let pages = builder.deleted_at(page::Column::DeletedAt).build().unwrap();
    let cx = Cx::new();
    pages.create_many(&cx, &[page(1, "a"), page(2, "b"), page(3, "c")]).await.unwrap();
    let by_title = || Query::new().order_by_desc(page::COLUMN.title).limit(2);
    let suffix = Changes::new().set(page::COLUMN.title, "z");
    let changed = pages.update_where_returning(&cx, &field(page::COLUMN.id).equals(1), &suffix).await.unwrap();
    assert!(changed.len() == 1 && changed[0].version == 2 && changed[0].updated_at.is_some());
    let same = Changes::new().set_from(page::COLUMN.title, page::COLUMN.title);
    let touched = pages.update_first(&cx, &by_title(), &same).await.unwrap();
    assert_eq!(touched.iter().map(|page| (page.id, page.version)).collect::<Vec<_>>(), [(1, 3), (3, 2)]);
    let marked = pages.delete_first(&cx, &by_title()).await.unwrap();
    assert_eq!(marked.iter().map(|page| (page.id, page.version)).collect::<Vec<_>>(), [(1, 4), (3, 3)]);
    assert!(marked.iter().all(|page| page.deleted_at.is_some()));
    let marked = pages.delete_where_returning(&cx, &Filter::all()).await.unwrap();
    assert!(marked.len() == 1 && marked[0].id == 2 && marked[0].version == 2 && marked[0].deleted_at.is_some());
    assert!(pages.delete_where_returning(&cx, &Filter::all()).await.unwrap().is_empty());
    assert!(pages.update_first(&cx, &by_title(), &suffix).await.unwrap().is_empty());
    // What is marked is stored, and stays marked.
    let raise = OnConflict::replace_column(page::COLUMN.title);
    let (stored, outcome) = pages.upsert(&cx, &page(2, "again"), &raise).await.unwrap();
    assert_eq!((stored.title.as_str(), stored.version, outcome), ("again", 3, Outcome::Updated));
    assert!(stored.deleted_at.is_some());
}

/// Models of the same table that are deleted along with others are answered, if they were selected.
pub async fn list_models_that_take_each_other_along(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    if !fixture.store.capabilities().referential_actions {
        return;
    }
    let (people, letters) = (fixture.store.repository::<person::Entity>(), fixture.store.repository::<letter::Entity>());
    let cx = Cx::new();
    let sender = people.create(&cx, &person("a@b")).await.unwrap().id;
    let letter = |id, answers| letter::Model { id, sender, answers, about: None };
    let models = [letter(1, None), letter(2, Some(1)), letter(3, Some(2)), letter(4, None)];
    letters.create_many(&cx, &models).await.unwrap();
    let first = Query::new().order_by(field_of(letter::Column::Id)).limit(2);
    assert_eq!(letters.delete_first(&cx, &first).await.unwrap(), models[..2]);
    letters.create(&cx, &letter(1, None)).await.unwrap();
    letters.upsert_batch(&cx, &models, &OnConflict::replace()).await.unwrap();
    let rest = letters.delete_where_returning(&cx, &field_of(letter::Column::Id).at_most(3)).await.unwrap();
    assert_eq!(rest, models[..3]);
    assert_eq!(letters.all(&cx).await.unwrap(), models[3..]);
}

/// Writes that answer are undone with their transaction, and a refused one leaves nothing.
pub async fn are_undone_with_their_transaction(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let jobs = &fixture.store.repository::<job::Entity>();
    let models = [job(1), job(2), job(3)];
    jobs.create_batch(&Cx::new(), &models).await.unwrap();
    let undone = fixture.store.tx(&Cx::new(), |cx| async move {
        let changes = Changes::new().set(job::COLUMN.worker, "a");
        assert_eq!(jobs.update_where_returning(&cx, &field(job::COLUMN.id).at_most(2), &changes).await?.len(), 2);
        assert_eq!(jobs.delete_where_returning(&cx, &field(job::COLUMN.worker).equals("a")).await?.len(), 2);
        let (_, outcome) = jobs.upsert(&cx, &job(1), &OnConflict::ignore()).await?;
        assert_eq!(outcome, Outcome::Inserted);
        assert_eq!(jobs.count(&cx, &Filter::all()).await?, 2);
        Err::<(), _>(Error::new(ErrorKind::Internal, "undo"))
    });
    undone.await.unwrap_err();
    let same = Changes::new().set(job::COLUMN.name, "same");
    let refused = jobs.update_where_returning(&Cx::new(), &Filter::all(), &same).await.unwrap_err();
    assert_eq!((refused.kind(), refused.operation()), (ErrorKind::Duplicate, Some("update_where_returning")));
    assert_eq!(jobs.all(&Cx::new()).await.unwrap(), models);
}
