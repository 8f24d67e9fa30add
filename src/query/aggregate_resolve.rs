//! Resolves aggregations against the table of an entity.

use sea_orm::{Value, sea_query::ArrayType};

use super::{
    aggregate::{AggregateFunction, AggregateTerm, Having},
    aggregation::{Aggregation, GroupOrder},
    column::ColumnName,
    filter::Filter,
    group_finish::{BucketFill, GroupFinish, GroupOperand, GroupPlace, GroupTest, GroupValue},
    grouping::{GroupKey, Grouping, Measure, MeasureKind},
    operand::{Fitted, fit, is_whole, misfit},
    resolve::Size,
    time_bucket::{TimeBucket, is_date_time},
    tree::ResolvedFilter,
};
use crate::{
    error::{Error, ErrorKind, Result},
    table::Table,
    value::{is_null, whole_number},
};

/// How many columns to group by and aggregates there are at most.
const MAX_TERMS: usize = 100;

/// What a backend is asked, and what becomes of its answer.
#[derive(Debug)]
pub(crate) struct ResolvedAggregation {
    pub(crate) condition: ResolvedFilter,
    pub(crate) grouping: Grouping,
    pub(crate) finish: GroupFinish,
}

/// The measures that the aggregates are made of, each once.
struct MeasureList<'t> {
    table: &'t Table,
    size: Size,
    measures: Vec<Measure>,
}

impl Table {
    /// Resolves a filter and an aggregation against the table. Models that are not there for the repository do not count; those
    /// that are marked as deleted do if that is asked for.
    pub(crate) fn aggregation<M>(&self, filter: &Filter<M>, aggregation: &Aggregation<M>) -> Result<ResolvedAggregation> {
        let Aggregation { keys, aggregates, having, order, limit, with_deleted } = aggregation;
        let terms = keys.len() + aggregates.len() + having.len() + order.len();
        if (keys.is_empty() && aggregates.is_empty()) || terms > MAX_TERMS {
            return Err(Error::new(ErrorKind::InvalidInput, "an aggregation of nothing, or of more than 100 values"));
        }
        let mut list = MeasureList { table: self, size: Size { tests: self.scope.tests }, measures: Vec::new() };
        let condition = self.resolve(filter.tree()?, &mut list.size)?;
        let condition = if *with_deleted { self.scope.filter.clone() } else { self.visible() }.and(condition);
        let (group_keys, fills) = self.group_keys(keys)?;
        let mut names: Vec<String> = keys.iter().map(|(name, _)| name.clone().into_owned()).collect();
        names.extend(aggregates.iter().map(AggregateTerm::answered_as));
        let mut values = aggregates.iter().map(|term| list.value(term)).collect::<Result<Vec<_>>>()?;
        let having = having.iter().map(|having| list.test(having, &mut values)).collect::<Result<Vec<_>>>()?;
        let order = order.iter().map(|(by, descending)| Ok((list.place(by, keys, &mut values)?, *descending)));
        let order = order.collect::<Result<Vec<_>>>()?;
        let (by_keys, order) = whole_order(&order, keys.len());
        let nothing = list.measures.iter().map(|measure| measure.kind.of_nothing(self)).collect::<Result<Vec<_>>>()?;
        let is_sorted = by_keys.is_some() && fills.is_empty();
        // What is refused is refused whether a limit leaves its group out or not.
        let may_be_refused = list.measures.iter().any(|measure| self.may_be_refused(measure))
            || group_keys.iter().filter_map(|key| key.grid).any(|grid| grid.may_begin_too_early());
        let all_are_needed = !having.is_empty() || group_keys.is_empty() || may_be_refused;
        let grouping = Grouping {
            order: by_keys.unwrap_or_else(|| (0..keys.len()).map(|key| (key, false)).collect()),
            limit: limit.filter(|_| is_sorted && !all_are_needed),
            keys: group_keys,
            measures: list.measures,
        };
        let order = if is_sorted { Vec::new() } else { order };
        let (names, keys) = (names.into(), keys.len());
        let finish = GroupFinish { names, keys, nothing, fills, values, having, order, limit: *limit };
        Ok(ResolvedAggregation { condition, grouping, finish })
    }

