use std::sync::Arc;

use larder::{
    Aggregate, Aggregation, Changes, Cx, DeleterExt, Error, ErrorKind, Filter, IdOf, ModelStream, OnConflict, PageRequest,
    Projection, Query, ReaderExt, Result, Storable, Storage, Store, TransactionalExt, field, field_of,
};

use crate::testing::{
    Fixture, Harness, Items, Pages, People,
    entities::{
        badge, edge,
        item::{self, COLUMN},
        page, person,
    },
    item, page, person,
};

fn within<E: Storable>(store: &Store, filter: Filter<E::Model>) -> Arc<dyn Storage<E::Model, IdOf<E>>> {
    store.repository_builder::<E>().within(filter).build().unwrap()
}

/// The items of a tenant, whose name they have.
fn items_of(store: &Store, tenant: &str) -> Items {
    within::<item::Entity>(store, field(COLUMN.name).equals(tenant))
}

/// People of a level or a higher one.
fn people_from(store: &Store, level: i64) -> People {
    within::<person::Entity>(store, field(person::COLUMN.level).at_least(level))
}

fn owned(id: i32, tenant: &str) -> item::Model {
    item::Model { name: tenant.to_owned(), small: id % 2, nick: Some(format!("nick {id}")), ..item(id) }
}

/// The items of Ann (1, 3, 5) and of Bob (2, 4, 6).
async fn two(harness: &'static dyn Harness) -> (Fixture, Items, Items) {
    let fixture = harness.fresh().await;
    let [ann, bob] = ["Ann", "Bob"].map(|tenant| items_of(&fixture.store, tenant));
    ann.create_batch(&Cx::new(), &[1, 3, 5].map(|id| owned(id, "Ann"))).await.unwrap();
    bob.create_many(&Cx::new(), &[2, 4, 6].map(|id| owned(id, "Bob"))).await.unwrap();
    (fixture, ann, bob)
}

fn numbers(models: &[item::Model]) -> Vec<i32> {
    models.iter().map(|item| item.id).collect()
}

async fn read(mut models: ModelStream<item::Model>) -> Result<Vec<i32>> {
    let mut ids = Vec::new();
    while let Some(model) = models.try_next().await? {
        ids.push(model.id);
    }
    Ok(ids)
}

async fn stored(fixture: &Fixture) -> Vec<item::Model> {
    fixture.store.repository::<item::Entity>().all(&Cx::new()).await.unwrap()
}

/// Whatever is read, the models of others are not there.
pub async fn see_their_own_models_only(harness: &'static dyn Harness) {
    let (fixture, ann, _bob) = two(harness).await;
    let (cx, all) = (Cx::new(), Query::new());
    assert_eq!(ann.find(&cx, &1).await.unwrap(), Some(owned(1, "Ann")));
    assert_eq!(ann.find(&cx, &2).await.unwrap(), None);
    assert!(!ann.exists(&cx, &4).await.unwrap());
    assert_eq!(numbers(&ann.find_many(&cx, &[6, 5, 4, 3, 3]).await.unwrap()), [5, 3, 3]);
    assert_eq!(numbers(&ann.query(&cx, &all.clone().with_deleted()).await.unwrap()), [1, 3, 5]);
    assert_eq!(numbers(&ann.query(&cx, &(!field(COLUMN.id).equals(3)).into()).await.unwrap()), [1, 5]);
    assert_eq!(numbers(&ann.query(&cx, &field(COLUMN.name).equals("Bob").into()).await.unwrap()), [0_i32; 0]);
    assert_eq!(ann.count(&cx, &Filter::all()).await.unwrap(), 3);
    assert_eq!(ann.count_of(&cx, &all.clone().limit(2)).await.unwrap(), 2);
    assert_eq!(ann.count_of(&cx, &all.clone().first_of_each(COLUMN.small)).await.unwrap(), 1);
    assert!(!ann.exists_where(&cx, &field(COLUMN.nick).equals("nick 2")).await.unwrap());
    assert_eq!(read(ann.stream(&cx, &all).await.unwrap()).await.unwrap(), [1, 3, 5]);
    let ids: Vec<i32> = ann.query_as(&cx, &all, &Projection::of(COLUMN.id)).await.unwrap();
    assert_eq!(ids, [1, 3, 5]);
    assert_eq!(ann.distinct::<String, _>(&cx, COLUMN.name, &Filter::all()).await.unwrap(), ["Ann"]);
    let page = ann.page(&cx, &all, &PageRequest::new(2).with_total()).await.unwrap();
    assert_eq!((numbers(&page.models), page.total), (vec![1, 3], Some(3)));
    let next = ann.page(&cx, &all, &PageRequest::new(2).after(&page.next.unwrap())).await.unwrap();
    assert_eq!(numbers(&next.models), [5]);
    let parents = stored(&fixture).await;
    let of_each = ann.of_each(&cx, &parents[..2], COLUMN.id, COLUMN.small, &all).await.unwrap();
    assert_eq!(of_each.iter().map(|models| numbers(models)).collect::<Vec<_>>(), [vec![1, 3, 5], vec![]]);
    let ann = &ann;
    let inside = fixture.store.tx(&cx, |cx| async move {
        ann.create(&cx, &owned(7, "Ann")).await?;
        assert_eq!(ann.find(&cx, &2).await?, None);
        read(ann.stream(&cx, &Query::new()).await?).await
    });
    assert_eq!(inside.await.unwrap(), [1, 3, 5, 7]);
}

