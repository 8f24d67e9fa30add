use larder::{Cx, Error, ErrorKind, Filter, Projection, Query, ReaderExt, TransactionalExt, field, field_of};
use sea_orm::RelationTrait;

use crate::testing::{
    Fixture, Harness, Items, People,
    entities::{
        door,
        item::{self, COLUMN},
        label, letter, person, seat, street,
    },
    item, person, time,
};

/// People who have no seat, by their levels.
fn people(levels: &[Option<i64>]) -> Vec<person::Model> {
    let numbered = (1..).zip(levels);
    numbered.map(|(id, level)| person::Model { id, level: *level, ..person(&format!("p{id}")) }).collect()
}

/// Items 1 to 9, whose number modulo 4 is in `small` and, but for those of 0, in `large`.
async fn nine(harness: &'static dyn Harness) -> (Fixture, Items) {
    let fixture = harness.fresh().await;
    let items = fixture.store.repository::<item::Entity>();
    let models = (1..=9).map(|id| item::Model { small: id % 4, large: (id % 4 > 0).then_some(i64::from(id % 4)), ..item(id) });
    items.create_batch(&Cx::new(), &models.collect::<Vec<_>>()).await.unwrap();
    (fixture, items)
}

fn numbers(models: &[Vec<item::Model>]) -> Vec<Vec<i32>> {
    models.iter().map(|models| models.iter().map(|item| item.id).collect()).collect()
}

/// The answer has a list for each parent, in the order of the parents, and each list is in the query's order. A parent that is
/// given twice is answered twice; one without a value has nothing, nor does anything without a value belong to it.
pub async fn answers_in_the_order_of_the_parents(harness: &'static dyn Harness) {
    let (_fixture, items) = nine(harness).await;
    let parents = people(&[Some(2), None, Some(1), Some(77), Some(2), Some(i64::MAX), Some(0)]);
    let of_each = async |query: Query<item::Model>| {
        let found = items.of_each(&Cx::new(), &parents, person::COLUMN.level, COLUMN.large, &query).await;
        numbers(&found.unwrap())
    };
    let none = Vec::new;
    assert_eq!(of_each(Query::new()).await, [vec![2, 6], none(), vec![1, 5, 9], none(), vec![2, 6], none(), none()]);
    let latest = Query::new().filter(field(COLUMN.id).not_equals(5)).order_by_desc(COLUMN.id);
    assert_eq!(of_each(latest).await, [vec![6, 2], none(), vec![9, 1], none(), vec![6, 2], none(), none()]);
    assert_eq!(of_each(Filter::none().into()).await, vec![none(); 7]);
    let nobody = items.of_each(&Cx::new(), &[], person::COLUMN.level, COLUMN.large, &Query::new()).await.unwrap();
    assert!(nobody.is_empty());
}

/// Limit, offset and the first of each group count for each parent by itself.
pub async fn takes_a_part_for_each_parent(harness: &'static dyn Harness) {
    let (_fixture, items) = nine(harness).await;
    let parents = people(&[Some(1), Some(0), Some(2)]);
    let of_each = async |query: Query<item::Model>| {
        let found = items.of_each(&Cx::new(), &parents, person::COLUMN.level, COLUMN.small, &query).await;
        numbers(&found.unwrap())
    };
    let latest = || Query::new().order_by_desc(COLUMN.id);
    assert_eq!(of_each(latest()).await, [vec![9, 5, 1], vec![8, 4], vec![6, 2]]);
    assert_eq!(of_each(latest().limit(1)).await, [[9], [8], [6]]);
    assert_eq!(of_each(latest().limit(1).offset(1)).await, [[5], [4], [2]]);
    assert_eq!(of_each(latest().offset(2)).await, [vec![1], vec![], vec![]]);
    assert_eq!(of_each(latest().limit(0)).await, vec![Vec::<i32>::new(); 3]);
    assert_eq!(of_each(latest().limit(u64::MAX).offset(u64::MAX)).await, vec![Vec::<i32>::new(); 3]);
    // All items have one name, so that the first of each name is the first of each parent.
    assert_eq!(of_each(latest().first_of_each(COLUMN.name)).await, [[9], [8], [6]]);
    let of_two = latest().first_of_each(COLUMN.id).limit(2).offset(1);
    assert_eq!(of_each(of_two).await, [vec![5, 1], vec![4], vec![2]]);
}