    fn group_keys(&self, keys: &[(ColumnName, Option<TimeBucket>)]) -> Result<(Vec<GroupKey>, Vec<BucketFill>)> {
        let (mut resolved, mut fills) = (Vec::new(), Vec::new());
        for (key, (name, bucket)) in keys.iter().enumerate() {
            let column = self.position(name)?;
            self.require_order(column)?;
            let grid = match bucket {
                None => None,
                Some(bucket) => {
                    let value_type = self.value_type(column)?.clone();
                    if !is_date_time(&value_type) {
                        let error = Error::new(ErrorKind::InvalidInput, "only dates with times are grouped by time");
                        return Err(self.in_column(column, error));
                    }
                    let grid = bucket.grid()?;
                    if let Some((from, until)) = bucket.range()? {
                        let fill = BucketFill { key, grid, value_type, from, until };
                        fill.check()?;
                        fills.push(fill);
                    }
                    Some(grid)
                }
            };
            resolved.push(GroupKey { column, grid });
        }
        Ok((resolved, fills))
    }

    /// Whether a measure may be one that cannot be answered.
    fn may_be_refused(&self, measure: &Measure) -> bool {
        let is_whole = |column| self.value_type(column).is_ok_and(is_whole);
        matches!(measure.kind, MeasureKind::Sum(column) if !is_whole(column))
    }
}

/// An order of keys alone, if the engine can answer it, and the whole order.
type WholeOrder = (Option<Vec<(usize, bool)>>, Vec<(GroupPlace, bool)>);

/// An order of groups that is total: what was asked for, and then the keys. With it, the same by keys alone, if it is by keys
/// alone.
fn whole_order(asked: &[(GroupPlace, bool)], keys: usize) -> WholeOrder {
    let (mut by_keys, mut whole, mut is_by_keys) = (Vec::new(), Vec::new(), true);
    let rest = (0..keys).map(|key| (GroupPlace::Key(key), false));
    for (place, descending) in asked.iter().copied().chain(rest) {
        match place {
            GroupPlace::Key(key) if by_keys.iter().any(|(other, _)| *other == key) => continue,
            GroupPlace::Key(key) => by_keys.push((key, descending)),
            GroupPlace::Value(_) => is_by_keys = false,
        }
        whole.push((place, descending));
    }
    (is_by_keys.then_some(by_keys), whole)
}

impl<M> AggregateTerm<M> {
    fn answered_as(&self) -> String {
        use AggregateFunction as F;
        let (what, column) = match &self.function {
            F::Count => return self.name.clone().unwrap_or_else(|| "count".to_owned()),
            F::CountOf(column) => ("count", column),
            F::CountDistinct(column) => ("count_distinct", column),
            F::Sum(column) => ("sum", column),
            F::Average(column) => ("average", column),
            F::Minimum(column) => ("minimum", column),
            F::Maximum(column) => ("maximum", column),
        };
        self.name.clone().unwrap_or_else(|| format!("{what}_{column}"))
    }
}