/// Whatever is computed of groups, or looked up from other tables, the models of others count for nothing.
pub async fn count_their_own_models_only(harness: &'static dyn Harness) {
    let (fixture, ann, bob) = two(harness).await;
    let (cx, all) = (Cx::new(), Filter::all());
    let sum = Aggregation::new().and(Aggregate::count()).and(Aggregate::sum(COLUMN.id)).and(Aggregate::minimum(COLUMN.nick));
    let of_ann: (u64, i64, String) = ann.aggregate_one(&cx, &all, &sum).await.unwrap();
    assert_eq!(of_ann, (3, 9, "nick 1".to_owned()));
    let with_deleted = Aggregation::new().group_by(COLUMN.name).and(Aggregate::count()).with_deleted();
    let groups: Vec<(String, u64)> = bob.aggregate_as(&cx, &all, &with_deleted).await.unwrap();
    assert_eq!(groups, [("Bob".to_owned(), 3)]);

    let people = people_from(&fixture.store, 2);
    let everybody = fixture.store.repository::<person::Entity>();
    let stored = everybody
        .create_many(&cx, &[1, 2, 3].map(|level| person::Model { level: Some(level), ..person(&level.to_string()) }))
        .await;
    let highest = stored.unwrap()[2].clone();
    let same = |filter| field(person::COLUMN.level).exists_in(person::COLUMN.level, filter);
    assert_eq!(everybody.count(&cx, &same(people.visible())).await.unwrap(), 2);
    let by_email = people.visible().and(field(person::COLUMN.email).equals(&highest.email));
    assert_eq!(everybody.query(&cx, &same(by_email).into()).await.unwrap(), [highest]);
    assert_eq!(people.count(&cx, &!same(Filter::all())).await.unwrap(), 0);
    assert_eq!(people.count(&cx, &same(Filter::all())).await.unwrap(), 2);
}

