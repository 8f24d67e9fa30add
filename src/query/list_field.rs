//! Conditions on the elements of lists.

use super::{
    column::{ColumnName, JsonKind, Scalar},
    field::Field,
    filter::Filter,
    tree::{Quantifier, Test},
};

/// On a column of lists, or of JSON documents. A document that is no list, and null, fulfil none of these conditions. An element
/// is equal to a value as by [`path_equals`](Self::path_equals): text is never equal to a number, nor `true` to 1. It does not
/// matter how often or where an element is in a list.
///
/// ```
/// # mod article {
/// #     use sea_orm::entity::prelude::*;
/// #     #[sea_orm::compact_model]
/// #     #[derive(Clone, Debug, PartialEq, DeriveEntityModel, serde::Serialize, serde::Deserialize)]
/// #     #[sea_orm(table_name = "article")]
/// #     pub struct Model { #[sea_orm(primary_key)] pub id: i64, pub tags: Json }
/// #     #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
/// #     pub enum Relation {}
/// #     impl ActiveModelBehavior for ActiveModel {}
/// # }
/// # use larder::{Creator, Cx, Filter, Reader, Result, field};
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<()> {
/// let store = larder::open("memory:").await?;
/// let (articles, cx) = (store.repository::<article::Entity>(), Cx::new());
/// for tags in [serde_json::json!(["rust", "sql"]), serde_json::json!(["rust", 2026]), serde_json::json!("rust")] {
///     articles.create(&cx, &article::Model { id: 0, tags }).await?;
/// }
/// let count = async |filter: Filter<article::Model>| articles.count(&cx, &filter).await;
/// let tags = || field(article::COLUMN.tags);
/// assert_eq!(count(tags().has_element("rust")).await?, 2);
/// assert_eq!(count(tags().has_any_of(["sql", "go"])).await?, 1);
/// assert_eq!(count(tags().has_all_of(["rust", "go"])).await?, 0);
/// # Ok(()) }
/// ```
///
/// Each element that is asked for counts as a condition of the filter.
///
/// # Columns of lists
/// A field of the type `Vec<T>` is stored on backends with the [capability](crate::Capabilities::arrays) for it. Such a column is
/// taken by [`field_of`](crate::field_of), and cannot be compared otherwise. Elements can be asked for in lists of text, whole
/// numbers, UUIDs and booleans; in others that is [`Unsupported`](crate::ErrorKind::Unsupported). A value of another type than
/// the list's is [`InvalidInput`](crate::ErrorKind::InvalidInput).
impl<M, K: JsonKind, N: Into<ColumnName>> Field<M, K, N> {
    /// The list has this element.
    #[must_use]
    pub fn has_element(self, element: impl Into<Scalar>) -> Filter<M> {
        self.has_any_of([element])
    }

    /// The list has one of these elements, or several; of none, never.
    #[must_use]
    pub fn has_any_of<S: Into<Scalar>>(self, elements: impl IntoIterator<Item = S>) -> Filter<M> {
        self.path_has_any_of([""; 0], elements)
    }

    /// The list has all of these elements; of none, every list has.
    #[must_use]
    pub fn has_all_of<S: Into<Scalar>>(self, elements: impl IntoIterator<Item = S>) -> Filter<M> {
        self.path_has_all_of([""; 0], elements)
    }

    /// At the end of a path in the document, as of [`path_equals`](Self::path_equals), is a list with this element.
    #[must_use]
    pub fn path_has_element<P: Into<String>>(self, path: impl IntoIterator<Item = P>, element: impl Into<Scalar>) -> Filter<M> {
        self.path_has_any_of(path, [element])
    }

    /// At the end of a path in the document is a list with one of these elements, or several.
    #[must_use]
    pub fn path_has_any_of<P: Into<String>, S: Into<Scalar>>(
        self,
        path: impl IntoIterator<Item = P>,
        elements: impl IntoIterator<Item = S>,
    ) -> Filter<M> {
        self.has(path, Quantifier::Any, elements)
    }

    /// At the end of a path in the document is a list with all of these elements.
    #[must_use]
    pub fn path_has_all_of<P: Into<String>, S: Into<Scalar>>(
        self,
        path: impl IntoIterator<Item = P>,
        elements: impl IntoIterator<Item = S>,
    ) -> Filter<M> {
        self.has(path, Quantifier::All, elements)
    }

    fn has<P: Into<String>, S: Into<Scalar>>(
        self,
        path: impl IntoIterator<Item = P>,
        quantifier: Quantifier,
        elements: impl IntoIterator<Item = S>,
    ) -> Filter<M> {
        let path = path.into_iter().map(Into::into).collect();
        self.test(Test::Has { path, quantifier, elements: elements.into_iter().map(Into::into).collect() })
    }
}