/// Any number of parents can be given.
pub async fn reads_any_number_of_parents(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let items = fixture.store.repository::<item::Entity>();
    let models: Vec<_> = (0..4_000).map(|id| item::Model { small: id % 2_600, ..item(id) }).collect();
    items.create_batch(&Cx::new(), &models).await.unwrap();
    let parents = people(&(0..5_000).rev().map(|level| Some(level % 3_000)).collect::<Vec<_>>());
    let latest = Query::new().order_by_desc(COLUMN.id).limit(1);
    let found = items.of_each(&Cx::new(), &parents, person::COLUMN.level, COLUMN.small, &latest).await.unwrap();
    assert_eq!(found.len(), parents.len());
    for (parent, models) in parents.iter().zip(&found) {
        let level = i32::try_from(parent.level.unwrap()).unwrap();
        let expected = if level < 1_400 { Some(level + 2_600) } else { Some(level).filter(|level| *level < 2_600) };
        assert_eq!(models.iter().map(|item| item.id).collect::<Vec<_>>(), expected.into_iter().collect::<Vec<_>>());
    }
}

/// Values are equal as in a filter: text by its bytes, instants by the moment they mean, numbers by value.
pub async fn compares_values_as_a_filter_does(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let (items, labels) = (fixture.store.repository::<item::Entity>(), fixture.store.repository::<label::Entity>());
    let cx = Cx::new();
    let nicks = ["a", "A", "", "ä", "a "];
    let at = |second| time(&format!("2026-01-01T00:00:0{second}Z"));
    let models = (1..).zip(nicks).map(|(id, nick)| item::Model {
        nick: Some(nick.to_owned()),
        at: at(id % 2),
        due: Some(at(id % 3).with_timezone(&chrono::FixedOffset::east_opt(7_200).unwrap())),
        real: Some(f64::from(id)),
        ..item(id)
    });
    let models: Vec<_> = models.collect();
    items.create_batch(&cx, &models).await.unwrap();
    let parents: Vec<_> = ["A", "b", "a ", "a"].map(|name| label::Model { name: name.into(), text: None }).into();
    labels.create_batch(&cx, &parents).await.unwrap();
    let by_text = items.of_each(&cx, &parents, field_of(label::Column::Name), field_of(item::Column::Nick), &Query::new()).await;
    assert_eq!(numbers(&by_text.unwrap()), [vec![2], vec![], vec![5], vec![1]]);
    let by_time = items.of_each(&cx, &models, COLUMN.at, COLUMN.due, &Query::new()).await.unwrap();
    assert_eq!(numbers(&by_time), [vec![1, 4], vec![3], vec![1, 4], vec![3], vec![1, 4]]);
    let by_number = items.of_each(&cx, &models[1..3], COLUMN.id, COLUMN.real, &Query::new()).await.unwrap();
    assert_eq!(numbers(&by_number), [[2], [3]]);
    // A number that no `i32` holds is equal to none.
    let large = people(&[Some(i64::MAX), Some(3)]);
    let of_large = items.of_each(&cx, &large, person::COLUMN.level, COLUMN.id, &Query::new()).await.unwrap();
    assert_eq!(numbers(&of_large), [vec![], vec![3]]);
}

async fn write_letters(people: &People, letters: &dyn larder::Creator<letter::Model>) -> Vec<letter::Model> {
    people.create_batch(&Cx::new(), &[person("ann"), person("bob")].map(|model| person::Model { id: 0, ..model })).await.unwrap();
    let ids: Vec<i64> = people.query_as(&Cx::new(), &Query::new(), &Projection::of(person::COLUMN.id)).await.unwrap();
    let letter = |id, sender, answers| letter::Model { id, sender, answers, about: None };
    let models = [letter(1, ids[1], None), letter(2, ids[0], Some(1)), letter(3, ids[1], Some(1))];
    letters.create_many(&Cx::new(), &models).await.unwrap()
}

