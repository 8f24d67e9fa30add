//! [`TextPattern`], literals in an order.

use std::borrow::Cow;

/// Literal texts that a text has in this order, with anything or nothing between them.
///
/// Each literal stands as it is: `%`, `_`, `*`, `?`, `[` and `\` mean themselves. The literals do not overlap: `ab`, then `bc` at
/// the end, is not in `abc`. A literal without characters is no condition.
///
/// ```
/// use larder::TextPattern;
///
/// let request = TextPattern::starting("GET ").then("/users/").ending(".json");
/// assert!(request.matches("GET /api/users/7.json"));
/// assert!(!request.matches("get /api/users/7.json"));
/// assert!(request.ignore_ascii_case().matches("get /api/USERS/7.json"));
///
/// assert!(TextPattern::containing("50%").then("_").matches("at 50% of a_b"));
/// assert!(!TextPattern::starting("ab").ending("bc").matches("abc"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextPattern {
    start: Option<String>,
    between: Vec<String>,
    end: Option<String>,
    ignores_ascii_case: bool,
}

impl TextPattern {
    fn new() -> Self {
        Self { start: None, between: Vec::new(), end: None, ignores_ascii_case: false }
    }

    /// The text begins with this literal.
    #[must_use]
    pub fn starting(literal: impl Into<String>) -> Self {
        Self { start: Some(literal.into()), ..Self::new() }
    }

    /// The text has this literal in it, anywhere.
    #[must_use]
    pub fn containing(literal: impl Into<String>) -> Self {
        Self::new().then(literal)
    }

    /// The text has this literal after those before, anywhere.
    #[must_use]
    pub fn then(mut self, literal: impl Into<String>) -> Self {
        let literal = self.folded(literal.into());
        self.between.push(literal);
        self
    }

    /// The text ends with this literal, after all others. The last one that is given counts.
    #[must_use]
    pub fn ending(self, literal: impl Into<String>) -> Self {
        Self { end: Some(self.folded(literal.into())), ..self }
    }

    /// The letters A to Z are equal to a to z, in all literals. Other letters are compared as they are.
    #[must_use]
    pub fn ignore_ascii_case(mut self) -> Self {
        self.ignores_ascii_case = true;
        self.start.iter_mut().chain(&mut self.between).chain(&mut self.end).for_each(|literal| literal.make_ascii_lowercase());
        self
    }

    fn folded(&self, mut literal: String) -> String {
        if self.ignores_ascii_case {
            literal.make_ascii_lowercase();
        }
        literal
    }

    /// A text that ends with a literal.
    pub(super) fn only_ending(literal: impl Into<String>) -> Self {
        Self::new().ending(literal)
    }

    /// The literal that a text begins with, if it has to begin with one.
    #[must_use]
    pub fn start(&self) -> Option<&str> {
        self.start.as_deref()
    }

    /// The literals that are anywhere, in their order.
    pub fn between(&self) -> impl Iterator<Item = &str> {
        self.between.iter().map(String::as_str)
    }

    /// The literal that a text ends with, if it has to end with one.
    #[must_use]
    pub fn end(&self) -> Option<&str> {
        self.end.as_deref()
    }

    /// Whether A to Z are equal to a to z. The literals of the pattern have no A to Z then.
    #[must_use]
    pub fn ignores_ascii_case(&self) -> bool {
        self.ignores_ascii_case
    }

    /// All literals, in their order.
    pub(super) fn literals(&self) -> impl Iterator<Item = &str> {
        self.start().into_iter().chain(self.between()).chain(self.end())
    }

    /// The same without literals that have no characters. Returns `None` if none is left.
    pub(super) fn without_empty(&self) -> Option<Self> {
        let is_some = |literal: &String| !literal.is_empty();
        let pattern = Self {
            start: self.start.clone().filter(is_some),
            between: self.between.iter().filter(|literal| is_some(literal)).cloned().collect(),
            end: self.end.clone().filter(is_some),
            ..*self
        };
        let has_any = pattern.literals().next().is_some();
        has_any.then_some(pattern)
    }

    /// Whether a text has the literals.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        let text = if self.ignores_ascii_case { Cow::Owned(text.to_ascii_lowercase()) } else { Cow::Borrowed(text) };
        let mut rest = text.strip_prefix(self.start().unwrap_or_default());
        for literal in self.between() {
            // The first place leaves the most for the literals after it.
            rest = rest.and_then(|rest| rest.split_once(literal)).map(|(_, rest)| rest);
        }
        rest.is_some_and(|rest| rest.ends_with(self.end().unwrap_or_default()))
    }
}
