//! Conditions on text.

use super::{
    column::{ColumnName, Operand, Ordered},
    field::Field,
    filter::Filter,
    text_pattern::TextPattern,
    tree::Test,
};

impl<M, K: Ordered, N: Into<ColumnName>> Field<M, K, N>
where
    for<'a> &'a str: Operand<K>,
{
    /// The text has this one in it, as it stands: `%`, `_` and the case of letters mean themselves.
    #[must_use]
    pub fn contains(self, text: impl Into<String>) -> Filter<M> {
        self.test(Test::Contains(text.into()))
    }

    /// The text begins with this one, as it stands.
    #[must_use]
    pub fn starts_with(self, text: impl Into<String>) -> Filter<M> {
        self.test(Test::StartsWith(text.into()))
    }

    /// The text ends with this one, as it stands.
    #[must_use]
    pub fn ends_with(self, text: impl Into<String>) -> Filter<M> {
        self.matches_pattern(TextPattern::only_ending(text))
    }

    /// The text has the literals of a pattern in their order.
    ///
    /// ```
    /// # mod line {
    /// #     use sea_orm::entity::prelude::*;
    /// #     #[sea_orm::compact_model]
    /// #     #[derive(Clone, Debug, PartialEq, DeriveEntityModel, serde::Serialize, serde::Deserialize)]
    /// #     #[sea_orm(table_name = "line")]
    /// #     pub struct Model { #[sea_orm(primary_key)] pub id: i64, pub text: String }
    /// #     #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    /// #     pub enum Relation {}
    /// #     impl ActiveModelBehavior for ActiveModel {}
    /// # }
    /// # use larder::{Creator, Cx, Filter, Reader, Result, TextPattern, field};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<()> {
    /// let store = larder::open("memory:").await?;
    /// let (lines, cx) = (store.repository::<line::Entity>(), Cx::new());
    /// for text in ["GET /users/7 HTTP/1.1 200", "get /Users/8 HTTP/1.1 404", "POST /users HTTP/1.1 200"] {
    ///     lines.create(&cx, &line::Model { id: 0, text: text.into() }).await?;
    /// }
    /// let count = async |filter: Filter<line::Model>| lines.count(&cx, &filter).await;
    /// let text = || field(line::COLUMN.text);
    /// assert_eq!(count(text().matches_pattern(TextPattern::starting("GET ").then("/users/").ending(" 200"))).await?, 1);
    /// assert_eq!(count(text().starts_with_ignore_ascii_case("get /users/")).await?, 2);
    /// assert_eq!(count(text().ends_with(" 200")).await?, 2);
    /// # Ok(()) }
    /// ```
    ///
    /// Each literal counts as a condition of the filter. A pattern of more than 50 is
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput).
    #[must_use]
    pub fn matches_pattern(self, pattern: TextPattern) -> Filter<M> {
        self.test(Test::Matches(pattern))
    }

    /// The text is this one, where the letters A to Z are equal to a to z. Other letters are compared as they are: `É` is not
    /// `é`.
    #[must_use]
    pub fn equals_ignore_ascii_case(self, text: impl Into<String>) -> Filter<M> {
        self.test(Test::EqualsIgnoreAsciiCase(text.into()))
    }

    /// The text has this one in it, where the letters A to Z are equal to a to z.
    #[must_use]
    pub fn contains_ignore_ascii_case(self, text: impl Into<String>) -> Filter<M> {
        self.matches_pattern(TextPattern::containing(text).ignore_ascii_case())
    }

    /// The text begins with this one, where the letters A to Z are equal to a to z.
    #[must_use]
    pub fn starts_with_ignore_ascii_case(self, text: impl Into<String>) -> Filter<M> {
        self.matches_pattern(TextPattern::starting(text).ignore_ascii_case())
    }

    /// The text ends with this one, where the letters A to Z are equal to a to z.
    #[must_use]
    pub fn ends_with_ignore_ascii_case(self, text: impl Into<String>) -> Filter<M> {
        self.matches_pattern(TextPattern::only_ending(text).ignore_ascii_case())
    }
}
