use super::{Creator, Deleter, Reader, Transactional, Updater};

/// Everything a repository can do, for application code to hold as `Arc<dyn Storage<User, Uuid>>` without knowing what is
/// behind it. Implemented for whatever implements the five traits.
///
/// An `Arc<dyn Storage<M, Id>>` turns into an `Arc<dyn Reader<M, Id>>`, or any other of the five, by assignment.
pub trait Storage<M: Send + Sync, Id: Send + Sync>:
    Creator<M> + Reader<M, Id> + Updater<M> + Deleter<M, Id> + Transactional
{
}

impl<M, Id, S> Storage<M, Id> for S
where
    M: Send + Sync,
    Id: Send + Sync,
    S: Creator<M> + Reader<M, Id> + Updater<M> + Deleter<M, Id> + Transactional + ?Sized,
{
}
