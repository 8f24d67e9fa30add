//! The ways into a queue.

use std::{io, slice::from_ref, sync::Arc};

use serde::Serialize;
use tokio::sync::oneshot;

use super::{
    FeedEvent, Ticket, WhenFull, WriteBehind,
    batch_writer::Attempt,
    queue::{Incoming, Queue, Taken},
    ticket::{AnswerSender, Loss, TicketPosition},
};
use crate::{
    context::Cx,
    error::{Error, ErrorKind, Result},
};

/// What becomes of one model, on its way to a ticket.
type Receiver<M> = oneshot::Receiver<Result<M>>;

/// # Ways in
/// With a context that is in a transaction, a model enters the queue when that commits, and not otherwise: its ticket is then
/// [`TransactionAborted`](ErrorKind::TransactionAborted). Room for it is taken at once. It is written after the commit, in a
/// transaction of the queue's own. In a [sandbox](crate::TransactionalExt::sandbox) it is
/// [`Unsupported`](ErrorKind::Unsupported).
///
/// The context's deadline and cancellation are about getting in; what is accepted is written whatever becomes of them. A model is
/// copied, and refused, because
/// - there is no room: [`QueueFull`](ErrorKind::QueueFull);
/// - the queue was closed: [`Closed`](ErrorKind::Closed);
/// - its id is left to the engine where models are looked for by id, or there are more models at once than the queue ever holds:
///   [`InvalidInput`](ErrorKind::InvalidInput);
/// - with a journal: it has a value that [`create`](crate::Creator#errors) refuses, which is
///   [`InvalidInput`](ErrorKind::InvalidInput), or a column of a type that a [journal](crate::Journal) does not hold, which is
///   [`Unsupported`](ErrorKind::Unsupported);
/// - without a journal: it is no JSON, by which its bytes are counted: [`InvalidInput`](ErrorKind::InvalidInput);
/// - the context's time is over: [`DeadlineExceeded`](ErrorKind::DeadlineExceeded), [`Cancelled`](ErrorKind::Cancelled);
/// - the transaction has ended or cannot commit any more: as for [`Cx::on_commit`];
/// - the journal cannot be written: [`Io`](ErrorKind::Io), [`ResourceExhausted`](ErrorKind::ResourceExhausted).
impl<M: Clone + Serialize + Send + Sync + 'static> WriteBehind<M> {
    /// Submits a model, and never waits. With a journal it is written to a file, which the operating system takes into its
    /// memory.
    ///
    /// # Errors
    /// See [Ways in](#ways-in).
    pub fn submit(&self, cx: &Cx, model: &M) -> Result<Ticket<M>> {
        let (new, answer) = self.incoming(cx, model)?;
        let position = self.enter(cx, [new]).inspect_err(|error| self.note_refused(error, from_ref(model)))?;
        Ok(self.ticket(position, answer))
    }

    /// Submits models, all or none, with no other between them.
    ///
    /// # Errors
    /// See [Ways in](#ways-in).
    pub fn submit_many(&self, cx: &Cx, models: &[M]) -> Result<Vec<Ticket<M>>> {
        let incoming: Result<(Vec<_>, Vec<_>)> = models.iter().map(|model| self.incoming(cx, model)).collect();
        let (new, answers) = incoming?;
        if new.is_empty() {
            return Ok(Vec::new());
        }
        let first = self.enter(cx, new).inspect_err(|error| self.note_refused(error, models))?;
        Ok((0..).zip(answers).map(|(index, answer)| self.ticket(first.plus(index), answer)).collect())
    }

    /// Submits a model as soon as there is room, in the order in which this is called. With a journal that is synced for
    /// [each](crate::JournalSync::Each), it returns when the model is on the disk. In a transaction it does not wait, because the
    /// queue may wait for that.
    ///
    /// # Errors
    /// See [Ways in](#ways-in). It is not [`QueueFull`](ErrorKind::QueueFull), but in a transaction.
    ///
    /// # Dropping the future
    /// The model is not accepted, unless it waits for the disk already.
    pub async fn submit_wait(&self, cx: &Cx, model: &M) -> Result<Ticket<M>> {
        if cx.is_in_any() {
            return self.submit(cx, model);
        }
        let (new, answer) = self.incoming(cx, model)?;
        let queue = &self.shared.queue;
        self.reserve_in_turn(cx, Taken::by(from_ref(&new))).await?;
        let position = queue.enter_reserved([new])?;
        let ticket = self.ticket(TicketPosition::At(position), answer);
        let Some(journal) = &queue.journal else { return Ok(ticket) };
        let on_disk = tokio::select! {
            on_disk = journal.on_disk(position) => on_disk,
            // What has become of it is on its ticket.
            () = queue.ended.cancelled() => Ok(()),
        };
        match on_disk {
            Ok(()) => Ok(ticket),
            // If it is too late to withdraw it, it is being written.
            Err(error) => ticket.withdraw().map_or_else(Ok, |_| Err(error)),
        }
    }

    /// Submits a model or, if there is no room, creates it at once, past the queue, and so before what waits there; in a
    /// transaction, in that. Its ticket is then answered already.
    ///
    /// # Errors
    /// See [Ways in](#ways-in), and [`create_many`](crate::Creator::create_many).
    ///
    /// # Dropping the future
    /// As for [`create_many`](crate::Creator::create_many), if it is past the queue. Else nothing is submitted.
    pub async fn submit_or_create(&self, cx: &Cx, model: &M) -> Result<Ticket<M>> {
        let (new, answer) = self.incoming(cx, model)?;
        match self.enter(cx, [new]) {
            Err(error) if error.kind() == ErrorKind::QueueFull => {}
            position => return Ok(self.ticket(position?, answer)),
        }
        let attempt = Attempt { models: from_ref(model), key: "", is_doubtful: false, are_wanted: true };
        let stored = self.shared.direct.store(cx, attempt).await.map_err(|failure| failure.error)?;
        let stored = stored.and_then(|stored| stored.into_iter().next());
        let stored = stored.unwrap_or_else(|| model.clone());
        let (queue, created) = (self.shared.queue.clone(), stored.clone());
        let tell = move || queue.feed(|feed| feed.tell(&created, FeedEvent::Stored));
        if cx.waits_for_commit()? {
            cx.on_commit(tell)?
        } else {
            tell()
        }
        let (created, answer) = AnswerSender::new(Loss::Waiting);
        created.give(Ok(stored));
        Ok(self.ticket(TicketPosition::later(), answer))
    }

    /// A model on its way in, if it may come in.
    fn incoming(&self, cx: &Cx, model: &M) -> Result<(Incoming<M>, Receiver<M>)> {
        cx.limits().check()?;
        if cx.is_in_sandbox() {
            return Err(Error::new(ErrorKind::Unsupported, "a queue writes outside of the sandbox"));
        }
        self.shared.writer.check(model)?;
        let (bytes, encoded) = match &self.shared.codec {
            Some(codec) => (codec.encode)(model).map(|encoded| (encoded.len(), encoded))?,
            None => (weigh(model)?, Vec::new()),
        };
        let (answer, receiver) = AnswerSender::new(Loss::Uncommitted);
        Ok((Incoming { model: model.clone(), bytes, encoded, answer }, receiver))
    }

    fn ticket(&self, position: TicketPosition, answer: Receiver<M>) -> Ticket<M> {
        Ticket::new(self.shared.queue.clone(), position, answer)
    }

    fn note_refused(&self, error: &Error, models: &[M]) {
        if error.kind() == ErrorKind::QueueFull {
            self.shared.queue.rejected(models);
        }
    }

    /// Reserves capacity, before those that ask for it later.
    async fn reserve_in_turn(&self, cx: &Cx, taken: Taken) -> Result<()> {
        let queue = &self.shared.queue;
        let reserved = async {
            let _turn = queue.waiters.lock().await;
            loop {
                match queue.reserve(taken, WhenFull::Reject) {
                    Err(error) if error.kind() == ErrorKind::QueueFull => queue.capacity_freed.notified().await,
                    reserved => return reserved,
                }
            }
        };
        cx.limits().bound("while it waited for room in the queue", reserved).await
    }

    /// Accepts models, now or when the context's transaction commits.
    fn enter<I>(&self, cx: &Cx, new: I) -> Result<TicketPosition>
    where
        I: IntoIterator<Item = Incoming<M>> + AsRef<[Incoming<M>]> + Send + 'static,
    {
        let queue = &self.shared.queue;
        if !cx.waits_for_commit()? {
            return queue.push(new).map(TicketPosition::At);
        }
        let taken = Taken::by(new.as_ref());
        queue.reserve(taken, queue.options.when_full)?;
        let position = TicketPosition::later();
        let uncommitted = Uncommitted { queue: queue.clone(), taken, new: Some(new), position: position.clone() };
        cx.on_commit(move || uncommitted.enter())?;
        Ok(position)
    }
}

