//! The contract, one function a promise; the sentence above each is the promise. Every backend runs all of them: what a backend
//! does not offer is declared in its capabilities, and the promise then is that it says so.

pub mod aggregate;
pub mod answers;
pub mod append_only;
pub mod bulk;
pub mod cancel;
pub mod catalog;
pub mod change;
pub mod changes;
pub mod claims;
pub mod concurrency;
pub mod create;
pub mod delete;
pub mod elements;
pub mod errors;
pub mod filter;
pub mod groups;
pub mod health;
pub mod hooks;
pub mod ids;
pub mod keys;
pub mod limits;
pub mod lists;
pub mod locks;
pub mod nested;
pub mod newtypes;
pub mod of_each;
pub mod options;
pub mod other_tables;
pub mod page;
pub mod project;
pub mod propagation;
pub mod query;
pub mod read;
pub mod retry;
pub mod rules;
pub mod sandbox;
pub mod scope;
pub mod sql;
pub mod stream;
pub mod tenants;
pub mod text;
pub mod turns;
pub mod tx;
pub mod update;
pub mod upsert;
pub mod values;
pub mod write_behind;

/// Makes a test of every promise of the contract, for one backend. Its argument is a constant of a type that implements
/// [`Harness`](crate::testing::Harness).
///
/// Each promise is a test of its own, in a module that is named after the subject, such as `tx::commits_on_ok`. All of them are
/// run: one that needs a [capability](crate::Capabilities) that the backend does not declare is asserted to be refused.
///
/// ```no_run
/// use larder::{Capabilities, testing::{Fixture, Harness, OpenWith}};
///
/// struct Memory;
///
/// #[async_trait::async_trait]
/// impl Harness for Memory {
///     async fn open(&self, options: OpenWith) -> Fixture {
///         Fixture::new(options.options().open("memory:").await.unwrap(), ())
///     }
///
///     fn declares(&self, capabilities: &Capabilities) -> bool {
///         capabilities.savepoints && !capabilities.sql
///     }
/// }
///
/// larder::testing::conformance!(Memory);
/// # fn main() {}
/// ```
#[macro_export]
#[doc(hidden)]
macro_rules! __conformance {
    ($harness:expr) => {
        $crate::__promises! {
            $harness;
            newtypes {
                are_converted_by_themselves
            }
            write_behind {
                tells_what_the_engine_makes_up
                stores_what_nobody_waits_for
                costs_a_bad_model_only_itself
                waits_for_the_commit
                counts_only_the_attempt_that_commits
                leaves_out_a_nested_part_that_is_undone
                never_waits_in_a_transaction
                is_refused_in_a_sandbox
                replays_its_journal_once
                refuses_ids_that_cannot_be_looked_for
                keeps_the_order_of_each_producer
            }
            keys {
                let_it_be_done_once
                are_undone_with_their_transaction
                belong_to_single_writes
                are_used_up_by_their_transaction
                are_told_when_their_transaction_has_ended
                are_refused_where_they_are_none
                are_forgotten_by_age
            }
            health {
                tells_whether_the_store_answers
                tells_that_all_connections_are_in_use
                is_asked_beside_the_transaction_of_its_context
                tells_of_a_long_transaction
                tells_of_contention
            }
            sandbox {
                stores_nothing
                fails_what_would_fail
                is_no_transaction_to_what_runs_in_it
                takes_keys
                keeps_nothing_by_half
                is_one_of_several
            }
            propagation {
                takes_part
                begins_one_where_there_is_none
                runs_beside
                refuses_one
                fails_up_to_the_nearest_savepoint
                never_waits_for_itself
            }
            limits {
                begin_nothing_late
                bound_the_wait_for_a_connection
                stop_what_runs
                fail_the_transaction
                commit_nothing_late
                end_the_closure
                leave_alone_what_is_in_time
            }
            retry {
                runs_the_closure_again
                gives_up_with_the_history
                looks_through_what_the_closure_answers
                runs_the_outermost_again
                runs_once_where_that_is_asked
                forgets_what_was_dealt_with
                retries_nothing_else
            }
            create {
                returns_the_model_as_stored
                cuts_times_to_microseconds_in_utc
                generates_ids
                fills_in_defaults
                stores_text_as_it_is
                takes_the_time_of_now_from_the_clock
            }
            bulk {
                returns_models_in_the_order_given
                returns_generated_ids_in_the_order_given
                mixes_defaults_and_values
                accepts_models_without_a_value
                does_nothing_for_no_models
                stores_all_or_none
                names_the_model_that_is_refused
                stores_a_large_batch_or_none
                is_undone_with_its_transaction
            }
            read {
                tells_a_missing_model_from_an_error
                finds_many_in_the_order_asked
                finds_very_many
                finds_many_by_composite_ids
                lists_by_id
                lists_times_by_instant
                counts_its_own_models
            }
            update {
                replaces_the_model_and_no_other
                refuses_a_missing_model
                accepts_a_model_that_is_all_id
                takes_what_points_at_it_along
            }
            filter {
                selects_by_every_operator
                joins_conditions
                refuses_what_is_nested_too_deep
                compares_nothing_with_null
                compares_numbers_by_value
                takes_text_as_it_stands
                follows_paths_by_their_keys
                filters_by_an_id_that_is_a_time
                refuses_what_does_not_fit
                counts_what_is_selected
            }
            project {
                reads_some_columns
                names_a_column_of_the_wrong_type
                gives_each_value_once
            }
            aggregate {
                computes_counts_sums_and_averages
                finds_the_first_and_the_last_value
                answers_one_row_of_no_models
                makes_a_group_of_each_value
                filters_each_value
                adds_whole_numbers_to_128_bits
                adds_decimals_exactly
                refuses_sums_that_it_cannot_answer
                groups_by_time_from_the_epoch
                fills_buckets_without_models
                leaves_out_groups
                puts_groups_in_order
                refuses_what_cannot_be_computed
                leaves_out_what_is_marked_as_deleted
                sees_its_own_transaction
            }
            other_tables {
                are_looked_into_by_filters
                have_no_null
                decide_what_is_written
                decide_claims_and_upserts
                are_taken_as_they_are_stored
                compare_columns_of_one_model
                refuse_columns_of_other_types
            }
            query {
                orders_by_columns_and_then_by_id
                takes_a_part
                finds_what_is_left
                takes_the_only_one
                sees_its_own_transaction
            }
            text {
                ignores_the_case_of_ascii_letters_alone
                tests_text_alone
                matches_literals_in_their_order
            }
            groups {
                have_a_first_in_the_order_of_the_query
                are_counted_limited_and_paged
                are_whole_in_a_stream_of_a_transaction
                need_values_that_can_be_told_apart
            }
            of_each {
                answers_in_the_order_of_the_parents
                takes_a_part_for_each_parent
                reads_any_number_of_parents
                compares_values_as_a_filter_does
                follows_relations
                refuses_what_does_not_compare
                sees_its_own_transaction
            }
            elements {
                are_those_of_a_list_in_a_document
                are_those_of_a_list_at_the_end_of_a_path
                are_those_of_a_column_of_lists
            }
            lists {
                take_any_number_of_ids
                take_many_values_of_every_type
            }
            page {
                counts_every_page_if_asked
                reads_every_model_once_while_others_write
                goes_forward_and_back
                ends_where_models_do
                refuses_what_is_no_place_in_it
                belongs_to_its_transaction
            }
            stream {
                reads_what_a_query_reads
                sees_one_moment
                gives_its_connection_back_when_dropped
                lets_its_transaction_write
                ends_with_an_error
                holds_nothing_between_pages
                stops_at_an_error_of_the_caller
                borrows_nothing
                holds_nobody_up_when_left_alone
            }
            change {
                changes_what_a_filter_selects
                keeps_numbers_within_their_types
                loses_no_increase
                changes_all_or_none
                replaces_many
                replaces_a_large_batch_or_none
                is_undone_with_its_transaction
                dooms_a_transaction_it_changed_by_half
                deletes_sets
            }
            changes {
                read_the_model_as_it_was
                add_decimals_and_floats
                raise_and_lower
                fill_in_and_take_options
                name_a_number_that_leaves_its_range
                name_a_decimal_of_too_many_digits
                refuse_nulls_and_other_types
                keep_the_columns_of_the_repository
            }
            answers {
                say_what_became_of_a_model
                list_what_was_changed_or_deleted
                list_thousands
                show_the_columns_of_the_repository
                list_models_that_take_each_other_along
                are_undone_with_their_transaction
            }
            claims {
                take_the_first_of_an_order
                delete_the_first_of_an_order
                need_an_order_and_a_limit
                give_no_model_to_two
                come_back_with_a_rollback
                are_done_once_in_transactions
                wait_for_nobody
            }
            locks {
                are_taken_in_transactions
                keep_others_from_the_model
                meet_what_was_read
            }
            upsert {
                ignores_or_replaces_what_is_there
                replaces_some_columns
                takes_the_same_key_twice
                tells_models_by_unique_columns
                refuses_other_duplicates
                generates_ids
                takes_a_large_batch_or_none
                is_safe_in_a_race
                is_undone_with_its_transaction
                changes_what_is_there
                changes_for_each_model_of_a_batch
                asks_what_is_there
                computes_what_the_engine_does_not
                refuses_changes_of_what_tells_models
                loses_no_change_in_a_race
            }
            rules {
                refuse_a_stale_version
                run_again_after_a_conflict_where_that_is_asked
                raise_the_version_of_every_change
                let_one_of_two_updates_win
                keep_the_times
                mark_what_is_deleted
                undo_a_mark_with_its_transaction
                refuse_columns_of_the_wrong_type
            }
            tenants {
                see_their_own_models_only
                count_their_own_models_only
                claim_their_own_models_only
                change_their_own_models_only
                store_nothing_outside
                keep_conditions_on_several_columns
                tell_nothing_of_taken_keys
                keep_to_the_other_rules
                are_told_apart_by_any_value
                refuse_a_filter_they_cannot_keep
                may_have_a_large_filter
            }
            append_only {
                keep_models_of_one_id
                are_read_and_deleted_by_filters
                lose_none_in_a_stream_of_a_transaction
                have_pages_in_a_unique_order
                refuse_upserts
                keep_to_their_filter
            }
            delete {
                is_idempotent
                deletes_all_of_its_own_table
                follows_the_schema
                cascades_unless_a_reference_restricts
                follows_a_long_chain
                counts_models_that_take_each_other_along
                takes_nothing_for_a_reference_to_nothing
            }
            ids {
                may_be_generated_numbers
                may_be_uuids
                may_be_text
                may_be_composite
                may_be_newtypes
            }
            values {
                come_back_exactly
                are_refused_where_some_backend_would_change_them
                are_refused_before_they_are_stored_where_they_cannot_be_read
                are_decimals_and_never_rounded
                are_cast_as_the_entity_says
            }
            errors {
                name_a_duplicate_id
                name_a_duplicate_value
                name_a_composite_duplicate
                name_a_missing_parent
                name_a_missing_value
                name_a_failed_check
                name_a_missing_table
                name_a_closed_store
                wait_for_what_runs_before_they_close
                name_a_store_that_stays_busy
                show_no_values
            }
            tx {
                commits_on_ok
                rolls_back_on_error_and_returns_it_as_it_is
                rolls_back_on_panic
                joins_every_repository_of_the_store
                is_invisible_until_it_commits
                fails_if_a_statement_failed
                refuses_statements_after_a_failed_one
                goes_on_after_a_missing_model
                runs_on_a_repository_as_well
                runs_in_a_spawned_task_behind_a_trait_object
                can_be_begun_and_ended_by_hand
                rolls_back_when_its_context_is_dropped
                leaves_nothing_of_an_order_that_fails_anywhere
            }
            nested {
                undoes_only_the_inner_part
                is_undone_with_the_outer_part
                hides_no_failure_of_the_inner_part
                keeps_to_a_model_five_levels_deep
                refuses_the_outer_context_while_open
                refuses_other_options
                runs_one_after_another
            }
            scope {
                seals_a_context_that_leaves
                refuses_a_write_to_another_store
                reads_another_store
                steps_outside_when_asked
                carries_one_transaction_of_each_store
                takes_statements_along
                refuses_a_second_connection_at_once
                sees_every_transaction_around_it
                refuses_to_wait_for_itself
            }
            sql {
                refuses_a_nul
                belongs_to_the_transaction
                reads_into_any_type
                binds_values
                takes_one_statement
                keeps_a_read_only_transaction_from_writing
                reads_what_it_wrote
            }
            hooks {
                run_after_the_commit_in_order
                do_not_run_after_a_rollback
                do_not_run_for_a_nested_part_that_failed
                do_not_stop_at_a_panic
                may_hold_their_context
                run_for_a_transaction_begun_by_hand
            }
            options {
                refuse_what_the_store_cannot_give
                keep_a_read_only_transaction_from_writing
                leave_the_connection_as_it_was
                offer_what_is_declared
            }
            cancel {
                leaves_nothing_wherever_a_transaction_is_dropped
                leaves_all_or_nothing_of_a_batch
                leaves_the_outer_part_usable_or_aborted
                aborts_a_transaction_whose_statement_was_dropped
                keeps_a_leaked_context_from_holding_the_connection
                frees_the_connection_although_others_wait_for_it
            }
            concurrency {
                counts_exactly_under_load
                shares_one_transaction_between_joined_calls
                gives_way_to_waiting_writers
                sells_each_apple_once
                reads_the_same_again
                lets_other_tasks_have_their_turns
            }
            catalog {
                tells_of_tables
                names_a_missing_table
                does_for_rows_what_it_does_for_models
                tells_what_is_left_out_from_null
                refuses_rows_that_do_not_fit
                belongs_to_the_transaction
                carries_values_as_they_are
                carries_references_as_they_are
            }
            turns {
                come_while_models_are_made
            }
        }
    };
}

/// Makes a test of each of these promises.
#[macro_export]
#[doc(hidden)]
macro_rules! __promises {
    ($harness:expr; $($module:ident { $($promise:ident)* })*) => {
        $(mod $module {
            #[allow(unused_imports)]
            use super::*;

            $(
                #[test]
                fn $promise() {
                    static HARNESS: &dyn $crate::testing::Harness = &$harness;
                    $crate::testing::run(HARNESS, $crate::testing::conformance::$module::$promise);
                }
            )*
        })*
    };
}
