//! Models in files that people can read, and put under version control: a YAML or JSON file for each, or a file of lines for
//! each table.
//!
//! The rows are in memory as well, as [tables](super::Tables), which answer all queries. A commit writes new files beside the old
//! ones, then a record of which takes which place, and then moves them there: a crash leaves the files from before, or a record
//! by which whoever opens the store goes on. Changes that others make in the folder are noticed before each operation.

mod column_seed;
mod committed;
mod deep_stack;
mod document;
mod events;
mod file_change;
mod file_format;
mod findings;
mod folder;
mod folder_watch;
mod json;
mod line_file;
mod model_files;
mod name;
mod opening;
mod shared;
mod shown_value;
mod staging;
mod store;
mod stored_files;
mod sums;
mod table_files;
mod text;
mod url;
mod yaml;

pub(crate) use self::opening::open;
#[cfg(feature = "disk")]
pub(in crate::backend) use self::{
    document::no_unknown,
    findings::Findings,
    folder::{Folder, open_regular, require_folder},
    json::{Line, read_line, write_line},
    name::of_table as name_of_table,
    shared::check_table,
};

#[cfg(test)]
mod tests;
