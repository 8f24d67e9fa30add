//! Rounds: every subject in turn, whoever comes first changing, and what comes out of it.

use std::time::Duration;

/// How long a subject took in each round.
#[derive(Clone, Debug, Default)]
pub struct Times(Vec<Duration>);

impl Times {
    pub fn push(&mut self, time: Duration) {
        self.0.push(time);
        self.0.sort_unstable();
    }

    /// The one in the middle, or half way between the two that are.
    pub fn median(&self) -> Duration {
        let middle = |position: usize| self.0.get(position).copied().unwrap_or_default();
        (middle(self.0.len().saturating_sub(1) / 2) + middle(self.0.len() / 2)) / 2
    }

    /// The time that so large a part of all does not exceed.
    pub fn quantile(&self, part: f64) -> Duration {
        let position = (self.0.len().saturating_sub(1) as f64 * part).round() as usize;
        self.0.get(position).copied().unwrap_or_default()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<Duration> for Times {
    fn from_iter<I: IntoIterator<Item = Duration>>(times: I) -> Self {
        let mut times = Self(times.into_iter().collect());
        times.0.sort_unstable();
        times
    }
}

/// Subjects and their times. A round goes through [`turn`](Self::turn) once.
pub struct Subjects<S> {
    subjects: Vec<(usize, S, Times)>,
}

impl<S> Subjects<S> {
    pub fn new(subjects: impl IntoIterator<Item = S>) -> Self {
        let subjects = subjects.into_iter().enumerate();
        Self { subjects: subjects.map(|(position, subject)| (position, subject, Times::default())).collect() }
    }

    /// The subjects of the next round. Each round begins with another one.
    pub fn turn(&mut self) -> impl Iterator<Item = (&mut S, &mut Times)> {
        if !self.subjects.is_empty() {
            self.subjects.rotate_left(1);
        }
        self.subjects.iter_mut().map(|(_, subject, times)| (subject, times))
    }

    /// All of them, in the order given.
    pub fn finish(mut self) -> Vec<(S, Times)> {
        self.subjects.sort_by_key(|(position, ..)| *position);
        self.subjects.into_iter().map(|(_, subject, times)| (subject, times)).collect()
    }
}