/// Whatever is claimed, locked, or changed and answered, the models of others are not there.
pub async fn claim_their_own_models_only(harness: &'static dyn Harness) {
    let (fixture, ann, bob) = two(harness).await;
    let (cx, ann) = (Cx::new(), &ann);
    let before = bob.all(&cx).await.unwrap();
    let newest = Query::new().order_by_desc(COLUMN.id).limit(2);
    let marked = Changes::new().set(COLUMN.small, 9);
    assert_eq!(numbers(&ann.update_first(&cx, &newest, &marked).await.unwrap()), [5, 3]);
    assert_eq!(numbers(&ann.update_where_returning(&cx, &Filter::all(), &marked).await.unwrap()), [1, 3, 5]);
    let given_away = Changes::new().set(COLUMN.name, "Bob");
    for refused in
        [ann.update_first(&cx, &newest, &given_away).await, ann.update_where_returning(&cx, &Filter::all(), &given_away).await]
    {
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::InvalidInput);
    }
    if fixture.store.capabilities().row_locks {
        let locked = fixture.store.tx(&cx, |cx| async move {
            Ok::<_, Error>((ann.find_locked(&cx, &1).await?.is_some(), ann.find_locked(&cx, &2).await?.is_some()))
        });
        assert_eq!(locked.await.unwrap(), (true, false));
    }
    let taken = ann.upsert(&cx, &owned(2, "Ann"), &OnConflict::apply(marked.clone())).await;
    assert_eq!(taken.unwrap_err().kind(), ErrorKind::Duplicate);
    assert_eq!(ann.upsert(&cx, &owned(1, "Ann"), &OnConflict::apply(marked)).await.unwrap().0.id, 1);
    assert_eq!(numbers(&ann.delete_first(&cx, &newest).await.unwrap()), [5, 3]);
    assert_eq!(numbers(&ann.delete_where_returning(&cx, &Filter::all()).await.unwrap()), [1]);
    assert_eq!(bob.all(&cx).await.unwrap(), before);
}