impl MeasureList<'_> {
    /// The position of a measure, which is added if it is not there.
    fn measure(&mut self, kind: MeasureKind, condition: &ResolvedFilter) -> usize {
        let measure = Measure { kind, condition: condition.clone() };
        let known = self.measures.iter().position(|known| *known == measure);
        known.unwrap_or_else(|| {
            self.measures.push(measure);
            self.measures.len() - 1
        })
    }

    /// The condition of an aggregate's own filter.
    fn condition<M>(&mut self, filter: Option<&Filter<M>>) -> Result<ResolvedFilter> {
        let Some(filter) = filter else { return Ok(ResolvedFilter::TRUE) };
        self.table.resolve(filter.tree()?, &mut self.size)
    }

    fn value<M>(&mut self, term: &AggregateTerm<M>) -> Result<GroupValue> {
        use AggregateFunction as F;
        let condition = self.condition(term.filter.as_ref())?;
        Ok(match &term.function {
            F::Count => GroupValue::Whole(self.measure(MeasureKind::Rows, &condition)),
            F::CountOf(name) => {
                let column = self.table.position(name)?;
                GroupValue::Whole(self.measure(MeasureKind::Values(column), &condition))
            }
            F::CountDistinct(name) => {
                let column = self.ordered(name)?;
                GroupValue::Whole(self.measure(MeasureKind::Distinct(column), &condition))
            }
            F::Sum(name) => {
                let column = self.number(name)?;
                let sum = self.measure(MeasureKind::Sum(column), &condition);
                if is_whole(self.table.value_type(column)?) { GroupValue::Whole(sum) } else { GroupValue::Same(sum) }
            }
            F::Average(name) => {
                let column = self.number(name)?;
                let sum = self.measure(MeasureKind::Sum(column), &condition);
                GroupValue::Average { sum, count: self.measure(MeasureKind::Values(column), &condition) }
            }
            F::Minimum(name) => {
                let column = self.ordered(name)?;
                GroupValue::Same(self.measure(MeasureKind::Minimum(column), &condition))
            }
            F::Maximum(name) => {
                let column = self.ordered(name)?;
                GroupValue::Same(self.measure(MeasureKind::Maximum(column), &condition))
            }
        })
    }

    fn ordered(&self, name: &str) -> Result<usize> {
        let column = self.table.position(name)?;
        self.table.require_order(column).map(|()| column)
    }

    fn number(&self, name: &str) -> Result<usize> {
        let column = self.table.position(name)?;
        self.table.require_comparable(column)?;
        match self.table.value_type(column)? {
            ArrayType::Float | ArrayType::Double | ArrayType::Decimal => Ok(column),
            whole if is_whole(whole) => Ok(column),
            _ => Err(self.table.in_column(column, Error::new(ErrorKind::InvalidInput, "only numbers can be added up"))),
        }
    }

    fn test<M>(&mut self, having: &Having<M>, values: &mut Vec<GroupValue>) -> Result<GroupTest> {
        self.size.add(1)?;
        values.push(self.value(&having.term)?);
        let operand = self.operand(&having.term, &having.value)?;
        Ok(GroupTest { value: values.len() - 1, comparison: having.comparison, operand })
    }

    /// What an aggregate is compared with, in the type of its value.
    fn operand<M>(&self, term: &AggregateTerm<M>, value: &Value) -> Result<GroupOperand> {
        use AggregateFunction as F;
        if is_null(value) {
            return Ok(GroupOperand::Null);
        }
        let whole = || whole_number(value).map(GroupOperand::Whole).ok_or_else(misfit);
        let of_type = |value_type: &ArrayType| fit(value.clone(), value_type);
        let fitted = match &term.function {
            F::Count | F::CountOf(_) | F::CountDistinct(_) => return whole(),
            F::Sum(name) | F::Average(name) => {
                let column = self.table.position(name)?;
                match (self.table.value_type(column)?, &term.function) {
                    (ArrayType::Decimal, _) => of_type(&ArrayType::Decimal),
                    (value_type, F::Sum(_)) if is_whole(value_type) => return whole(),
                    _ => of_type(&ArrayType::Double),
                }
            }
            F::Minimum(name) | F::Maximum(name) => {
                let column = self.table.position(name)?;
                self.table.fit(column, value).map_err(|error| self.table.in_column(column, error))
            }
        };
        Ok(match fitted? {
            Fitted::Value(value) => GroupOperand::Value(value),
            Fitted::Above => GroupOperand::Above,
            Fitted::Below => GroupOperand::Below,
        })
    }

    fn place<M>(
        &mut self,
        by: &GroupOrder<M>,
        keys: &[(ColumnName, Option<TimeBucket>)],
        values: &mut Vec<GroupValue>,
    ) -> Result<GroupPlace> {
        match by {
            GroupOrder::Column(column) => {
                let key = keys.iter().position(|(name, _)| name == column);
                let missing =
                    || Error::new(ErrorKind::InvalidInput, "an order by a column that is not grouped by").in_column(column);
                key.map(GroupPlace::Key).ok_or_else(missing)
            }
            GroupOrder::Aggregate(term) => {
                values.push(self.value(term)?);
                Ok(GroupPlace::Value(values.len() - 1))
            }
        }
    }
}