/// Models that wait for a commit, and have room already.
struct Uncommitted<M: Clone + Send + Sync + 'static, I> {
    queue: Arc<Queue<M>>,
    taken: Taken,
    new: Option<I>,
    position: TicketPosition,
}

impl<M, I> Uncommitted<M, I>
where
    M: Clone + Send + Sync + 'static,
    I: IntoIterator<Item = Incoming<M>> + AsRef<[Incoming<M>]>,
{
    fn enter(mut self) {
        // Its tickets are told if that does not work.
        if let Some(Ok(first)) = self.new.take().map(|new| self.queue.enter_reserved(new)) {
            self.position.set(first);
        }
    }
}

impl<M: Clone + Send + Sync + 'static, I> Drop for Uncommitted<M, I> {
    fn drop(&mut self) {
        if self.new.is_some() {
            self.queue.release(self.taken);
        }
    }
}

/// How many bytes a model takes.
fn weigh<M: Serialize>(model: &M) -> Result<usize> {
    let mut weight = Weight(0);
    let weighed = serde_json::to_writer(&mut weight, model).map(|()| weight.0);
    weighed.map_err(|error| Error::new(ErrorKind::InvalidInput, "the model is no JSON").with_source(error))
}

/// Counts what is written to it.
struct Weight(usize);

impl io::Write for Weight {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