/// Whatever is changed or deleted, the models of others stay as they are, and count for nothing.
pub async fn change_their_own_models_only(harness: &'static dyn Harness) {
    let (fixture, ann, bob) = two(harness).await;
    let cx = Cx::new();
    let of_bob = async || bob.all(&Cx::new()).await.unwrap();
    let before = of_bob().await;
    let changed = |id| item::Model { small: 77, ..owned(id, "Ann") };
    assert_eq!(ann.update(&cx, &changed(1)).await.unwrap(), changed(1));
    assert_eq!(ann.update(&cx, &changed(2)).await.unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(ann.update_many(&cx, &[changed(1), changed(3)]).await.unwrap(), [changed(1), changed(3)]);
    assert_eq!(ann.update_many(&cx, &[changed(5), changed(2)]).await.unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(ann.get(&cx, &5).await.unwrap().small, 1);
    let raised = Changes::new().increase(COLUMN.small, 1);
    assert_eq!(ann.update_where(&cx, &Filter::all(), &raised).await.unwrap(), 3);
    assert_eq!(ann.update_where(&cx, &field(COLUMN.id).equals(2), &raised).await.unwrap(), 0);
    assert_eq!(ann.update_where(&cx, &Filter::all(), &Changes::new()).await.unwrap(), 3);
    assert_eq!(of_bob().await, before);

    assert!(!ann.delete(&cx, &2).await.unwrap());
    assert_eq!(ann.delete_many(&cx, &[1, 2, 4]).await.unwrap(), 1);
    assert_eq!(ann.delete_where(&cx, &field(COLUMN.id).at_most(4)).await.unwrap(), 1);
    assert_eq!(ann.delete_all(&cx).await.unwrap(), 1);
    assert_eq!(of_bob().await, before);
    assert_eq!(stored(&fixture).await, before);
    let undone = fixture.store.tx(&cx, |cx| {
        let (ann, bob) = (ann.clone(), bob.clone());
        async move {
            ann.create(&cx, &owned(1, "Ann")).await?;
            assert_eq!((ann.delete_all(&cx).await?, bob.delete_many(&cx, &[2, 4]).await?), (1, 2));
            Err::<(), _>(Error::new(ErrorKind::Internal, "undo"))
        }
    });
    undone.await.unwrap_err();
    assert_eq!(of_bob().await, before);
}

/// A model that would not be there is `InvalidInput`, whatever is to store it, and so are changes by which one might not be there
/// any more. Nothing was sent, and a transaction can go on.
pub async fn store_nothing_outside(harness: &'static dyn Harness) {
    let (fixture, ann, _bob) = two(harness).await;
    let ann = &ann;
    let tried = fixture.store.tx(&Cx::new(), |cx| async move {
        let (mine, other) = (owned(9, "Ann"), item::Model { name: "t0psecret".to_owned(), ..owned(1, "") });
        let both = [mine.clone(), other.clone()];
        let changes = |name: &str| Changes::new().set(COLUMN.name, name);
        let refused = [
            (ann.create(&cx, &other).await.err(), None),
            (ann.create_many(&cx, &both).await.err(), Some(1)),
            (ann.create_batch(&cx, &both).await.err(), Some(1)),
            (ann.upsert_batch(&cx, &both, &OnConflict::replace()).await.err(), Some(1)),
            (ann.upsert_batch(&cx, &both, &OnConflict::ignore()).await.err(), Some(1)),
            (ann.update(&cx, &other).await.err(), None),
            (ann.update_many(&cx, &both).await.err(), Some(1)),
            (ann.update_where(&cx, &Filter::none(), &changes("t0psecret")).await.err(), None),
        ];
        for (nth, (error, index)) in refused.into_iter().enumerate() {
            let error = error.unwrap();
            assert_eq!((error.kind(), error.index()), (ErrorKind::InvalidInput, index), "{nth}: {error}");
            assert!(error.operation().is_some() && !format!("{error} {error:?}").contains("t0psecret"), "{nth}: {error}");
        }
        // What stays within is no move.
        assert_eq!(ann.update_where(&cx, &Filter::all(), &changes("Ann")).await?, 3);
        ann.create(&cx, &mine).await
    });
    tried.await.unwrap();
    assert_eq!(numbers(&ann.all(&Cx::new()).await.unwrap()), [1, 3, 5, 9]);
}

/// A condition on two columns holds for both together, and null is no value.
pub async fn keep_conditions_on_several_columns(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let pair = |small: i32, large: i64| field(COLUMN.small).equals(small).and(field(COLUMN.large).equals(large));
    let pairs = within::<item::Entity>(&fixture.store, pair(1, 1).or(pair(2, 2)).and(field(COLUMN.flag).is_null()));
    let of = |small, large| item::Model { small, large: Some(large), ..item(20) };
    pairs.create(&Cx::new(), &of(1, 1)).await.unwrap();
    let change = async |changes| pairs.update_where(&Cx::new(), &Filter::all(), &changes).await.map_err(|error| error.kind());
    assert_eq!(change(Changes::new().set(COLUMN.small, 2)).await, Err(ErrorKind::InvalidInput));
    assert_eq!(change(Changes::new().increase(COLUMN.small, 0)).await, Err(ErrorKind::InvalidInput));
    assert_eq!(change(Changes::new().set(COLUMN.small, 2).set(COLUMN.large, 1)).await, Err(ErrorKind::InvalidInput));
    assert_eq!(change(Changes::new().set(field_of(item::Column::Flag), true)).await, Err(ErrorKind::InvalidInput));
    assert_eq!(change(Changes::new().set(COLUMN.small, 2).set(COLUMN.large, 2).set_null(COLUMN.flag)).await, Ok(1));
    let upsert =
        async |on_conflict| pairs.upsert_batch(&Cx::new(), &[of(1, 1)], &on_conflict).await.map_err(|error| error.kind());
    assert_eq!(upsert(OnConflict::replace_column(COLUMN.small)).await.map(drop), Err(ErrorKind::InvalidInput));
    assert_eq!(upsert(OnConflict::replace_column(COLUMN.small).and_column(COLUMN.large)).await.unwrap().updated, 1);
    assert_eq!(pairs.get(&Cx::new(), &20).await.unwrap(), of(1, 1));
}

/// An id or a unique value that a model of somebody else has is `Duplicate`, as one's own is, for every write; that model is
/// neither changed, ignored nor answered.
pub async fn tell_nothing_of_taken_keys(harness: &'static dyn Harness) {
    let (fixture, ann, bob) = two(harness).await;
    let cx = Cx::new();
    let before = stored(&fixture).await;
    let duplicate = |error: Error| (error.kind(), error.model().map(str::to_owned));
    let own = duplicate(ann.create(&cx, &owned(1, "Ann")).await.unwrap_err());
    assert_eq!(own.0, ErrorKind::Duplicate);
    assert_eq!(duplicate(ann.create(&cx, &owned(2, "Ann")).await.unwrap_err()), own);
    assert_eq!(duplicate(ann.create_batch(&cx, &[owned(7, "Ann"), owned(2, "Ann")]).await.unwrap_err()), own);
    for on_conflict in [OnConflict::replace(), OnConflict::ignore(), OnConflict::replace_column(COLUMN.small)] {
        let batch = [owned(9, "Ann"), owned(1, "Ann"), owned(2, "Ann")];
        let error = ann.upsert_batch(&cx, &batch, &on_conflict).await.unwrap_err();
        assert!(!format!("{error} {error:?}").contains("Bob") && error.constraint().is_some(), "{error}");
        assert_eq!(duplicate(error), own, "{on_conflict:?}");
        assert_eq!(stored(&fixture).await, before, "{on_conflict:?}");
        let upserted = ann.upsert_batch(&cx, &batch[1..2], &on_conflict).await.unwrap();
        assert_eq!(upserted.updated + upserted.ignored, 1, "{on_conflict:?}");
    }
    assert_eq!(bob.all(&cx).await.unwrap(), [&before[1], &before[3], &before[5]].map(Clone::clone));

    // By a unique column, and by nothing of the default.
    let (low, high) =
        (within::<person::Entity>(&fixture.store, field(person::COLUMN.level).at_most(2)), people_from(&fixture.store, 3));
    let of = |email: &str, level| person::Model { level, ..person(email) };
    low.create(&cx, &of("low", Some(1))).await.unwrap();
    assert_eq!(high.create(&cx, &of("high", None)).await.unwrap().level, Some(3));
    assert_eq!(low.create(&cx, &of("default", None)).await.unwrap_err().kind(), ErrorKind::InvalidInput);
    for on_conflict in [OnConflict::replace(), OnConflict::ignore()] {
        let on_conflict = on_conflict.on(person::COLUMN.email);
        let taken = high.upsert_batch(&cx, &[of("new", Some(4)), of("low", Some(5))], &on_conflict).await.unwrap_err();
        assert_eq!(taken.kind(), ErrorKind::Duplicate);
        assert_eq!(high.upsert_batch(&cx, &[of("high", Some(3))], &on_conflict).await.unwrap().inserted, 0);
    }
    let levels: Vec<Option<i64>> = low.query_as(&cx, &Query::new(), &Projection::of(person::COLUMN.level)).await.unwrap();
    assert_eq!((levels, high.count(&cx, &Filter::all()).await.unwrap()), (vec![Some(1)], 1));
}

/// Pages whose title begins so, with everything kept that can be.
fn kept(store: &Store, title: &str) -> Pages {
    let pages = store.repository_builder::<page::Entity>().version(page::Column::Version).created_at(page::Column::CreatedAt);
    let pages = pages.updated_at(page::Column::UpdatedAt).deleted_at(page::Column::DeletedAt);
    pages.within(field(page::COLUMN.title).starts_with(title)).build().unwrap()
}

/// A filter holds beside a version, times and a mark for what is deleted.
pub async fn keep_to_the_other_rules(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let (a, b, cx) = (kept(&fixture.store, "a"), kept(&fixture.store, "b"), Cx::new());
    let first = a.create(&cx, &page(1, "a")).await.unwrap();
    a.create(&cx, &page(2, "a2")).await.unwrap();
    let other = b.create(&cx, &page(3, "b")).await.unwrap();
    let second = a.update(&cx, &page::Model { title: "ab".into(), ..first.clone() }).await.unwrap();
    assert_eq!(second.version, 2);
    assert_eq!(a.update(&cx, &first).await.unwrap_err().kind(), ErrorKind::Conflict);
    // The version of a model that is not there does not matter.
    let stolen = page::Model { title: "a3".into(), ..other.clone() };
    assert_eq!(a.update(&cx, &stolen).await.unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(a.update(&cx, &page::Model { version: 9, ..stolen }).await.unwrap_err().kind(), ErrorKind::NotFound);
    assert!(a.delete(&cx, &1).await.unwrap() && !a.delete(&cx, &1).await.unwrap() && !a.delete(&cx, &3).await.unwrap());
    assert_eq!(a.delete_where(&cx, &Filter::all()).await.unwrap(), 1);
    assert_eq!(a.count(&cx, &Filter::all()).await.unwrap(), 0);
    let ids = |models: Vec<page::Model>| models.into_iter().map(|page| page.id).collect::<Vec<_>>();
    assert_eq!(ids(a.query(&cx, &Query::new().with_deleted()).await.unwrap()), [1, 2]);
    assert_eq!(a.count_of(&cx, &Query::new().with_deleted()).await.unwrap(), 2);
    // Whoever has marked it has it back; to others it is taken.
    let back = |title: &str| [page::Model { title: title.into(), ..page(1, "") }];
    assert_eq!(b.upsert_batch(&cx, &back("b2"), &OnConflict::replace()).await.unwrap_err().kind(), ErrorKind::Duplicate);
    assert_eq!(b.upsert_batch(&cx, &back("b2"), &OnConflict::ignore()).await.unwrap_err().kind(), ErrorKind::Duplicate);
    assert_eq!(a.upsert_batch(&cx, &back("a"), &OnConflict::replace()).await.unwrap().updated, 1);
    assert_eq!(a.get(&cx, &1).await.unwrap().title, "a");
    assert_eq!(b.all(&cx).await.unwrap(), [other]);
}

/// Repositories of many tenants of one store, used in turn, keep to their own, whatever their values are. An id may have the
/// tenant in it.
pub async fn are_told_apart_by_any_value(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let cx = Cx::new();
    let tenants = [0, 1, -1, 7, i64::MIN, i64::MIN + 1, i64::MIN + 4_096, i64::MAX];
    let repositories = tenants.map(|tenant| within::<item::Entity>(&fixture.store, field(COLUMN.large).equals(tenant)));
    for round in 0..3_i32 {
        for (nth, (tenant, items)) in (0..).zip(tenants.iter().zip(&repositories)) {
            let model = item::Model { large: Some(*tenant), ..item(round * 10 + nth) };
            assert_eq!(items.create(&cx, &model).await.unwrap(), model);
            let changed = item::Model { small: round, ..model };
            assert_eq!(items.update(&cx, &changed).await.unwrap(), changed);
            assert_eq!(items.find(&cx, &changed.id).await.unwrap(), Some(changed.clone()));
            assert_eq!(items.count(&cx, &Filter::all()).await.unwrap(), u64::try_from(round).unwrap() + 1);
            for other in
                repositories.iter().enumerate().filter(|(other, _)| i32::try_from(*other) != Ok(nth)).map(|(_, other)| other)
            {
                assert_eq!(other.find(&cx, &changed.id).await.unwrap(), None);
            }
        }
    }
    let edges = ["a", "b", "it's"].map(|name| within::<edge::Entity>(&fixture.store, field_of(edge::Column::Name).equals(name)));
    let edge = |name: &str, version| edge::Model { name: name.to_owned(), version };
    for (name, edges) in ["a", "b", "it's"].into_iter().zip(&edges) {
        edges.create_many(&cx, &(1..=3).map(|version| edge(name, version)).collect::<Vec<_>>()).await.unwrap();
        edges.upsert_batch(&cx, &[edge(name, 3), edge(name, 4)], &OnConflict::ignore()).await.unwrap();
        edges.update(&cx, &edge(name, 1)).await.unwrap();
    }
    let keys = [("a".to_owned(), 1), ("b".to_owned(), 1), ("b".to_owned(), 2)];
    assert_eq!(edges[1].find_many(&cx, &keys).await.unwrap(), [edge("b", 1), edge("b", 2)]);
    assert_eq!(edges[1].delete_many(&cx, &keys).await.unwrap(), 2);
    for (edges, count) in edges.iter().zip([4, 2, 4]) {
        assert_eq!(edges.count(&cx, &Filter::all()).await.unwrap(), count);
    }
}

/// A filter that a repository could not keep to is refused when the repository is made; its conditions count in every query.
pub async fn refuse_a_filter_they_cannot_keep(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let store = &fixture.store;
    let items = |filter| store.repository_builder::<item::Entity>().within(filter).build().map(drop);
    let person = |filter| store.repository_builder::<person::Entity>().within(filter).build().map(drop);
    let page =
        |filter| store.repository_builder::<page::Entity>().within(filter).version(page::Column::Version).build().map(drop);
    let small = |range: std::ops::Range<i32>| Filter::any_of(range.map(|n| field(COLUMN.small).equals(n)));
    let refused = [
        items(field_of(item::Column::Small).equals("text")),
        items(field_of(item::Column::Json).equals(serde_json::json!({}))),
        items(small(0..101)),
        items(field(COLUMN.small).exists_in(COLUMN.id, Filter::all())),
        person(field(person::COLUMN.id).at_least(1)),
        person(field(person::COLUMN.joined).is_null()),
        page(field(page::COLUMN.version).equals(1)),
        store
            .repository_builder::<item::Entity>()
            .computed(item::Column::Nick)
            .within(field(COLUMN.nick).is_null())
            .build()
            .map(drop),
        store
            .repository_builder::<item::Entity>()
            .database_default(item::Column::Name)
            .within(field(COLUMN.name).equals("a"))
            .build()
            .map(drop),
    ];
    for (nth, refused) in refused.into_iter().enumerate() {
        assert_eq!(refused.map_err(|error| error.kind()), Err(ErrorKind::InvalidInput), "{nth}");
    }
    assert!(items(Filter::all()).is_ok() && items(Filter::none()).is_ok() && page(field(page::COLUMN.title).equals("a")).is_ok());
    let cast = store.repository_builder::<badge::Entity>().within(field_of(badge::Column::Text).equals("a")).build();
    assert!(cast.is_ok(), "a cast of what is read does not matter");
}

/// A filter may have many conditions and values, which are in every statement.
pub async fn may_have_a_large_filter(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let (store, cx) = (&fixture.store, Cx::new());
    let small = |range: std::ops::Range<i32>| Filter::any_of(range.map(|n| field(COLUMN.small).equals(n)));
    let nobody = within::<item::Entity>(store, Filter::none());
    assert_eq!(nobody.create(&cx, &item(1)).await.unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(nobody.count(&cx, &Filter::all()).await.unwrap(), 0);
    let narrow = within::<item::Entity>(store, small(0..99).and(field(COLUMN.small).is_in(0..900)));
    narrow.create(&cx, &item(1)).await.unwrap();
    assert_eq!(narrow.count(&cx, &small(0..400)).await.unwrap(), 1);
    assert_eq!(narrow.count(&cx, &small(0..401)).await.unwrap_err().kind(), ErrorKind::InvalidInput);
    let ids: Vec<i32> = (0..9_000).collect();
    assert_eq!(numbers(&narrow.find_many(&cx, &ids).await.unwrap()), [1]);
    let many: Vec<_> = (2..3_000).map(item).collect();
    narrow.create_batch(&cx, &many).await.unwrap();
    assert_eq!(narrow.update_many(&cx, &many).await.unwrap().len(), many.len());
    assert_eq!(narrow.upsert_batch(&cx, &many, &OnConflict::replace()).await.unwrap().updated, many.len() as u64);
    assert_eq!(narrow.delete_many(&cx, &ids).await.unwrap(), 2_999);
}
