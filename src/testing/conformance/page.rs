use std::collections::BTreeSet;

use larder::{Cursor, Cx, ErrorKind, MAX_PAGE_SIZE, PageRequest, Query, ReaderExt, TransactionalExt, field};

use crate::testing::{
    Harness, Items,
    entities::item::{self, COLUMN},
    item,
};

fn numbers(models: &[item::Model]) -> Vec<i32> {
    models.iter().map(|item| item.id).collect()
}

async fn thousand(items: &Items) {
    let models: Vec<_> = (0..1_000).map(|id| item::Model { small: id % 2, ..item(id * 10) }).collect();
    items.create_batch(&Cx::new(), &models).await.unwrap();
}

/// Pages are apart from each other and together are all there is, also where the columns they are ordered by are equal, and while
/// others store and delete models.
pub async fn reads_every_model_once_while_others_write(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let items = fixture.store.repository::<item::Entity>();
    thousand(&items).await;
    let query = Query::new().order_by(COLUMN.name).order_by_desc(COLUMN.small);
    let mut request = PageRequest::new(37);
    let mut seen = Vec::new();
    for round in 0.. {
        let page = items.page(&Cx::new(), &query, &request).await.unwrap();
        seen.extend(numbers(&page.models));
        let Some(next) = &page.next else { break };
        request = PageRequest::new(37).after(next);
        // One before and one behind, and what was stored last time goes again.
        let new = [round * 10 + 1, 9_989 - round * 10].map(|id| item::Model { small: id % 2, ..item(id) });
        items.create_batch(&Cx::new(), &new).await.unwrap();
        if round % 2 == 1 {
            items.delete_many(&Cx::new(), &[round * 10 + 1, (round - 1) * 10 + 1]).await.unwrap();
        }
    }
    let distinct: BTreeSet<_> = seen.iter().copied().collect();
    assert_eq!(distinct.len(), seen.len(), "a model was read twice");
    assert!((0..1_000).all(|id| distinct.contains(&(id * 10))), "a model was left out");
}

/// From each page there is a way to the next one and back to the one before.
pub async fn goes_forward_and_back(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let items = fixture.store.repository::<item::Entity>();
    let models: Vec<_> = (1..=7).map(|id| item::Model { large: (id > 2).then_some(i64::from(id / 4)), ..item(id) }).collect();
    items.create_batch(&Cx::new(), &models).await.unwrap();
    for query in [Query::new(), Query::new().order_by(COLUMN.large), Query::new().order_by_desc(COLUMN.large)] {
        let all = numbers(&items.query(&Cx::new(), &query).await.unwrap());
        let page = async |request| items.page(&Cx::new(), &query, &request).await.unwrap();
        let first = page(PageRequest::new(3)).await;
        let second = page(PageRequest::new(3).after(first.next.as_ref().unwrap())).await;
        let third = page(PageRequest::new(3).after(second.next.as_ref().unwrap())).await;
        assert_eq!([&first, &second, &third].map(|page| numbers(&page.models)).concat(), all);
        assert_eq!((&first.previous, &third.next), (&None, &None));
        assert_eq!(page(PageRequest::new(3).before(third.previous.as_ref().unwrap())).await, second);
        let back = page(PageRequest::new(3).before(second.previous.as_ref().unwrap())).await;
        assert_eq!((back.models, back.next, back.previous), (first.models, first.next, None));
    }
    let none = items.page(&Cx::new(), &field(COLUMN.id).less_than(0).into(), &PageRequest::new(3)).await.unwrap();
    assert!(none.models.is_empty() && none.next.is_none() && none.previous.is_none());
    let whole = items.page(&Cx::new(), &Query::new(), &PageRequest::new(7)).await.unwrap();
    assert!(whole.models.len() == 7 && whole.next.is_none());
}

/// A page after the last, or before the first, has no models, and a way back.
pub async fn ends_where_models_do(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let items = fixture.store.repository::<item::Entity>();
    items.create_batch(&Cx::new(), &[item(1), item(2), item(3)]).await.unwrap();
    let query = Query::new();
    let first = items.page(&Cx::new(), &query, &PageRequest::new(2)).await.unwrap();
    let next = first.next.unwrap();
    items.delete(&Cx::new(), &3).await.unwrap();
    let last = items.page(&Cx::new(), &query, &PageRequest::new(2).after(&next)).await.unwrap();
    assert!(last.models.is_empty() && last.next.is_none());
    let back = items.page(&Cx::new(), &query, &PageRequest::new(2).before(&last.previous.unwrap())).await.unwrap();
    assert_eq!(numbers(&back.models), [1, 2]);
}