/// `related_of_each` follows SeaORM's relations in both directions, and those of an entity to itself.
pub async fn follows_relations(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let (cx, store) = (Cx::new(), &fixture.store);
    let (people, letters) = (store.repository::<person::Entity>(), store.repository::<letter::Entity>());
    let written = write_letters(&people, &*letters).await;
    let senders = people.related_of_each(&cx, &written, &Query::new()).await.unwrap();
    let emails: Vec<_> = senders.iter().flatten().map(|person| person.email.as_str()).collect();
    assert_eq!(emails, ["bob", "ann", "bob"]);
    let ids = |models: &[Vec<letter::Model>]| -> Vec<Vec<i64>> {
        models.iter().map(|models| models.iter().map(|letter| letter.id).collect()).collect()
    };
    let everybody = people.all(&cx).await.unwrap();
    let sent = letters.related_of_each_by(&cx, &everybody, letter::Relation::Sender.def().rev(), &Query::new()).await.unwrap();
    assert_eq!(ids(&sent), [vec![2], vec![1, 3]]);
    let answered = letters.related_of_each_by(&cx, &written, letter::Relation::Answers.def(), &Query::new()).await.unwrap();
    assert_eq!(ids(&answered), [vec![], vec![1], vec![1]]);
    let answers = letters.related_of_each_by(&cx, &written, letter::Relation::Answers.def().rev(), &Query::new().limit(1)).await;
    assert_eq!(ids(&answers.unwrap()), [vec![2], vec![], vec![]]);
}

/// Columns whose values do not compare are `InvalidInput`; a relation by several columns is `Unsupported`, and one between other
/// entities `InvalidInput`. A transaction can go on.
pub async fn refuses_what_does_not_compare(harness: &'static dyn Harness) {
    let (fixture, items) = nine(harness).await;
    let (items, doors) = (&items, &fixture.store.repository::<street::Entity>());
    let tried = fixture.store.tx(&Cx::new(), |cx| async move {
        let (models, all) = (items.all(&cx).await?, Query::new());
        let json = || field_of(item::Column::Json);
        let kinds = [
            items.of_each(&cx, &models, field_of(item::Column::Name), field_of(item::Column::Small), &all).await.err(),
            items.of_each(&cx, &models, field_of(item::Column::Id), json(), &all).await.err(),
            items.of_each(&cx, &models, json(), field_of(item::Column::Nick), &all).await.err(),
            items.of_each(&cx, &models, json(), json(), &all).await.err(),
            items.related_of_each_by(&cx, &models, seat::Relation::Beside.def(), &all).await.err(),
        ];
        let kinds = kinds.map(|error| error.map(|error| error.kind()));
        assert_eq!(kinds[..2], [Some(ErrorKind::InvalidInput); 2]);
        // There is no document to compare.
        assert_eq!(kinds[2], None);
        assert_eq!(kinds[3..], [Some(ErrorKind::InvalidInput); 2]);
        let door = door::Model { id: 1, place: "a".into(), number: 1, place_id: 1 };
        let by_two = doors.related_of_each_by(&cx, &[door], door::Relation::Street.def(), &Query::new()).await;
        assert_eq!(by_two.unwrap_err().kind(), ErrorKind::Unsupported);
        items.create(&cx, &item(99)).await
    });
    tried.await.unwrap();
}

/// Inside a transaction, what it wrote belongs to its parents, too.
pub async fn sees_its_own_transaction(harness: &'static dyn Harness) {
    let (fixture, items) = nine(harness).await;
    let items = &items;
    let undone = fixture.store.tx(&Cx::new(), |cx| async move {
        items.create(&cx, &item::Model { small: 2, ..item(10) }).await?;
        items.delete(&cx, &2).await?;
        let found = items.of_each(&cx, &people(&[Some(2)]), person::COLUMN.level, COLUMN.small, &Query::new()).await?;
        assert_eq!(numbers(&found), [[6, 10]]);
        Err::<(), _>(Error::new(ErrorKind::Internal, "undo"))
    });
    undone.await.unwrap_err();
}