/// A cursor that was changed, or belongs to another order or key, is `InvalidInput`; so is a page of no size, or of too large a
/// one.
pub async fn refuses_what_is_no_place_in_it(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let items = fixture.store.repository::<item::Entity>();
    items.create_batch(&Cx::new(), &[item(1), item(2)]).await.unwrap();
    let by_name = Query::new().order_by(COLUMN.name);
    let cursor = items.page(&Cx::new(), &by_name, &PageRequest::new(1)).await.unwrap().next.unwrap();
    let try_page =
        async |query: Query<item::Model>, request| items.page(&Cx::new(), &query, &request).await.map_err(|e| e.kind());
    let after = |cursor: &Cursor| PageRequest::new(1).after(cursor);
    assert!(try_page(by_name.clone(), after(&cursor)).await.is_ok());
    // The filter may change, the order not.
    assert!(try_page(by_name.clone().filter(field(COLUMN.id).at_least(2)), after(&cursor)).await.is_ok());
    let invalid = Err(ErrorKind::InvalidInput);
    assert_eq!(try_page(Query::new(), after(&cursor)).await, invalid);
    assert_eq!(try_page(Query::new().order_by_desc(COLUMN.name), after(&cursor)).await, invalid);
    assert_eq!(try_page(by_name.clone(), after(&cursor).key("secret")).await, invalid);
    for changed in ["", "x", &format!("-{}", &cursor.as_str()[1..]), &cursor.as_str()[..cursor.as_str().len() - 1]] {
        assert_eq!(try_page(by_name.clone(), after(&changed.parse().unwrap())).await, invalid, "{changed}");
    }
    for size in [0, MAX_PAGE_SIZE + 1, u32::MAX] {
        assert_eq!(try_page(by_name.clone(), PageRequest::new(size)).await, invalid);
    }
    assert_eq!(try_page(by_name.clone().limit(1), PageRequest::new(1)).await, invalid);
    assert_eq!(try_page(by_name.offset(1), PageRequest::new(1)).await, invalid);
}

/// A page says how many models the query selects, on whichever page, if it is asked.
pub async fn counts_every_page_if_asked(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let items = &fixture.store.repository::<item::Entity>();
    let models: Vec<_> = (1..=7).map(|id| item::Model { small: id % 4, ..item(id) }).collect();
    items.create_batch(&Cx::new(), &models).await.unwrap();
    let early = Query::new().filter(field(COLUMN.id).at_most(6)).order_by_desc(COLUMN.id);
    for (query, total) in [(early.clone(), 6), (early.clone().first_of_each(COLUMN.small), 4), (early.with_deleted(), 6)] {
        let mut request = PageRequest::new(3).with_total();
        let mut page = items.page(&Cx::new(), &query, &request).await.unwrap();
        let first = page.clone();
        while let Some(next) = &page.next {
            assert_eq!(page.total, Some(total), "{query:?}");
            request = request.after(next);
            page = items.page(&Cx::new(), &query, &request).await.unwrap();
        }
        assert_eq!(page.total, Some(total), "{query:?}");
        let back = items.page(&Cx::new(), &query, &request.before(&page.previous.unwrap())).await.unwrap();
        assert_eq!(back.total, Some(total), "{query:?}");
        let whole = items.page(&Cx::new(), &query, &PageRequest::new(9).with_total()).await.unwrap();
        assert_eq!((whole.models.len() as u64, whole.total), (total, Some(total)), "{query:?}");
        let unasked = items.page(&Cx::new(), &query, &PageRequest::new(3)).await.unwrap();
        assert_eq!((unasked.models, unasked.total), (first.models, None), "{query:?}");
    }
    let inside = fixture.store.tx(&Cx::new(), |cx| async move {
        items.create(&cx, &item(8)).await?;
        items.page(&cx, &Query::new(), &PageRequest::new(2).with_total()).await
    });
    assert_eq!(inside.await.unwrap().total, Some(8));
}

/// Pages of a transaction have what it wrote.
pub async fn belongs_to_its_transaction(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let items = &fixture.store.repository::<item::Entity>();
    items.create_batch(&Cx::new(), &[item(1), item(3)]).await.unwrap();
    let read = fixture.store.tx(&Cx::new(), |cx| async move {
        let first = items.page(&cx, &Query::new(), &PageRequest::new(1)).await?;
        items.create(&cx, &item(2)).await?;
        items.page(&cx, &Query::new(), &PageRequest::new(5).after(&first.next.unwrap())).await
    });
    assert_eq!(numbers(&read.await.unwrap().models), [2, 3]);
}
